#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "model/model.h"

namespace banyan {

// What one model did in a run, and what it cost.
struct ModelUse {
  int64_t calls = 0;        // all of them, course alterations included
  int64_t alterations = 0;  // of them: steps of a lighter model redone
  int64_t errors = 0;
  int64_t proposals = 0;
  int64_t accepted = 0;
  Usage usage;
};

// The run's limits on what models may cost; infinity: none.
struct SpendLimits {
  int64_t calls = 0;
  double strong_calls = std::numeric_limits<double>::infinity();
  double tokens = std::numeric_limits<double>::infinity();
  double cost_usd = std::numeric_limits<double>::infinity();
};

// Keeps the books of a run: a call's most is reserved before it is sent and settled by what it
// used, so that no limit is ever overshot, however many calls are under way. A pure function of its
// calls; one thread.
class Ledger {
 public:
  // `charge_failed_calls` false gives the call of an unusable reply back, as the published code of
  // the baselines does; its tokens and money are spent all the same.
  Ledger(std::vector<ModelInfo> pool, bool charge_failed_calls);

  void SetLimits(const SpendLimits& limits) { limits_ = limits; }
  // Whether a call of that model and at most that size fits beside what is spent and reserved.
  bool Affords(size_t model, const CallLimits& most) const;
  void Reserve(uint64_t call_id, size_t model, const CallLimits& most, bool alteration);
  void Settle(uint64_t call_id, const ModelReply& reply);

  int64_t calls_left() const { return limits_.calls - charged_calls_; }
  double strong_calls_left() const { return limits_.strong_calls - charged_strong_calls_; }
  // Reserved ones taken off.
  double tokens_left() const { return limits_.tokens - tokens_ - reserved_tokens_; }
  double cost_left_usd() const { return limits_.cost_usd - cost_usd_ - reserved_usd_; }
  int64_t calls() const { return charged_calls_; }
  int64_t strong_calls() const { return static_cast<int64_t>(charged_strong_calls_); }

  const ModelUse& use(size_t model) const { return uses_[model]; }
  void CountAccepted(size_t model) { ++uses_[model].accepted; }

 private:
  struct Reservation {
    size_t model = 0;
    CallLimits most;
  };

  bool IsStrong(size_t model) const { return pool_[model].role == ModelRole::kStrong; }

  const std::vector<ModelInfo> pool_;
  const bool charge_failed_calls_;
  SpendLimits limits_;
  std::vector<ModelUse> uses_;
  std::unordered_map<uint64_t, Reservation> open_;
  int64_t charged_calls_ = 0;
  int64_t given_back_ = 0;
  double charged_strong_calls_ = 0;
  double tokens_ = 0;
  double cost_usd_ = 0;
  double reserved_tokens_ = 0;
  double reserved_usd_ = 0;
};

}  // namespace banyan
