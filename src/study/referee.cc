#include "study/referee.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace banyan {
namespace {

double Mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The pair whose log-ratio lies farthest from the median: the one a result may hang on.
size_t ExtremeOf(const std::vector<double>& values) {
  const double median = RankingLatencyMs(values);
  size_t extreme = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    if (std::fabs(values[i] - median) > std::fabs(values[extreme] - median)) extreme = i;
  }
  return extreme;
}

struct WorkloadMeans {
  std::vector<WorkloadGeomean> geomeans;
  std::vector<std::vector<double>> values;
};

WorkloadMeans ByWorkload(const std::vector<PairedRatio>& pairs) {
  WorkloadMeans by;
  for (const PairedRatio& pair : pairs) {
    auto at = std::find_if(by.geomeans.begin(), by.geomeans.end(),
                           [&](const auto& group) { return group.workload == pair.workload; });
    if (at == by.geomeans.end()) {
      by.geomeans.push_back({.workload = pair.workload});
      by.values.emplace_back();
      at = by.geomeans.end() - 1;
    }
    by.values[static_cast<size_t>(at - by.geomeans.begin())].push_back(pair.log_ratio);
  }
  for (size_t i = 0; i < by.geomeans.size(); ++i) {
    by.geomeans[i].pairs = static_cast<int>(by.values[i].size());
    by.geomeans[i].speedup = std::exp(Mean(by.values[i]));
  }
  return by;
}

// Percentile interval of the mean over workloads drawn with replacement, all their pairs with them.
Interval BootstrapOverWorkloads(const std::vector<std::vector<double>>& workloads,
                                const RefereeOptions& options) {
  Rng rng(options.seed, "bootstrap over workloads");
  std::vector<double> means;
  for (int sample = 0; sample < options.bootstrap_samples; ++sample) {
    double sum = 0;
    double count = 0;
    for (size_t draw = 0; draw < workloads.size(); ++draw) {
      const std::vector<double>& drawn = workloads[rng.Below(workloads.size())];
      sum += std::accumulate(drawn.begin(), drawn.end(), 0.0);
      count += static_cast<double>(drawn.size());
    }
    means.push_back(sum / count);
  }
  std::sort(means.begin(), means.end());
  const auto cut = static_cast<size_t>(options.alpha / 2 * static_cast<double>(means.size()));
  return {std::exp(means[cut]), std::exp(means[means.size() - 1 - cut])};
}

Judgement JudgeOne(const std::vector<PairedRatio>& pairs, const RefereeOptions& options) {
  Judgement result;
  result.pairs = static_cast<int>(pairs.size());
  const SignFlipOptions flips{.confidence = 1 - options.alpha, .seed = options.seed};
  std::vector<double> values;
  for (const PairedRatio& pair : pairs) {
    values.push_back(pair.log_ratio);
    result.wins += pair.log_ratio > 0 ? 1 : 0;
    result.losses += pair.log_ratio < 0 ? 1 : 0;
  }
  const Interval interval = SignFlipInterval(values, flips);
  result.speedup_ci = {std::exp(interval.low), std::exp(interval.high)};
  if (pairs.empty()) return result;
  result.speedup = std::exp(Mean(values));
  result.p = SignFlipTwoSided(values, 0, flips);
  result.not_worse_p = SignFlipAbove(values, -std::log1p(options.noninferiority_margin), flips);
  const WorkloadMeans by = ByWorkload(pairs);
  result.workloads = by.geomeans;
  if (static_cast<int>(by.values.size()) >= options.bootstrap_workloads) {
    result.workload_ci = BootstrapOverWorkloads(by.values, options);
  }
  if (values.size() > 1) {
    const size_t extreme = ExtremeOf(values);
    result.extreme_pair = extreme;
    values.erase(values.begin() + static_cast<std::ptrdiff_t>(extreme));
    result.speedup_without_extreme = std::exp(Mean(values));
    result.p_without_extreme = SignFlipTwoSided(values, 0, flips).value;
  }
  return result;
}

std::string RatioText(double ratio) {
  if (std::isinf(ratio)) return "no limit";
  return fmt::format("{:.3f}x", ratio);
}

std::string WorkloadsText(const Judgement& judgement) {
  std::string text;
  for (const WorkloadGeomean& workload : judgement.workloads) {
    text += (text.empty() ? "" : ", ") + workload.workload;
  }
  return text;
}

}  // namespace

std::string PText(double p) { return p < 0.001 ? "p < 0.001" : fmt::format("p = {:.3f}", p); }

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kTooFewPairs:
      return "too few pairs to tell";
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
    case Verdict::kNoDifferenceShown:
      return "no difference shown";
  }
  return "";
}

std::vector<Judgement> Judge(const std::vector<std::vector<PairedRatio>>& comparisons,
                             const RefereeOptions& options) {
  std::vector<Judgement> results;
  // What is too small to be judged is no comparison, and costs the others nothing.
  std::vector<size_t> judged;
  std::vector<double> difference_p;
  std::vector<double> not_worse_p;
  for (const auto& pairs : comparisons) {
    results.push_back(JudgeOne(pairs, options));
    if (results.back().pairs < options.min_pairs) continue;
    judged.push_back(results.size() - 1);
    difference_p.push_back(results.back().p.value);
    not_worse_p.push_back(results.back().not_worse_p.value);
  }
  const std::vector<double> difference_holm = HolmAdjusted(difference_p);
  const std::vector<double> not_worse_holm = HolmAdjusted(not_worse_p);
  for (size_t i = 0; i < judged.size(); ++i) {
    Judgement& result = results[judged[i]];
    result.p_holm = difference_holm[i];
    result.not_worse_p_holm = not_worse_holm[i];
    result.not_worse = result.not_worse_p_holm <= options.alpha / 2;
    const bool shown = result.p_holm <= options.alpha;
    result.verdict = !shown               ? Verdict::kNoDifferenceShown
                     : result.speedup > 1 ? Verdict::kFaster
                                          : Verdict::kSlower;
  }
  return results;
}

std::string ClaimText(const Judgement& judgement, const ClaimNames& names,
                      const RefereeOptions& options) {
  const std::string budget = names.budget.empty() ? "" : " at " + names.budget;
  if (judgement.verdict == Verdict::kTooFewPairs) {
    return fmt::format(
        "Too few pairs to tell whether {} is faster or slower than {}: {} of the at least {} that "
        "a test needs. Nothing may be claimed.",
        names.arm, names.baseline, judgement.pairs, options.min_pairs);
  }
  const std::string numbers =
      fmt::format("geometric mean {} over {} pairs, {:.0f} % interval {} to {}, {}{}",
                  RatioText(judgement.speedup), judgement.pairs, 100 * (1 - options.alpha),
                  RatioText(judgement.speedup_ci.low), RatioText(judgement.speedup_ci.high),
                  PText(judgement.p.value),
                  judgement.p_holm > judgement.p.value
                      ? ", " + PText(judgement.p_holm) + " after Holm's correction"
                      : "");
  const bool hangs =
      (judgement.p.value <= options.alpha) != (judgement.p_without_extreme <= options.alpha);
  const std::string extreme = hangs ? fmt::format(" This hangs on one pair: without it {}, {}.",
                                                  RatioText(judgement.speedup_without_extreme),
                                                  PText(judgement.p_without_extreme))
                                    : "";
  if (judgement.verdict == Verdict::kNoDifferenceShown) {
    return fmt::format(
        "No difference shown between {} and {}{} ({}). Neither may be called faster; that they are "
        "equal is not shown either.{}",
        names.arm, names.baseline, budget, numbers, extreme);
  }
  return fmt::format("{} finds {} programs than {}{} ({}). Holds for these workloads only: {}.{}",
                     names.arm, judgement.verdict == Verdict::kFaster ? "faster" : "slower",
                     names.baseline, budget, numbers, WorkloadsText(judgement), extreme);
}

double Saving::reduction_percent() const {
  return baseline > 0 ? 100 * (1 - arm / baseline) : std::numeric_limits<double>::quiet_NaN();
}

bool Saving::Supported(const Judgement& judgement) const {
  return baseline > 0 && arm < baseline && judgement.not_worse;
}

std::string SavingText(const Saving& saving, const std::string& what, const Judgement& judgement,
                       const RefereeOptions& options, const std::string& fewer) {
  const double percent = saving.reduction_percent();
  if (std::isnan(percent)) return fmt::format("no saving of {}: the baseline spent none", what);
  if (percent <= 0) {
    return fmt::format("no saving of {}: {:.4g} against the baseline's {:.4g}", what, saving.arm,
                       saving.baseline);
  }
  return fmt::format("{:.1f} % {} {}: {}", percent, fewer, what,
                     saving.Supported(judgement)
                         ? fmt::format("a saving, since latency is shown not to be worse by more "
                                       "than {:.0f} %",
                                       100 * options.noninferiority_margin)
                         : fmt::format("no saving may be claimed, since latency is not shown to be "
                                       "within {:.0f} %",
                                       100 * options.noninferiority_margin));
}

}  // namespace banyan
