#include "model/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/strings.h"
#include "model/prompt_parts.h"
#include "model/reply.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kPlenty = 1'000'000;

Plan PlanFrom(const std::string& text) {
  auto plan = ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return *plan;
}

ModelStanding Standing(const char* name, ModelRole role, double parameters_b, int64_t calls,
                       int64_t hits) {
  ModelStanding standing;
  standing.info.name = name;
  standing.info.role = role;
  standing.info.parameters_b = parameters_b;
  standing.info.price = {3, 15, 0.3};
  standing.calls = calls;
  standing.hits = hits;
  standing.mean_gain = 0.1;
  return standing;
}

// Everything a request can hold, on the fake product.
ModelRequest FullRequest() {
  const auto compiler = MakeFakeCompiler();
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  request.target = std::make_shared<const Target>(FakeTarget());
  request.root = *compiler->Root();
  const Plan first = PlanFrom("tile(block=C, factors={i: [8]})\n");
  const Plan leaf = PlanFrom("tile(block=C, factors={i: [8]})\nunroll(loop=C.i.1)\n");
  request.leaf = *compiler->Apply(leaf);
  request.default_latency_ms = 10;
  request.leaf_latency_ms = 4;
  request.path = {{Plan(), 10, ""}, {first, 8, ""}};
  request.best = {{PlanFrom("vectorize(loop=C.j)\n"), 2, ""}, {leaf, 4, ""}, {first, 8, ""}};
  request.failures = {"step 3: first", "second", "third", "fourth", "fifth"};
  request.tried_plans = {1, 2, 3};
  request.peak_gflops = 100;
  request.max_proposals = 4;
  request.trials_left = 90;
  request.calls_left = 11;
  request.call_id = 1234567;
  request.seed = 7654321;
  request.model = "large";
  request.pool = {Standing("large", ModelRole::kStrong, 70, 2, 1),
                  Standing("small", ModelRole::kLight, 8, 5, 2)};
  request.ask_history = {"small", "large"};
  request.left = {90, 11, 3, std::numeric_limits<double>::infinity(), 1.5, 600};
  request.progress = 0.25;
  request.depth = 2;
  request.examples = {{"fake-matmul:M=32,N=32,K=32", PlanFrom("unroll(loop=C.k)\n"), 12}};
  request.states = {{"# the leaf's program\n", PrintPlan(leaf), 0.5},
                    {"# its parent's program\n", PrintPlan(first), 0.4},
                    {"# its grandparent's program\n", "", 0.1}};
  request.mutators = {"tile_size", "compute_location", "parallel", "unroll"};
  Review review;
  review.model = "small";
  review.steps = PlanFrom("unroll(loop=C.k)\n").steps;
  review.mutators = {"unroll"};
  review.parent.score = 0.5;
  review.child = {"# what it made\n", "", 0.3};
  request.review = review;
  return request;
}

std::string Text(const ChatRequest& chat) {
  return "==== system\n" + chat.system + "==== user\n" + chat.user + "==== schema " +
         chat.schema_name + "\n" + chat.schema.dump(2) + "\n";
}

void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = std::string(BANYAN_SOURCE_DIR) + "/src/model/testdata/" + name;
  if (std::getenv("BANYAN_UPDATE_GOLDENS") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  const auto lines = Split(text, '\n');
  const auto expected = Split(golden.str(), '\n');
  for (size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    ASSERT_EQ(i < lines.size() ? lines[i] : "(end)", i < expected.size() ? expected[i] : "(end)")
        << "line " << i + 1 << "; renew " << path
        << " with BANYAN_UPDATE_GOLDENS=1 if the change is meant";
  }
}

// ---- what it says ------------------------------------------------------------------------------

TEST(PromptTest, OfPlansIsTheGoldenOne) {
  ExpectGolden("prompt_plan.txt", Text(MakePrompt(FullRequest(), kPlenty, 4096)));
}

TEST(PromptTest, OfMutatorsIsTheGoldenOne) {
  ModelRequest request = FullRequest();
  request.action_space = ActionSpace::kMutators;
  ExpectGolden("prompt_mutators.txt", Text(MakePrompt(request, kPlenty, 4096)));
}

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The document shows the system part, the golden prompt of mlp and the golden reply, in this order,
// each fenced by four backquotes.
TEST(PromptTest, TheDocumentShowsTheGoldenOnes) {
  const std::string root = BANYAN_SOURCE_DIR;
  const std::string path = root + "/docs/prompt.md";
  const std::vector<std::string> wanted = {PlanSystemText(),
                                           FileText(root + "/tests/model/testdata/prompt_mlp.txt"),
                                           FileText(root + "/tests/model/testdata/reply_mlp.json")};
  std::string document = FileText(path);
  const std::string fence = "````\n";
  const bool update = std::getenv("BANYAN_UPDATE_GOLDENS") != nullptr;
  size_t at = 0;
  for (const std::string& text : wanted) {
    const size_t begin = document.find(fence, at);
    ASSERT_NE(begin, std::string::npos);
    const size_t end = document.find(fence, begin + fence.size());
    ASSERT_NE(end, std::string::npos);
    const size_t inside = begin + fence.size();
    const std::string shown = document.substr(inside, end - inside);
    if (update) {
      document.replace(inside, shown.size(), text);
    } else {
      EXPECT_EQ(shown, text) << "renew " << path
                             << " with BANYAN_UPDATE_GOLDENS=1 (after the golden prompts)";
    }
    at = inside + (update ? text.size() : shown.size()) + fence.size();
  }
  if (update) std::ofstream(path) << document;
}

TEST(PromptTest, SaysNothingOfTheRun) {
  ModelRequest request = FullRequest();
  const std::string text = Text(MakePrompt(request, kPlenty, 4096));
  request.seed = 1;
  request.call_id = 2;
  request.tried_plans.clear();
  for (ModelStanding& model : request.pool) model.mean_seconds += 1;
  EXPECT_EQ(Text(MakePrompt(request, kPlenty, 4096)), text);
  EXPECT_THAT(text, Not(HasSubstr("1234567")));
}

TEST(PromptTest, OfMutatorsSaysNothingOfTheMachine) {
  ModelRequest request = FullRequest();
  request.action_space = ActionSpace::kMutators;
  const ChatRequest chat = MakePrompt(request, kPlenty, 4096);
  for (const char* word : {"ms", "GFLOP", "cache", "fake CPU"}) {
    if (std::string(word) == "cache") continue;  // the role speaks of caches in general
    EXPECT_THAT(chat.user, Not(HasSubstr(std::string(" ") + word))) << word;
  }
  request.pool.resize(1);
  const ChatRequest alone = MakePrompt(request, kPlenty, 4096);
  EXPECT_THAT(alone.user, Not(HasSubstr("# Models")));
  EXPECT_THAT(alone.system, HasSubstr("step by step"));
}

TEST(PromptTest, AnEmptyRequestHasAPrompt) {
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  request.target = std::make_shared<const Target>(FakeTarget());
  request.root.program = std::make_shared<const ProgramView>(FakeConvProgram(8, 6));
  request.leaf = request.root;
  request.default_latency_ms = std::numeric_limits<double>::quiet_NaN();
  request.leaf_latency_ms = std::numeric_limits<double>::quiet_NaN();
  for (const ActionSpace space : {ActionSpace::kPlan, ActionSpace::kMutators}) {
    request.action_space = space;
    const std::string text = Text(MakePrompt(request, kPlenty, 4096));
    EXPECT_THAT(text, Not(HasSubstr("nan")));
    EXPECT_THAT(text, Not(HasSubstr("inf ")));
    EXPECT_THAT(text, HasSubstr("pad[n, c, h, w] = f(X[n, c, h - 1, w - 1])"));
  }
}

TEST(PromptTest, NamesAreThoseOfSteps) {
  const std::string user = MakePrompt(FullRequest(), kPlenty, 4096).user;
  EXPECT_THAT(user, HasSubstr("for C.i.0 < 8\n  for C.i.1 < 8  # unrolled\n"));
  EXPECT_THAT(user, HasSubstr("C: C[i, j] += A[i, k] * B[k, j]  # result i=64 j=64, sum k=64"));
  EXPECT_THAT(user, HasSubstr("1. tile(block=C, factors={i: [8]})\n2. unroll(loop=C.i.1)\n"));
}

// ---- the worked example ------------------------------------------------------------------------

TEST(PromptTest, TheWorkedExampleIsCanonicalAndReadsAsAReply) {
  EXPECT_EQ(PrintPlan(PlanFrom(std::string(WorkedExample()))), WorkedExample());
  ModelRequest request = FullRequest();
  request.leaf = request.root;
  Json steps = Json::array();
  for (const Step& step : PlanFrom(std::string(WorkedExample())).steps) {
    steps.push_back(PrintStep(step));
  }
  const Json answer = {{"analysis", ""},
                       {"proposals",
                        {{{"reason", "as in the example"},
                          {"keep_steps", 0},
                          {"steps", steps},
                          {"confidence", 0.5}}}},
                       {"next_model", "small"}};
  const ModelReply reply = ParseReply(answer.dump(), request);
  ASSERT_EQ(reply.proposals.size(), 1u) << reply.error;
  EXPECT_EQ(PrintPlan(Plan{reply.proposals[0].steps}), WorkedExample());
  EXPECT_TRUE(reply.notes.empty()) << reply.notes[0];
  const auto compiler = MakeFakeCompiler();
  EXPECT_TRUE(compiler->Apply(Plan{reply.proposals[0].steps}).ok());
}

// ---- length ------------------------------------------------------------------------------------

TEST(PromptTest, PartsAreLeftOutInTheFixedOrder) {
  for (const ActionSpace space : {ActionSpace::kPlan, ActionSpace::kMutators}) {
    ModelRequest request = FullRequest();
    request.action_space = space;
    std::string script;
    for (int i = 0; i < 400; ++i) script += "line " + std::to_string(i) + " of the program\n";
    for (StateText& state : request.states) state.script = script;
    request.review->child.script = script;
    request.examples[0].plan = PlanFrom(std::string(WorkedExample()));
    const int64_t full = EstimateTokens(Text(MakePrompt(request, kPlenty, 4096)));
    std::vector<std::string> signs = {"related", "older failures", "further good plans",
                                      "ranges of layout"};
    if (space == ActionSpace::kMutators) signs = {"its program"};
    size_t left_out = 0;
    for (int64_t budget = full; budget > 100; budget -= budget / 25) {
      const ChatRequest chat = MakePrompt(request, budget, 4096);
      const bool cut = chat.user.find("lines) ...") != std::string::npos;
      size_t now = 0;
      for (const std::string& sign : signs) {
        const size_t at = chat.user.find("left out for length");
        const bool named = at != std::string::npos &&
                           (sign == "related" ? chat.user.find("1 of them") != std::string::npos
                                              : chat.user.find(sign, at) != std::string::npos);
        if (!named) break;
        ++now;
      }
      EXPECT_GE(now, left_out) << "at " << budget;
      left_out = now;
      // The program's text is cut only when all else is gone.
      if (cut) {
        EXPECT_EQ(now, signs.size()) << "at " << budget;
      }
      if (!cut || chat.user.find("line 0 of the program") != std::string::npos) {
        EXPECT_LE(EstimateTokens(chat.system) + EstimateTokens(chat.user), budget + 2);
      }
    }
    EXPECT_EQ(left_out, signs.size());
  }
}

TEST(PromptTest, TheMiddleIsLeftOutByWholeLines) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string cut = WithoutMiddle(text, 300);
  EXPECT_LE(cut.size(), 300u);
  EXPECT_THAT(cut, testing::StartsWith("line 0\nline 1\n"));
  EXPECT_THAT(cut, testing::EndsWith("line 98\nline 99\n"));
  EXPECT_THAT(cut, HasSubstr("\n... (left out for length: "));
  EXPECT_EQ(WithoutMiddle(text, text.size()), text);
  EXPECT_LE(WithoutMiddle(text, 0).size(), 60u);
  EXPECT_LE(WithoutMiddle(std::string(1000, 'x'), 100).size(), 60u);
}

// ---- the schema --------------------------------------------------------------------------------

// What the strict modes of OpenAI and Anthropic and Gemini's schemas all accept.
void ExpectStrict(const Json& schema, int depth) {
  ASSERT_TRUE(schema.is_object());
  EXPECT_LE(depth, 5);
  const std::string type = schema.value("type", std::string());
  for (const auto& [key, value] : schema.items()) {
    const bool known = key == "type" || key == "description" || key == "enum" ||
                       (type == "object" && (key == "properties" || key == "required" ||
                                             key == "additionalProperties")) ||
                       (type == "array" && key == "items");
    EXPECT_TRUE(known) << key;
  }
  if (type == "object") {
    EXPECT_EQ(schema["additionalProperties"], false);
    std::vector<std::string> names;
    for (const auto& [name, property] : schema["properties"].items()) {
      names.push_back(name);
      ExpectStrict(property, depth + 1);
    }
    EXPECT_EQ(schema["required"].get<std::vector<std::string>>(), names);
  } else if (type == "array") {
    ExpectStrict(schema["items"], depth + 1);
  } else {
    EXPECT_TRUE(type == "string" || type == "integer" || type == "number") << type;
  }
  if (schema.contains("enum")) {
    EXPECT_EQ(type, "string");
    EXPECT_FALSE(schema["enum"].empty());
    for (const Json& value : schema["enum"]) EXPECT_NE(value, "");  // Gemini refuses it
  }
}

TEST(PromptTest, SchemasAreStrict) {
  ModelRequest request = FullRequest();
  for (const ActionSpace space : {ActionSpace::kPlan, ActionSpace::kMutators}) {
    ExpectStrict(ReplyJsonSchema(space), 0);
    request.action_space = space;
    const ChatRequest chat = MakePrompt(request, kPlenty, 4096);
    ExpectStrict(chat.schema, 0);
    EXPECT_EQ(chat.schema_name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos);
    EXPECT_EQ(chat.schema["properties"]["next_model"]["enum"], Json({"large", "small"}));
  }
}

TEST(PromptTest, TokensAreEstimatedFromBytes) {
  EXPECT_EQ(EstimateTokens(""), 0);
  EXPECT_EQ(EstimateTokens(std::string(32, 'x')), 10);
  EXPECT_EQ(EstimateTokens("x"), 1);
}

}  // namespace
}  // namespace banyan
