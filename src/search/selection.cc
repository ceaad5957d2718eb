#include "search/selection.h"

#include <algorithm>
#include <cmath>

namespace banyan {

ValueRange ValueRange::Of(std::vector<double> log_speedups, double floor_quantile) {
  ValueRange range;
  if (log_speedups.empty()) return range;
  std::sort(log_speedups.begin(), log_speedups.end());
  const auto last = static_cast<double>(log_speedups.size() - 1);
  range.low_ = log_speedups[static_cast<size_t>(last * floor_quantile)];
  range.high_ = log_speedups.back();
  return range;
}

double ValueRange::Normalise(double log_speedup) const {
  if (log_speedup >= high_) return 1;
  if (log_speedup <= low_) return 0;
  return (log_speedup - low_) / (high_ - low_);
}

double BackedUpValue(const Value& value, const ValueRange& range, double mean_share,
                     double unknown) {
  if (value.total() == 0) return unknown;
  if (value.measured == 0) return 0;
  const double mean = range.Normalise(value.sum / value.measured) * value.measured / value.total();
  return (1 - mean_share) * range.Normalise(value.best) + mean_share * mean;
}

double PuctScore(const Arm& arm, int64_t parent_visits, double c, double virtual_loss) {
  const auto n = static_cast<double>(arm.visits);
  const auto v = static_cast<double>(arm.in_flight);
  const double q = n > 0 ? arm.value * n / (n + virtual_loss * v) : arm.value;
  const auto total = static_cast<double>(std::max<int64_t>(parent_visits, 1));
  return q + c * arm.prior * std::sqrt(total) / (1 + n + v);
}

int64_t WideningLimit(int64_t visits, double k, double a) {
  const double limit = k * std::pow(static_cast<double>(std::max<int64_t>(visits, 1)), a);
  return std::max<int64_t>(1, static_cast<int64_t>(std::min(limit, 1e9)));
}

}  // namespace banyan
