#pragma once

#include <cstddef>
#include <vector>

namespace banyan {

// Predicts how fast a candidate is from its per-store features. Unmeasured nodes use it only as far
// as it has earned trust: `trust` is its own out-of-sample rank correlation on this run, clamped to
// [0, 1]. Thread-safe for Predict; Update from the loop's thread.
class CostModel {
 public:
  virtual ~CostModel() = default;
  // Predicted log-speedup over the default program.
  virtual double Predict(const std::vector<std::vector<float>>& features) = 0;
  virtual void Update(const std::vector<std::vector<float>>& features, double log_speedup) = 0;
  virtual double trust() const = 0;
};

// Knows nothing: predicts 0, trust 0.
class NoCostModel final : public CostModel {
 public:
  double Predict(const std::vector<std::vector<float>>&) override { return 0; }
  void Update(const std::vector<std::vector<float>>&, double) override {}
  double trust() const override { return 0; }
};

}  // namespace banyan
