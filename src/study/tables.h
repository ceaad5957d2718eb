#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "study/referee.h"
#include "study/rows.h"

namespace banyan {

// From runs to what may be claimed: pairs, summary, aggregate, verdicts. Pure functions but
// WriteStudy; columns and formulas in docs/study.md.

// An arm against the one it is compared with.
struct Comparison {
  std::string arm;
  std::string baseline;
};

// What one model was asked for in one arm, all runs together.
struct LedgerRow {
  std::string arm;
  std::string model;
  std::string role;  // strong, light
  Count runs;        // that asked it
  Count calls, answered, accepted;
  double tokens_in = kUnknown, tokens_out = kUnknown, cost_usd = kUnknown, seconds = kUnknown;
};

// One comparison at one budget.
struct AggregateRow {
  std::string arm, baseline, budget;
  int workloads = 0;
  int workloads_faster = 0;                      // by their medians
  double geomean_of_medians = kUnknown;          // of the workloads' ratios of medians
  double median_improvement_percent = kUnknown;  // of the workloads' improvements
  int missing_pairs = 0;
  Judgement judgement;
  std::string extreme_pair;  // in words
  Saving strong_calls;
  Saving cost_usd;
  std::string claim;
  std::string strong_call_claim;
  std::string cost_claim;

  bool cost_saving_supported() const {
    return strong_calls.Supported(judgement) || cost_usd.Supported(judgement);
  }
};

// Best latency so far against what was spent, for one run.
struct CurvePoint {
  double seconds = 0;
  int64_t trials = 0;
  int64_t calls = 0;
  double cost_usd = 0;
  double best_latency_ms = kUnknown;  // of the search's own measurements
};
struct Curve {
  std::string run_id, arm, workload_name, budget;
  uint64_t seed = 0;
  std::vector<CurvePoint> points;
};

struct StudyTables {
  std::string study;
  std::string description;
  std::string origin = "study";    // study, import
  std::string command;             // that makes the tables again; empty: not known
  std::vector<std::string> notes;  // what a reader has to know besides
  std::vector<RunRow> runs;
  std::vector<PairRow> pairs;
  std::vector<SummaryRow> summary;
  std::vector<AggregateRow> aggregate;
  std::vector<LedgerRow> ledger;
  std::vector<Curve> curves;
};

// One row for each workload, seed and budget of the runs, in their order, also where a run lacks.
std::vector<PairRow> MakePairs(const std::vector<RunRow>& runs, const Comparison& comparison);
std::vector<SummaryRow> MakeSummary(const std::vector<PairRow>& pairs);
std::vector<AggregateRow> MakeAggregate(const std::vector<PairRow>& pairs,
                                        const std::vector<SummaryRow>& summary,
                                        const RefereeOptions& options = {});
// Fills pairs (unless there are some already), summary and aggregate.
void FillTables(const std::vector<Comparison>& comparisons, StudyTables* tables);

Json VerdictsJson(const StudyTables& tables);
// For people: verdicts, a table by workload, ledger, notes. Markdown if `markdown`.
std::string ReportText(const StudyTables& tables, bool markdown);
// runs, pairs, summary, aggregate and ledger as .csv and .json, curves.json, verdicts.json and
// report.md into `folder`, which is made; each file in one step.
Status WriteStudy(const StudyTables& tables, const std::string& folder);

}  // namespace banyan
