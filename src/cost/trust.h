#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace banyan {

// Kendall's rank correlation tau-b (Kendall 1945), which allows for ties:
//   (concordant - discordant) / sqrt((pairs - pairs tied in a) (pairs - pairs tied in b)).
// NaN where there is none: fewer than two values, one side all equal, or a NaN among them. `a` and
// `b` have the same length; quadratic in it.
double KendallTauB(const std::vector<double>& a, const std::vector<double>& b);

// The record of how well predictions that were made before a measurement ranked what was then
// measured: tau-b over the last kWindow of them, so that it follows a model that gets better.
//
//   value = clamp((n tau + kPriorWeight prior) / (n + kPriorWeight), 0, 1)    with a prior
//   value = clamp(tau, 0, 1), 0 while n < kEnough                             without
//
// `prior` is what is known from earlier runs. Enough is kEnough: under no correlation tau-b has the
// standard deviation sqrt(2 (2n + 5) / (9 n (n - 1))) (Kendall 1938), which is 0.25 at n = 10 and
// 0.45 at n = 4; below that a number says more about luck than about the model. Not thread-safe.
class Trust {
 public:
  static constexpr size_t kWindow = 64;
  static constexpr size_t kEnough = 10;
  static constexpr double kPriorWeight = 10;

  // Ignored if `predicted` is not finite.
  void Add(double predicted, double measured);
  void SetPrior(double tau);  // ignored if not finite
  double value() const { return value_; }

 private:
  void Refresh();

  std::deque<double> predicted_;
  std::deque<double> measured_;
  double prior_ = 0;
  bool has_prior_ = false;
  double value_ = 0;
};

}  // namespace banyan
