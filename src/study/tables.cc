#include "study/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "base/strings.h"

namespace banyan {
namespace {

double ReductionPercent(double before, double after) {
  return before > 0 ? 100 * (1 - after / before) : kUnknown;
}

// Nothing spent and nothing saved is no reduction, as in the published tables.
double CallReductionPercent(double before, double after) {
  return before == 0 && after == 0 ? 0 : ReductionPercent(before, after);
}

double CountOr(const Count& count) { return count ? static_cast<double>(*count) : kUnknown; }

const RunRow* FindRun(const std::vector<RunRow>& runs, const RunRow& like, const std::string& arm) {
  for (const RunRow& run : runs) {
    if (run.arm == arm && run.workload_name == like.workload_name && run.seed == like.seed &&
        run.budget == like.budget) {
      return &run;
    }
  }
  return nullptr;
}

std::string Missing(const RunRow* run, const std::string& arm) {
  if (run == nullptr) return fmt::format("{}: no run", arm);
  if (!run->ok()) {
    return fmt::format("{}: {}{}", arm, run->status, run->error.empty() ? "" : ": " + run->error);
  }
  if (!(run->median_latency_ms > 0)) return fmt::format("{}: no latency", arm);
  return {};
}

PairRow MakePair(const RunRow& like, const RunRow* baseline, const RunRow* arm,
                 const Comparison& comparison) {
  PairRow pair;
  pair.workload_name = like.workload_name;
  pair.workload_type = like.workload_type;
  pair.shape = like.shape;
  pair.seed = like.seed;
  pair.trials = like.trials;
  pair.llm_budget = like.llm_budget;
  pair.cost_model = arm == nullptr ? like.cost_model : arm->cost_model;
  pair.arm = comparison.arm;
  pair.baseline = comparison.baseline;
  pair.budget = like.budget;
  if (baseline != nullptr) {
    pair.baseline_run_id = baseline->run_id;
    pair.baseline_tvm_file = baseline->tvm_file;
    pair.baseline_median_latency_ms = baseline->median_latency_ms;
    pair.baseline_tuning_time_sec = baseline->total_tuning_time_sec;
    pair.baseline_llm_calls = CountOr(baseline->llm_calls);
    pair.baseline_strong_model_calls = CountOr(baseline->strong_model_call_count);
    pair.baseline_cost_usd = baseline->cost_usd;
  }
  if (arm != nullptr) {
    pair.coordinated_run_id = arm->run_id;
    pair.coordinated_tvm_file = arm->tvm_file;
    pair.coordinated_median_latency_ms = arm->median_latency_ms;
    pair.coordinated_tuning_time_sec = arm->total_tuning_time_sec;
    pair.coordinated_llm_calls = CountOr(arm->llm_calls);
    pair.coordinated_strong_model_calls = CountOr(arm->strong_model_call_count);
    pair.coordinated_cost_usd = arm->cost_usd;
  }
  const std::string missing = Missing(baseline, comparison.baseline);
  pair.status = missing.empty() ? Missing(arm, comparison.arm) : missing;
  if (!pair.status.empty()) return pair;
  pair.status = "ok";
  pair.interleaved = baseline->remeasured && arm->remeasured;
  pair.speedup_ratio = baseline->median_latency_ms / arm->median_latency_ms;
  pair.log_ratio = std::log(pair.speedup_ratio);
  pair.latency_improvement_percent =
      ReductionPercent(baseline->median_latency_ms, arm->median_latency_ms);
  pair.tuning_time_reduction_percent =
      ReductionPercent(pair.baseline_tuning_time_sec, pair.coordinated_tuning_time_sec);
  pair.llm_call_reduction_percent =
      CallReductionPercent(pair.baseline_llm_calls, pair.coordinated_llm_calls);
  pair.strong_model_call_reduction_percent =
      CallReductionPercent(pair.baseline_strong_model_calls, pair.coordinated_strong_model_calls);
  return pair;
}

struct Sample {
  double median, mean, deviation, low, high;
};

Sample Describe(const std::vector<double>& values) {
  Sample sample{kUnknown, kUnknown, kUnknown, kUnknown, kUnknown};
  if (values.empty()) return sample;
  const auto count = static_cast<double>(values.size());
  sample.median = RankingLatencyMs(values);
  sample.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  sample.low = *std::min_element(values.begin(), values.end());
  sample.high = *std::max_element(values.begin(), values.end());
  double squares = 0;
  for (const double value : values) squares += (value - sample.mean) * (value - sample.mean);
  sample.deviation = count > 1 ? std::sqrt(squares / (count - 1)) : kUnknown;
  return sample;
}

template <typename F>
std::vector<double> Collect(const std::vector<const PairRow*>& pairs, F&& field) {
  std::vector<double> values;
  for (const PairRow* pair : pairs) {
    if (const double value = field(*pair); std::isfinite(value)) values.push_back(value);
  }
  return values;
}

SummaryRow Summarise(const std::vector<const PairRow*>& complete, const PairRow& first) {
  SummaryRow row;
  row.workload_name = first.workload_name;
  row.workload_type = first.workload_type;
  row.shape = first.shape;
  row.trials = first.trials;
  row.llm_budget = first.llm_budget;
  row.cost_model = first.cost_model;
  row.arm = first.arm;
  row.baseline = first.baseline;
  row.budget = first.budget;
  row.num_repetitions = static_cast<int64_t>(complete.size());
  row.wins = row.losses = 0;
  std::vector<std::string> seeds;
  double logs = 0;
  for (const PairRow* pair : complete) {
    seeds.push_back(std::to_string(pair->seed));
    logs += pair->log_ratio;
    *row.wins += pair->log_ratio > 0 ? 1 : 0;
    *row.losses += pair->log_ratio < 0 ? 1 : 0;
  }
  row.seeds = Join(seeds, ",");
  if (complete.empty()) return row;
  row.geomean_speedup = std::exp(logs / static_cast<double>(complete.size()));
  const Sample baseline =
      Describe(Collect(complete, [](const PairRow& p) { return p.baseline_median_latency_ms; }));
  const Sample arm =
      Describe(Collect(complete, [](const PairRow& p) { return p.coordinated_median_latency_ms; }));
  row.baseline_median_latency_ms = baseline.median;
  row.baseline_mean_latency_ms = baseline.mean;
  row.baseline_std_latency_ms = baseline.deviation;
  row.baseline_min_latency_ms = baseline.low;
  row.baseline_max_latency_ms = baseline.high;
  row.coordinated_median_latency_ms = arm.median;
  row.coordinated_mean_latency_ms = arm.mean;
  row.coordinated_std_latency_ms = arm.deviation;
  row.coordinated_min_latency_ms = arm.low;
  row.coordinated_max_latency_ms = arm.high;
  row.latency_improvement_percent = ReductionPercent(baseline.median, arm.median);
  row.speedup_ratio = baseline.median / arm.median;
  const auto median_of = [&](auto field) { return RankingLatencyMs(Collect(complete, field)); };
  row.baseline_median_tuning_time_sec =
      median_of([](const PairRow& p) { return p.baseline_tuning_time_sec; });
  row.coordinated_median_tuning_time_sec =
      median_of([](const PairRow& p) { return p.coordinated_tuning_time_sec; });
  row.baseline_median_strong_model_calls =
      median_of([](const PairRow& p) { return p.baseline_strong_model_calls; });
  row.coordinated_median_strong_model_calls =
      median_of([](const PairRow& p) { return p.coordinated_strong_model_calls; });
  row.strong_model_call_reduction_percent = CallReductionPercent(
      row.baseline_median_strong_model_calls, row.coordinated_median_strong_model_calls);
  row.strict_latency_win = row.latency_improvement_percent >= 2;
  row.cost_quality_win =
      row.latency_improvement_percent >= -1 && row.strong_model_call_reduction_percent >= 50;
  return row;
}

bool SameComparison(const auto& a, const auto& b) {
  return a.arm == b.arm && a.baseline == b.baseline && a.budget == b.budget;
}

// Sums over pairs that know both sides.
Saving SumOver(const std::vector<const PairRow*>& pairs, double PairRow::*baseline,
               double PairRow::*arm) {
  Saving saving;
  for (const PairRow* pair : pairs) {
    if (!std::isfinite(pair->*baseline) || !std::isfinite(pair->*arm)) continue;
    saving.baseline += pair->*baseline;
    saving.arm += pair->*arm;
  }
  return saving;
}

}  // namespace

std::vector<PairRow> MakePairs(const std::vector<RunRow>& runs, const Comparison& comparison) {
  std::vector<PairRow> pairs;
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunRow& run = runs[i];
    if (run.arm != comparison.arm && run.arm != comparison.baseline) continue;
    const bool seen = std::any_of(pairs.begin(), pairs.end(), [&](const PairRow& pair) {
      return pair.workload_name == run.workload_name && pair.seed == run.seed &&
             pair.budget == run.budget;
    });
    if (seen) continue;
    pairs.push_back(MakePair(run, FindRun(runs, run, comparison.baseline),
                             FindRun(runs, run, comparison.arm), comparison));
  }
  return pairs;
}

std::vector<SummaryRow> MakeSummary(const std::vector<PairRow>& pairs) {
  std::vector<SummaryRow> rows;
  const auto in_row = [](const PairRow& pair, const auto& row) {
    return SameComparison(pair, row) && pair.workload_name == row.workload_name;
  };
  for (const PairRow& first : pairs) {
    const bool seen = std::any_of(rows.begin(), rows.end(),
                                  [&](const SummaryRow& row) { return in_row(first, row); });
    if (seen) continue;
    std::vector<const PairRow*> complete;
    int64_t missing = 0;
    for (const PairRow& pair : pairs) {
      if (!in_row(pair, first)) continue;
      if (pair.ok()) {
        complete.push_back(&pair);
      } else {
        ++missing;
      }
    }
    rows.push_back(Summarise(complete, first));
    rows.back().missing_pairs = missing;
  }
  return rows;
}

std::vector<AggregateRow> MakeAggregate(const std::vector<PairRow>& pairs,
                                        const std::vector<SummaryRow>& summary,
                                        const RefereeOptions& options) {
  std::vector<AggregateRow> rows;
  std::vector<std::vector<const PairRow*>> members;
  std::vector<std::vector<PairedRatio>> ratios;
  for (const PairRow& pair : pairs) {
    auto at = std::find_if(rows.begin(), rows.end(),
                           [&](const auto& row) { return SameComparison(row, pair); });
    if (at == rows.end()) {
      AggregateRow row;
      row.arm = pair.arm;
      row.baseline = pair.baseline;
      row.budget = pair.budget;
      rows.push_back(std::move(row));
      members.emplace_back();
      ratios.emplace_back();
      at = rows.end() - 1;
    }
    const auto place = static_cast<size_t>(at - rows.begin());
    if (!pair.ok()) {
      ++at->missing_pairs;
      continue;
    }
    members[place].push_back(&pair);
    ratios[place].push_back({pair.workload_name, pair.log_ratio});
  }
  const std::vector<Judgement> judgements = Judge(ratios, options);
  for (size_t i = 0; i < rows.size(); ++i) {
    AggregateRow& row = rows[i];
    row.judgement = judgements[i];
    if (row.judgement.extreme_pair) {
      const PairRow& extreme = *members[i][*row.judgement.extreme_pair];
      row.extreme_pair = fmt::format("{} seed {} ({:.3f}x)", extreme.workload_name, extreme.seed,
                                     extreme.speedup_ratio);
    }
    std::vector<double> improvements;
    double logs = 0;
    for (const SummaryRow& workload : summary) {
      if (!SameComparison(workload, row) || !std::isfinite(workload.speedup_ratio)) continue;
      ++row.workloads;
      row.workloads_faster += workload.speedup_ratio > 1 ? 1 : 0;
      improvements.push_back(workload.latency_improvement_percent);
      logs += std::log(workload.speedup_ratio);
    }
    if (row.workloads > 0) row.geomean_of_medians = std::exp(logs / row.workloads);
    row.median_improvement_percent = RankingLatencyMs(improvements);
    row.strong_calls = SumOver(members[i], &PairRow::baseline_strong_model_calls,
                               &PairRow::coordinated_strong_model_calls);
    row.cost_usd = SumOver(members[i], &PairRow::baseline_cost_usd, &PairRow::coordinated_cost_usd);
    row.claim = ClaimText(
        row.judgement, {.arm = row.arm, .baseline = row.baseline, .budget = row.budget}, options);
    row.strong_call_claim = SavingText(row.strong_calls, "strong calls", row.judgement, options);
    row.cost_claim = SavingText(row.cost_usd, "money", row.judgement, options, "less");
  }
  return rows;
}

void FillTables(const std::vector<Comparison>& comparisons, StudyTables* tables) {
  if (tables->pairs.empty()) {
    for (const Comparison& comparison : comparisons) {
      const auto pairs = MakePairs(tables->runs, comparison);
      tables->pairs.insert(tables->pairs.end(), pairs.begin(), pairs.end());
    }
  }
  tables->summary = MakeSummary(tables->pairs);
  tables->aggregate = MakeAggregate(tables->pairs, tables->summary);
}

}  // namespace banyan
