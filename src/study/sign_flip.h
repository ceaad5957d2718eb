#pragma once

#include <cstdint>
#include <vector>

#include "measure/types.h"

namespace banyan {

// The sign-flip (randomisation) test of paired differences, Fisher, The Design of Experiments,
// 1935, section 21: were the two methods of a pair alike, each difference might as well have had
// the other sign, so the observed mean is compared with the means under all 2^n choices of signs.
// Needs no normal distribution, only that a difference without effect is symmetric about zero.
// Pure functions; NaN among the values is a programmer error.

struct SignFlipOptions {
  double confidence = 0.95;   // of the interval, (0, 1)
  int exact_pairs = 32;       // up to here all 2^n choices count, [1, 36]
  int64_t samples = 100'000;  // random choices beyond, >= 1000
  uint64_t seed = 0;
};

struct PValue {
  double value = 1;
  double standard_error = 0;  // of a value from random choices; 0: exact
};

// P(mean under random signs >= the observed mean) for values - center: small where the mean is
// above the center. Of a random choice, (hits + 1) / (samples + 1) (Phipson and Smyth, 2010).
PValue SignFlipAbove(const std::vector<double>& values, double center,
                     const SignFlipOptions& options = {});
// Twice the smaller of the two sides, at most 1.
PValue SignFlipTwoSided(const std::vector<double>& values, double center,
                        const SignFlipOptions& options = {});
// All centers that the two-sided test does not refuse at 1 - confidence. Flipping the signs of a
// set of values does not lower the sum exactly if their mean is at most the center, so the ends are
// order statistics of the means of all non-empty subsets (Hartigan, JASA 64, 1969). Infinite where
// there are too few values to refuse anything.
Interval SignFlipInterval(const std::vector<double>& values, const SignFlipOptions& options = {});

// Holm's adjusted p-values (Scandinavian Journal of Statistics 6, 1979), in the order given.
std::vector<double> HolmAdjusted(const std::vector<double>& p_values);

}  // namespace banyan
