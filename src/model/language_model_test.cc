#include "model/language_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "model/command_model.h"
#include "model/prompt.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ScriptedChat final : public ChatClient {
 public:
  ScriptedChat(ChatReply reply, bool* cancelled)
      : reply_(std::move(reply)), cancelled_(cancelled) {}
  ChatReply Ask(const ChatRequest& request) override {
    ChatReply reply = reply_;
    reply.exchanges.push_back({request.user, reply.text});
    return reply;
  }
  void Cancel() override { *cancelled_ = true; }

 private:
  ChatReply reply_;
  bool* cancelled_;
};

ChatRequest Prompt(const ModelRequest&, int64_t max_tokens, int64_t max_output_tokens) {
  ChatRequest prompt;
  prompt.system = "sys";
  prompt.user = "at most " + std::to_string(max_tokens);
  prompt.schema = Json::object();
  prompt.schema_name = "reply";
  prompt.max_output_tokens = max_output_tokens;
  return prompt;
}

// "good" is an answer.
ModelReply Parse(std::string_view text, const ModelRequest&) {
  ModelReply reply;
  if (text.find("good") != std::string_view::npos) {
    reply.proposals.push_back({0, {}, 0.5, std::string(text)});
    reply.notes.emplace_back("parsed");
  } else {
    reply.failure = CallFailure::kUnusable;
    reply.error = "no proposal in it";
  }
  return reply;
}

PoolEntry StrongEntry() {
  PoolEntry entry;
  entry.name = "m";
  entry.provider = "openai";
  entry.model = "x";
  entry.price = {10, 100, 1};
  entry.retries = 1;
  entry.max_prompt_tokens = 5000;
  entry.max_output_tokens = 1000;
  return entry;
}

ModelReply Propose(ChatReply chat) {
  bool cancelled = false;
  LanguageModel model(StrongEntry(), std::make_unique<ScriptedChat>(std::move(chat), &cancelled),
                      Prompt, Parse);
  ModelReply reply = model.Propose({});
  model.Cancel();
  EXPECT_TRUE(cancelled);
  return reply;
}

TEST(LanguageModel, ParsesTheAnswerAndKeepsWhatItCost) {
  ChatReply chat;
  chat.text = "good";
  chat.usage = {.tokens_in = 3, .tokens_out = 4, .cost_usd = 5};
  chat.notes = {"asked twice"};
  const ModelReply reply = Propose(chat);
  EXPECT_EQ(reply.failure, CallFailure::kNone);
  EXPECT_EQ(reply.proposals.size(), 1U);
  EXPECT_EQ(reply.usage.tokens_out, 4);
  EXPECT_EQ(reply.usage.cost_usd, 5);
  EXPECT_THAT(reply.notes, ElementsAre("asked twice", "parsed"));
  ASSERT_EQ(reply.exchanges.size(), 1U);
  EXPECT_EQ(reply.exchanges[0].request, "at most 5000");
}

TEST(LanguageModel, UsesWhatIsLeftOfATruncatedAnswer) {
  ChatReply chat;
  chat.text = "good but cu";
  chat.failure = CallFailure::kTruncated;
  chat.error = "raise the limit";
  ModelReply reply = Propose(chat);
  EXPECT_EQ(reply.failure, CallFailure::kNone);
  EXPECT_THAT(reply.notes.front(), HasSubstr("cut at the token limit"));
  chat.text = "bad";
  reply = Propose(chat);
  EXPECT_EQ(reply.failure, CallFailure::kTruncated);
  EXPECT_EQ(reply.error, "raise the limit");
}

TEST(LanguageModel, PassesFailuresOn) {
  ChatReply chat;
  chat.text = "bad";
  EXPECT_EQ(Propose(chat).error, "no proposal in it");
  chat.text = " ";
  EXPECT_EQ(Propose(chat).failure, CallFailure::kUnusable);
  chat.text = "good, but I cannot";
  chat.failure = CallFailure::kRefused;
  chat.error = "the model declined";
  chat.usage.tokens_out = 7;
  const ModelReply reply = Propose(chat);
  EXPECT_EQ(reply.failure, CallFailure::kRefused);
  EXPECT_EQ(reply.error, "the model declined");
  EXPECT_TRUE(reply.proposals.empty());
  EXPECT_EQ(reply.usage.tokens_out, 7) << "charged";
}

TEST(LanguageModel, LimitsHoldAnAnswerAndTheTriesBrokenOffBeforeIt) {
  const ChatRequest prompt = Prompt({}, 5000, 1000);
  const CallLimits limits = LimitsOf(StrongEntry(), prompt);
  const auto bytes = static_cast<int64_t>(prompt.user.size() + prompt.system.size() + 2);
  EXPECT_GE(MostTokensOfTry(prompt), bytes + 1000);
  EXPECT_GE(limits.tokens, MostTokensOfTry(prompt) + TokensOfBytes(bytes));
  EXPECT_LE(limits.tokens, MostTokensOfTry(prompt) + TokensOfBytes(bytes) + 1000);
  EXPECT_NEAR(limits.cost_usd,
              (static_cast<double>(limits.tokens - 1000) * 10 + 1000 * 100.0) * 1e-6, 1e-12);
}

ModelReply ReadLine(const std::string& line, size_t max_proposals = 8) {
  ChatReply chat;
  chat.text = line;
  ModelRequest request;
  request.max_proposals = max_proposals;
  return ReadCommandLine(chat, request, {10, 100, 1}, Parse);
}

TEST(CommandLine, IsAnAnswerOrWordsOrAReply) {
  EXPECT_EQ(ReadLine(R"({"id": 1, "is": "good", "usage": {}})").proposals[0].reason,
            R"({"is":"good"})")
      << "what belongs to the protocol is not the answer's";
  EXPECT_EQ(ReadLine(R"({"text": "good \"words\""})").proposals[0].reason, "good \"words\"");
  const ModelReply reply =
      ReadLine(R"({"reply": {"proposals": [{"keep_steps": 2, "steps": [], "reason": "a\nb"}]}})");
  ASSERT_EQ(reply.proposals.size(), 1U) << reply.error;
  EXPECT_EQ(reply.proposals[0].keep_steps, 2U);
  EXPECT_EQ(reply.proposals[0].reason, "a b");
}

TEST(CommandLine, CountsAndPricesWhatIsReported) {
  const ModelReply priced =
      ReadLine(R"({"text": "good", "usage": {"tokens_in": 100, "tokens_out": 10}})");
  EXPECT_EQ(priced.usage.tokens_in, 100);
  EXPECT_NEAR(priced.usage.cost_usd, (100 * 10 + 10 * 100) * 1e-6, 1e-12);
  EXPECT_EQ(ReadLine(R"({"text": "good", "usage": {"cost_usd": 0.5}})").usage.cost_usd, 0.5);
  EXPECT_EQ(ReadLine(R"({"text": "good", "usage": {"tokens_in": -7}})").usage.tokens_in, 0);
  EXPECT_EQ(ReadLine(R"({"reply": {"proposals": [], "usage": {"tokens_in": 5}}})").usage.tokens_in,
            5);
}

TEST(CommandLine, HasAnOutcomeWhateverItSays) {
  EXPECT_EQ(ReadLine(R"({"error": "no\ngood"})").error, "no good");
  EXPECT_EQ(ReadLine(R"({"reply": {"proposals": [{}]}})").failure, CallFailure::kUnusable);
  EXPECT_EQ(ReadLine(R"({"reply": {}})").error, "the reply holds no proposal");
  EXPECT_EQ(ReadLine(R"({"reply": {"failure": "refused"}})").failure, CallFailure::kRefused);
  EXPECT_EQ(ReadLine("{broken, good").proposals.size(), 1U) << "the parser gets it as it is";
  EXPECT_EQ(ReadLine("{broken").error, "no proposal in it");
  const ModelReply many =
      ReadLine(R"({"reply": {"proposals": [{"steps": []}, {"steps": []}, {"steps": []}]}})", 2);
  EXPECT_EQ(many.proposals.size(), 2U);
  EXPECT_THAT(many.notes, ElementsAre("1 proposals more than asked for were left out"));
}

PoolEntry Shell(const std::string& script) {
  PoolEntry entry = StrongEntry();
  entry.provider = "command";
  entry.command = {"sh", "-c", script};
  entry.total_timeout_s = 20;
  return entry;
}

ModelReply AnswerOf(const PoolEntry& entry) {
  CommandModel model(entry, Prompt, Parse);
  return model.Propose({});
}

TEST(CommandModel, AsksAProgramLineByLine) {
  // The process's number shows that both questions went to the same one.
  CommandModel model(Shell("n=0; while read -r l; do n=$((n+1)); echo loading; "
                           "echo \"{\\\"text\\\": \\\"good $n ${#l}\\\"}\"; done"),
                     Prompt, Parse);
  const ModelReply first = model.Propose({});
  ASSERT_EQ(first.failure, CallFailure::kNone) << first.error;
  EXPECT_THAT(first.proposals[0].reason, HasSubstr("good 1 "));
  EXPECT_THAT(model.Propose({}).proposals[0].reason, HasSubstr("good 2 "));
  const Json sent = Json::parse(first.exchanges[0].request);
  EXPECT_EQ(sent["type"], "propose");
  EXPECT_EQ(sent["user"], "at most 5000");
  EXPECT_EQ(sent["max_output_tokens"], 1000);
  EXPECT_EQ(sent["state"]["action_space"], "plan");
}

TEST(CommandModel, StartsADeadProgramAgain) {
  // Answers once, then ends without a word; the next question finds a new one.
  CommandModel model(Shell("read -r l; echo '{\"text\": \"good\"}'"), Prompt, Parse);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(model.Propose({}).error, "");
  // Dies of every question.
  const ModelReply reply = AnswerOf(Shell("read -r l; echo 'it is broken' >&2; exit 3"));
  EXPECT_EQ(reply.failure, CallFailure::kNetwork);
  EXPECT_EQ(reply.error, "'sh' exited with status 3: it is broken (2 tries)");
  EXPECT_EQ(reply.exchanges.size(), 2U);
}

TEST(CommandModel, SaysWhatIsWrongWithAProgram) {
  PoolEntry entry = Shell("");
  entry.command = {"/nonexistent/program"};
  EXPECT_THAT(AnswerOf(entry).error, HasSubstr("cannot start '/nonexistent/program'"));
  entry = Shell("read -r l; sleep 60");
  entry.total_timeout_s = 0.05;
  const ModelReply late = AnswerOf(entry);
  EXPECT_EQ(late.failure, CallFailure::kTimeout);
  EXPECT_THAT(late.error, HasSubstr("no answer within 0.05 s"));
  EXPECT_THAT(AnswerOf(Shell("exec >&-; sleep 60")).error, HasSubstr("closed its standard output"));
  EXPECT_THAT(AnswerOf(Shell("head -c 9000000 /dev/zero; sleep 60")).error,
              HasSubstr("wrote a line of more than 8388608 bytes"));
  EXPECT_EQ(AnswerOf(Shell("yes '{' | head -n 300 | tr -d '\\n'; echo; sleep 60")).failure,
            CallFailure::kUnusable);
}

TEST(CommandModel, SkipsAnswersToOtherQuestions) {
  const ModelReply reply =
      AnswerOf(Shell("read -r l; echo '{\"id\": 99, \"text\": \"good old\"}'; "
                     "echo '{\"id\": 1, \"text\": \"good new\"}'; sleep 60"));
  ASSERT_EQ(reply.proposals.size(), 1U) << reply.error;
  EXPECT_EQ(reply.proposals[0].reason, "good new");
}

TEST(CommandModel, HidesKeysOfItsEnvironment) {
  setenv("BANYAN_TEST_API_KEY", "planted-key", 1);
  const ModelReply failed =
      AnswerOf(Shell("read -r l; echo \"bad $BANYAN_TEST_API_KEY\" >&2; exit 1"));
  const ModelReply answered =
      AnswerOf(Shell("read -r l; echo \"{\\\"text\\\": \\\"good $BANYAN_TEST_API_KEY\\\"}\""));
  unsetenv("BANYAN_TEST_API_KEY");
  EXPECT_THAT(failed.error, HasSubstr("bad [key]"));
  EXPECT_EQ(answered.proposals[0].reason, "good [key]");
  EXPECT_THAT(answered.exchanges[0].reply, HasSubstr("[key]"));
}

TEST(CommandModel, CancelEndsCallsUnderWay) {
  CommandModel model(Shell("sleep 60"), Prompt, Parse);
  std::vector<ModelReply> replies(3);  // two run, one waits
  std::vector<std::thread> threads;
  for (ModelReply& reply : replies) {
    threads.emplace_back([&model, &reply] { reply = model.Propose({}); });
  }
  model.Cancel();
  for (std::thread& thread : threads) thread.join();
  for (const ModelReply& reply : replies) EXPECT_EQ(reply.failure, CallFailure::kCancelled);
  EXPECT_EQ(model.Propose({}).failure, CallFailure::kCancelled);
}

}  // namespace
}  // namespace banyan
