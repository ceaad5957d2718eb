#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "model/chat.h"
#include "model/model.h"
#include "model/pool.h"

namespace banyan {

// MakePrompt and ParseReply, or what a test puts in their place. Pure, thread-safe.
using PromptMaker =
    std::function<ChatRequest(const ModelRequest&, int64_t max_tokens, int64_t max_output_tokens)>;
using ReplyParser = std::function<ModelReply(std::string_view text, const ModelRequest&)>;

// What an entry of the pool tells the search of its model.
ModelInfo InfoOf(const PoolEntry& entry);

// The most tokens that one try can use: a token a byte of the question, its schema and the API's
// own words, and the whole output limit.
int64_t MostTokensOfTry(const ChatRequest& prompt);
// The most that one call of the entry can use with this prompt: one answered try, and before it all
// other tries broken off once the question was sent, as they are charged for. A client makes no
// further try that would not fit.
CallLimits LimitsOf(const PoolEntry& entry, const ChatRequest& prompt);

// A chat's reply as a model's: the answer parsed, where there is one, also from what is left of a
// truncated one; tokens, exchanges and notes taken over.
ModelReply ReplyOf(ChatReply chat, const ModelRequest& request, const ReplyParser& parse);

// A language model: makes the prompt, asks the client, reads the answer. Owns its client;
// thread-safe; not repeatable, as a model may answer the same question in another way.
class LanguageModel final : public Model {
 public:
  LanguageModel(PoolEntry entry, std::unique_ptr<ChatClient> client, PromptMaker make_prompt,
                ReplyParser parse_reply);

  const ModelInfo& info() const override { return info_; }
  ModelReply Propose(const ModelRequest& request) override;
  CallLimits Limits(const ModelRequest& request) const override;
  void Cancel() override { client_->Cancel(); }

 private:
  const PoolEntry entry_;
  const ModelInfo info_;
  const std::unique_ptr<ChatClient> client_;
  const PromptMaker make_prompt_;
  const ReplyParser parse_reply_;
};

}  // namespace banyan
