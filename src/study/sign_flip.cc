#include "study/sign_flip.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/rng.h"

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sums that differ by rounding alone are equal.
double Tolerance(const std::vector<double>& values) {
  double size = 0;
  for (const double value : values) size += std::fabs(value);
  return 1e-12 * size;
}

// The sums of all subsets, ascending: 2^n of them.
std::vector<double> SubsetSums(const double* values, size_t count) {
  std::vector<double> sums = {0};
  std::vector<double> merged;
  for (size_t i = 0; i < count; ++i) {
    std::vector<double> with = sums;
    for (double& sum : with) sum += values[i];
    merged.resize(2 * sums.size());
    std::merge(sums.begin(), sums.end(), with.begin(), with.end(), merged.begin());
    sums.swap(merged);
  }
  return sums;
}

std::vector<double> Shifted(std::vector<double> values, double center) {
  for (double& value : values) value -= center;
  return values;
}

// How many of all subsets, the empty one too, have a sum of at most zero. Meets in the middle
// (Horowitz and Sahni, 1974): 2^(n/2) sums on each side instead of 2^n.
double CountExactly(const std::vector<double>& values) {
  const size_t half = values.size() / 2;
  const std::vector<double> left = SubsetSums(values.data(), half);
  const std::vector<double> right = SubsetSums(values.data() + half, values.size() - half);
  const double limit = Tolerance(values);
  double count = 0;
  size_t fitting = right.size();
  for (const double sum : left) {
    while (fitting > 0 && sum + right[fitting - 1] > limit) --fitting;
    count += static_cast<double>(fitting);
  }
  return count;
}

// Calls f(sum, size) for random subsets, the same ones for the same options.
template <typename F>
void ForRandomSubsets(const std::vector<double>& values, const SignFlipOptions& options, F&& f) {
  Rng rng(options.seed, "sign-flip");
  for (int64_t sample = 0; sample < options.samples; ++sample) {
    double sum = 0;
    int size = 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      if (i % 64 == 0) bits = rng.Next();
      if ((bits >> (i % 64) & 1) == 0) continue;
      sum += values[i];
      ++size;
    }
    f(sum, size);
  }
}

bool IsExact(const std::vector<double>& values, const SignFlipOptions& options) {
  return static_cast<int>(values.size()) <= options.exact_pairs;
}

PValue WithError(double p, const SignFlipOptions& options) {
  return {p, std::sqrt(p * (1 - p) / static_cast<double>(options.samples))};
}

// The least center that the upper side does not refuse: a low end.
double LowExactly(const std::vector<double>& values, double tail) {
  const double choices = std::ldexp(1.0, static_cast<int>(values.size()));
  const double refused = std::floor(tail * choices + 1e-9);  // counts up to here refuse a center
  if (refused < 1) return -kInfinity;
  double low = *std::min_element(values.begin(), values.end());
  double high = *std::max_element(values.begin(), values.end());
  // The smallest subset mean is `low` itself.
  if (CountExactly(Shifted(values, low)) > refused) return low;
  for (int step = 0; step < 100 && low < high; ++step) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (CountExactly(Shifted(values, middle)) > refused ? high : low) = middle;
    if (high - low < 1e-13 * (std::fabs(low) + std::fabs(high))) break;
  }
  return high;
}

}  // namespace

PValue SignFlipAbove(const std::vector<double>& values, double center,
                     const SignFlipOptions& options) {
  if (values.empty()) return {};
  const std::vector<double> shifted = Shifted(values, center);
  if (IsExact(values, options)) {
    return {std::ldexp(CountExactly(shifted), -static_cast<int>(values.size())), 0};
  }
  const double limit = Tolerance(shifted);
  double hits = 0;
  ForRandomSubsets(shifted, options, [&](double sum, int) { hits += sum <= limit ? 1 : 0; });
  return WithError((hits + 1) / static_cast<double>(options.samples + 1), options);
}

PValue SignFlipTwoSided(const std::vector<double>& values, double center,
                        const SignFlipOptions& options) {
  std::vector<double> mirrored = Shifted(values, center);
  for (double& value : mirrored) value = -value;
  const PValue above = SignFlipAbove(values, center, options);
  const PValue below = SignFlipAbove(mirrored, 0, options);
  const PValue least = above.value <= below.value ? above : below;
  return {std::min(1.0, 2 * least.value), 2 * least.standard_error};
}

Interval SignFlipInterval(const std::vector<double>& values, const SignFlipOptions& options) {
  if (values.empty()) return {-kInfinity, kInfinity};
  const double tail = (1 - options.confidence) / 2;
  if (IsExact(values, options)) {
    std::vector<double> mirrored = values;
    for (double& value : mirrored) value = -value;
    return {LowExactly(values, tail), -LowExactly(mirrored, tail)};
  }
  std::vector<double> means;
  ForRandomSubsets(values, options, [&](double sum, int size) {
    if (size > 0) means.push_back(sum / size);
  });
  std::sort(means.begin(), means.end());
  const double refused = std::floor(tail * static_cast<double>(means.size() + 1));
  if (refused < 1) return {-kInfinity, kInfinity};
  const auto place = static_cast<size_t>(refused) - 1;
  return {means[place], means[means.size() - 1 - place]};
}

std::vector<double> HolmAdjusted(const std::vector<double>& p_values) {
  std::vector<size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const double factor = static_cast<double>(order.size() - rank);
    largest = std::max(largest, std::min(1.0, factor * p_values[order[rank]]));
    adjusted[order[rank]] = largest;
  }
  return adjusted;
}

}  // namespace banyan
