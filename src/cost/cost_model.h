#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace banyan {

// TVM's per-store features of a candidate: one row a store.
using Features = std::vector<std::vector<float>>;

// A measured candidate. `group` tells apart what may be compared with each other (workload and
// target): values are log-speedups over that workload's unscheduled program.
struct CostSample {
  Features features;
  double log_speedup = 0;  // not read where it failed
  uint64_t group = 0;
  bool failed = false;  // learnt as the worst of its group
};

// Predicts how fast candidates are. Unmeasured nodes use it only as far as it has earned trust:
// `trust` is the rank correlation (Kendall's tau) of what it predicts of each measurement before it
// learns it with what was measured in this run, clamped to [0, 1]; 0 until there are enough. All
// calls come from one thread at a time. The same samples in the same order give the same answers,
// bit by bit, whatever was asked in between: a resumed run learns its samples again and asks less.
class CostModel {
 public:
  virtual ~CostModel() = default;
  // One number a candidate, higher is faster; comparable within one call only. NaN: nothing is
  // known of it.
  virtual std::vector<double> Predict(const std::vector<Features>& candidates) = 0;
  // A measurement of this run.
  virtual void Update(const CostSample& sample) = 0;
  // What is known from earlier runs, the most relevant first; before the first Predict.
  virtual void Pretrain(const std::vector<CostSample>& samples) = 0;
  virtual double trust() const = 0;
  virtual size_t samples() const = 0;  // of this run
};

// Knows nothing: predicts 0, trust 0.
class NoCostModel final : public CostModel {
 public:
  std::vector<double> Predict(const std::vector<Features>& candidates) override {
    return std::vector<double>(candidates.size(), 0.0);
  }
  void Update(const CostSample&) override {}
  void Pretrain(const std::vector<CostSample>&) override {}
  double trust() const override { return 0; }
  size_t samples() const override { return 0; }
};

}  // namespace banyan
