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
  double log_speedup = 0;
  uint64_t group = 0;
};

// Predicts how fast candidates are. Unmeasured nodes use it only as far as it has earned trust:
// `trust` is the rank correlation (Kendall's tau) of its own predictions, made before each was
// measured, with what was measured in this run, clamped to [0, 1]; 0 until there are enough. All
// calls come from one thread at a time; the same calls give the same answers, bit by bit.
class CostModel {
 public:
  virtual ~CostModel() = default;
  // One number a candidate, higher is faster; comparable within one call only.
  virtual std::vector<double> Predict(const std::vector<Features>& candidates) = 0;
  // A measurement of this run; `predicted` is what Predict said of it before, NaN: it was not
  // asked.
  virtual void Update(const CostSample& sample, double predicted) = 0;
  // What is known from earlier runs; before the first Predict.
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
  void Update(const CostSample&, double) override {}
  void Pretrain(const std::vector<CostSample>&) override {}
  double trust() const override { return 0; }
  size_t samples() const override { return 0; }
};

}  // namespace banyan
