#pragma once

#include <memory>

#include "model/command_chat.h"
#include "model/language_model.h"
#include "model/model.h"

namespace banyan {

// The request as data, for programs that do not read the prompt: workload, target, plans as text
// and as steps, latencies, budgets. Documented in docs/models.md.
Json CommandState(const ModelRequest& request);

// A line that a program answered with, read as a reply: {"reply": {...}} is a ModelReply as Banyan
// writes them, {"text": "..."} a language model's words, and anything else a language model's
// answer itself. Each may come with "usage" and "error". Tokens that are not reported stay 0.
// `price` makes the cost where "usage" names none.
ModelReply ReadCommandLine(ChatReply chat, const ModelRequest& request, const Price& price,
                           const ReplyParser& parse);

// A program as a model (provider "command"). Thread-safe.
class CommandModel final : public Model {
 public:
  CommandModel(PoolEntry entry, PromptMaker make_prompt, ReplyParser parse_reply);

  const ModelInfo& info() const override { return info_; }
  ModelReply Propose(const ModelRequest& request) override;
  CallLimits Limits(const ModelRequest& request) const override;
  void Cancel() override { chat_.Cancel(); }

 private:
  const PoolEntry entry_;
  const ModelInfo info_;
  CommandChat chat_;
  const PromptMaker make_prompt_;
  const ReplyParser parse_reply_;
};

}  // namespace banyan
