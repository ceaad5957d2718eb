#include "cost/trust.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace banyan {

double KendallTauB(const std::vector<double>& a, const std::vector<double>& b) {
  const size_t n = std::min(a.size(), b.size());
  int64_t agreement = 0;  // concordant - discordant
  int64_t untied_a = 0;
  int64_t untied_b = 0;
  for (size_t i = 0; i < n; ++i) {
    if (std::isnan(a[i]) || std::isnan(b[i])) return std::numeric_limits<double>::quiet_NaN();
    for (size_t j = 0; j < i; ++j) {
      const int in_a = (a[i] > a[j] ? 1 : 0) - (a[i] < a[j] ? 1 : 0);
      const int in_b = (b[i] > b[j] ? 1 : 0) - (b[i] < b[j] ? 1 : 0);
      agreement += in_a * in_b;
      untied_a += in_a != 0 ? 1 : 0;
      untied_b += in_b != 0 ? 1 : 0;
    }
  }
  if (untied_a == 0 || untied_b == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(agreement) /
         std::sqrt(static_cast<double>(untied_a) * static_cast<double>(untied_b));
}

void Trust::Add(double predicted, double measured) {
  if (!std::isfinite(predicted) || !std::isfinite(measured)) return;
  predicted_.push_back(predicted);
  measured_.push_back(measured);
  if (predicted_.size() > kWindow) {
    predicted_.pop_front();
    measured_.pop_front();
  }
  Refresh();
}

void Trust::SetPrior(double tau) {
  if (!std::isfinite(tau)) return;
  prior_ = tau;
  has_prior_ = true;
  Refresh();
}

void Trust::Refresh() {
  const auto n = static_cast<double>(predicted_.size());
  double tau =
      KendallTauB({predicted_.begin(), predicted_.end()}, {measured_.begin(), measured_.end()});
  if (std::isnan(tau)) tau = 0;  // predictions all equal tell nothing
  double value = predicted_.size() < kEnough ? 0 : tau;
  if (has_prior_) value = (n * tau + kPriorWeight * prior_) / (n + kPriorWeight);
  value_ = std::clamp(value, 0.0, 1.0);
}

}  // namespace banyan
