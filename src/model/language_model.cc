#include "model/language_model.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "model/prompt.h"

namespace banyan {
namespace {

// What the APIs wrap around a question: names of fields, a tool's frame, the schema in words.
constexpr size_t kFrameBytes = 2048;

template <typename T>
void MoveBehind(std::vector<T>* first, std::vector<T>* second) {
  first->insert(first->end(), std::make_move_iterator(second->begin()),
                std::make_move_iterator(second->end()));
}

int64_t QuestionBytes(const ChatRequest& prompt) {
  return static_cast<int64_t>(prompt.system.size() + prompt.user.size() +
                              prompt.schema.dump().size() + kFrameBytes);
}

}  // namespace

ModelInfo InfoOf(const PoolEntry& entry) {
  return {.name = entry.name,
          .role = entry.role,
          .repeatable = false,
          .parameters_b = entry.parameters_b,
          .price = entry.price,
          .reads_text = true};
}

int64_t MostTokensOfTry(const ChatRequest& prompt) {
  return QuestionBytes(prompt) + prompt.max_output_tokens;
}

CallLimits LimitsOf(const PoolEntry& entry, const ChatRequest& prompt) {
  const int64_t bytes = QuestionBytes(prompt);
  const int64_t in = bytes + entry.retries * TokensOfBytes(bytes);
  const int64_t out = prompt.max_output_tokens;
  const Price& price = entry.price;
  return {.tokens = in + out,
          .cost_usd = (static_cast<double>(in) * std::max(price.in, price.cached) +
                       static_cast<double>(out) * price.out) *
                      1e-6};
}

ModelReply ReplyOf(ChatReply chat, const ModelRequest& request, const ReplyParser& parse) {
  ModelReply reply;
  const bool readable =
      chat.failure == CallFailure::kNone || chat.failure == CallFailure::kTruncated;
  if (readable && !Trim(chat.text).empty()) {
    reply = parse(chat.text, request);
    if (chat.failure == CallFailure::kTruncated) {
      if (reply.failure == CallFailure::kNone) {
        chat.notes.emplace_back("the answer was cut at the token limit; its whole parts are used");
      } else {
        reply.failure = chat.failure;
        reply.error = chat.error;
      }
    }
  } else {
    reply.failure = chat.failure == CallFailure::kNone ? CallFailure::kUnusable : chat.failure;
    reply.error = chat.error.empty() ? "the model answered with an empty text" : chat.error;
  }
  reply.usage = chat.usage;
  MoveBehind(&chat.notes, &reply.notes);
  reply.notes = std::move(chat.notes);
  reply.exchanges = std::move(chat.exchanges);
  return reply;
}

LanguageModel::LanguageModel(PoolEntry entry, std::unique_ptr<ChatClient> client,
                             PromptMaker make_prompt, ReplyParser parse_reply)
    : entry_(std::move(entry)),
      info_(InfoOf(entry_)),
      client_(std::move(client)),
      make_prompt_(std::move(make_prompt)),
      parse_reply_(std::move(parse_reply)) {}

ModelReply LanguageModel::Propose(const ModelRequest& request) {
  const ChatRequest prompt =
      make_prompt_(request, entry_.max_prompt_tokens, entry_.max_output_tokens);
  return ReplyOf(client_->Ask(prompt), request, parse_reply_);
}

CallLimits LanguageModel::Limits(const ModelRequest& request) const {
  return LimitsOf(entry_,
                  make_prompt_(request, entry_.max_prompt_tokens, entry_.max_output_tokens));
}

}  // namespace banyan
