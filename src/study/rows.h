#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "study/csv.h"

namespace banyan {

// The rows of a study's tables. Names and meaning of the columns are those of the published study
// (docs/study.md); ours follow after them. Unknown numbers are NaN or empty, null in JSON, an empty
// field in CSV. Latencies in ms, else SI units.

using Count = std::optional<int64_t>;
inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// One run, whatever became of it.
struct RunRow {
  std::string run_id;
  std::string method_name;     // the strategy
  std::string implementation;  // whose program ran it
  std::string workload_name;
  std::string workload_type;  // the family of the paper that it stands for
  std::string shape;
  std::string target;
  std::string device = "cpu";
  uint64_t seed = 0;
  Count trials;  // budget
  Count llm_budget;
  Count num_trials_per_iter;
  std::string cost_model;
  std::string strong_model;
  std::string small_model;
  double total_tuning_time_sec = kUnknown;
  Count num_measured_candidates;
  Count invalid_candidate_count;  // built, but crashed, timed out or gave a wrong result
  Count compile_failure_count;
  Count llm_calls;
  Count strong_model_call_count;
  Count small_model_call_count;
  double large_model_ratio = kUnknown;
  Count number, repeat;
  double min_repeat_ms = kUnknown;
  std::vector<double> latency_samples_ms;  // of the pair's interleaved re-measurement, if made
  double best_latency_ms = kUnknown;       // the least sample
  double median_latency_ms = kUnknown;     // what is compared
  std::string tvm_version;
  std::string repo_commit;
  std::string api_key_presence_only;  // yes, no, not needed; never the key
  std::string timestamp_utc;
  std::string status;  // ok, failed, running, interrupted (to be gone on with), pending
  std::string notes;
  std::string env_LD_LIBRARY_PATH, env_PYTHONPATH, env_TVM_HOME, env_TVM_LIBRARY_PATH;
  std::string repo_path, tvm_file, work_dir, raw_json, log_path;

  // Ours.
  std::string error;  // why it failed, in a line
  std::string study;
  std::string arm;     // label in the study
  std::string budget;  // "32 trials, 4 calls"
  bool remeasured = false;
  double run_latency_ms = kUnknown;  // of the run's own finals
  double default_latency_ms = kUnknown;
  double speedup = kUnknown;  // over the unscheduled program
  double gflops = kUnknown;
  double peak_fraction = kUnknown;
  double tokens_in = kUnknown, tokens_out = kUnknown, cost_usd = kUnknown;
  double models_s = kUnknown, search_s = kUnknown, apply_s = kUnknown, build_s = kUnknown,
         run_s = kUnknown;
  std::string banyan_version;
  std::string cpu;
  std::string plan;
  // No column, but part of verdicts.json: machine and versions of tools, whatever is known.
  Json setup = Json::object();

  bool ok() const { return status == "ok"; }
};

// Two runs that differ in nothing but the arm. "coordinated" is the published name of the arm that
// is compared with the baseline. A pair with a failed run stays in the table and says why.
struct PairRow {
  std::string workload_name, workload_type, shape;
  uint64_t seed = 0;
  Count trials, llm_budget;
  std::string cost_model;
  double baseline_median_latency_ms = kUnknown;
  double coordinated_median_latency_ms = kUnknown;
  double latency_improvement_percent = kUnknown;
  double speedup_ratio = kUnknown;
  double baseline_tuning_time_sec = kUnknown;
  double coordinated_tuning_time_sec = kUnknown;
  double tuning_time_reduction_percent = kUnknown;
  double baseline_llm_calls = kUnknown;
  double coordinated_llm_calls = kUnknown;
  double llm_call_reduction_percent = kUnknown;
  double baseline_strong_model_calls = kUnknown;
  double coordinated_strong_model_calls = kUnknown;
  double strong_model_call_reduction_percent = kUnknown;
  std::string baseline_run_id, coordinated_run_id;
  std::string baseline_tvm_file, coordinated_tvm_file;

  // Ours.
  std::string arm, baseline, budget;
  double log_ratio = kUnknown;  // ln(baseline / coordinated)
  double baseline_cost_usd = kUnknown;
  double coordinated_cost_usd = kUnknown;
  bool interleaved = false;  // both were re-measured in one process
  std::string status;        // ok, or why there is no comparison

  bool ok() const { return status == "ok"; }
};

// One workload at one budget in one comparison; over the complete pairs.
struct SummaryRow {
  std::string workload_name, workload_type, shape;
  Count trials, llm_budget;
  std::string cost_model;
  Count num_repetitions;
  std::string seeds;
  double baseline_median_latency_ms = kUnknown, coordinated_median_latency_ms = kUnknown;
  double baseline_mean_latency_ms = kUnknown, coordinated_mean_latency_ms = kUnknown;
  double baseline_std_latency_ms = kUnknown, coordinated_std_latency_ms = kUnknown;  // n - 1
  double baseline_min_latency_ms = kUnknown, coordinated_min_latency_ms = kUnknown;
  double baseline_max_latency_ms = kUnknown, coordinated_max_latency_ms = kUnknown;
  double latency_improvement_percent = kUnknown;  // of the medians
  double speedup_ratio = kUnknown;
  double baseline_median_tuning_time_sec = kUnknown, coordinated_median_tuning_time_sec = kUnknown;
  double baseline_median_strong_model_calls = kUnknown;
  double coordinated_median_strong_model_calls = kUnknown;
  double strong_model_call_reduction_percent = kUnknown;
  bool strict_latency_win = false;  // improvement >= 2 %
  bool cost_quality_win = false;    // within 1 % and strong calls down >= 50 %

  // Ours.
  std::string arm, baseline, budget;
  double geomean_speedup = kUnknown;  // of the pairs
  Count wins, losses;
  Count missing_pairs;
};

Json ToJson(const RunRow& row);
Json ToJson(const PairRow& row);
Json ToJson(const SummaryRow& row);
CsvTable ToCsv(const std::vector<RunRow>& rows);
CsvTable ToCsv(const std::vector<PairRow>& rows);
CsvTable ToCsv(const std::vector<SummaryRow>& rows);
// Columns that are missing stay unknown, columns that are not known are left out; kInvalidArgument
// with FILE:LINE for a field that is no number where one belongs.
Result<std::vector<RunRow>> RunRowsFromCsv(const CsvTable& table, const std::string& where);
Result<std::vector<PairRow>> PairRowsFromCsv(const CsvTable& table, const std::string& where);

}  // namespace banyan
