#include "model/ledger.h"

#include <utility>

namespace banyan {

Ledger::Ledger(std::vector<ModelInfo> pool, bool charge_failed_calls)
    : pool_(std::move(pool)), charge_failed_calls_(charge_failed_calls), uses_(pool_.size()) {}

bool Ledger::Affords(size_t model, const CallLimits& most) const {
  if (calls_left() < 1) return false;
  if (IsStrong(model) && strong_calls_left() < 1) return false;
  return static_cast<double>(most.tokens) <= tokens_left() && most.cost_usd <= cost_left_usd();
}

void Ledger::Reserve(uint64_t call_id, size_t model, const CallLimits& most, bool alteration) {
  open_[call_id] = {model, most};
  ++charged_calls_;
  if (IsStrong(model)) ++charged_strong_calls_;
  reserved_tokens_ += static_cast<double>(most.tokens);
  reserved_usd_ += most.cost_usd;
  ++uses_[model].calls;
  if (alteration) ++uses_[model].alterations;
}

void Ledger::Settle(uint64_t call_id, const ModelReply& reply) {
  const auto found = open_.find(call_id);
  if (found == open_.end()) return;
  const auto [model, most] = found->second;
  open_.erase(found);
  reserved_tokens_ -= static_cast<double>(most.tokens);
  reserved_usd_ -= most.cost_usd;
  tokens_ += static_cast<double>(reply.usage.tokens_in + reply.usage.tokens_out);
  cost_usd_ += reply.usage.cost_usd;
  const bool unusable = reply.failure == CallFailure::kUnusable ||
                        reply.failure == CallFailure::kRefused ||
                        reply.failure == CallFailure::kTruncated;
  const bool empty = reply.proposals.empty() && reply.mutators.empty();
  if (!charge_failed_calls_ && unusable && empty && given_back_ < limits_.calls) {
    ++given_back_;
    --charged_calls_;
    if (IsStrong(model)) --charged_strong_calls_;
  }
  ModelUse& use = uses_[model];
  if (!reply.error.empty()) ++use.errors;
  use.proposals += static_cast<int64_t>(reply.proposals.size());
  if (!reply.mutators.empty()) ++use.proposals;
  use.usage.tokens_in += reply.usage.tokens_in;
  use.usage.tokens_out += reply.usage.tokens_out;
  use.usage.tokens_cached += reply.usage.tokens_cached;
  use.usage.tokens_reasoning += reply.usage.tokens_reasoning;
  use.usage.cost_usd += reply.usage.cost_usd;
  use.usage.seconds += reply.usage.seconds;
}

}  // namespace banyan
