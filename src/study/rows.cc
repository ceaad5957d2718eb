#include "study/rows.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace banyan {
namespace {

// Every column in its order, for all that reads or prints rows.
template <typename Row, typename F>
void VisitRun(Row& row, F&& f) {
  f("run_id", row.run_id);
  f("method_name", row.method_name);
  f("arm", row.arm);
  f("workload_name", row.workload_name);
  f("workload_type", row.workload_type);
  f("shape", row.shape);
  f("target", row.target);
  f("device", row.device);
  f("seed", row.seed);
  f("trials", row.trials);
  f("llm_budget", row.llm_budget);
  f("num_trials_per_iter", row.num_trials_per_iter);
  f("cost_model", row.cost_model);
  f("strong_model", row.strong_model);
  f("small_model", row.small_model);
  f("total_tuning_time_sec", row.total_tuning_time_sec);
  f("num_measured_candidates", row.num_measured_candidates);
  f("invalid_candidate_count", row.invalid_candidate_count);
  f("compile_failure_count", row.compile_failure_count);
  f("llm_calls", row.llm_calls);
  f("strong_model_call_count", row.strong_model_call_count);
  f("small_model_call_count", row.small_model_call_count);
  f("large_model_ratio", row.large_model_ratio);
  f("number", row.number);
  f("repeat", row.repeat);
  f("min_repeat_ms", row.min_repeat_ms);
  f("latency_samples_ms", row.latency_samples_ms);
  f("best_latency_ms", row.best_latency_ms);
  f("median_latency_ms", row.median_latency_ms);
  f("implementation", row.implementation);
  f("tvm_version", row.tvm_version);
  f("repo_commit", row.repo_commit);
  f("api_key_presence_only", row.api_key_presence_only);
  f("timestamp_utc", row.timestamp_utc);
  f("status", row.status);
  f("error", row.error);
  f("notes", row.notes);
  f("env_LD_LIBRARY_PATH", row.env_LD_LIBRARY_PATH);
  f("env_PYTHONPATH", row.env_PYTHONPATH);
  f("env_TVM_HOME", row.env_TVM_HOME);
  f("env_TVM_LIBRARY_PATH", row.env_TVM_LIBRARY_PATH);
  f("repo_path", row.repo_path);
  f("tvm_file", row.tvm_file);
  f("work_dir", row.work_dir);
  f("_raw_json", row.raw_json);
  f("log_path", row.log_path);
  f("study", row.study);
  f("budget", row.budget);
  f("remeasured", row.remeasured);
  f("run_latency_ms", row.run_latency_ms);
  f("default_latency_ms", row.default_latency_ms);
  f("speedup", row.speedup);
  f("gflops", row.gflops);
  f("peak_fraction", row.peak_fraction);
  f("tokens_in", row.tokens_in);
  f("tokens_out", row.tokens_out);
  f("cost_usd", row.cost_usd);
  f("models_s", row.models_s);
  f("search_s", row.search_s);
  f("apply_s", row.apply_s);
  f("build_s", row.build_s);
  f("run_s", row.run_s);
  f("banyan_version", row.banyan_version);
  f("cpu", row.cpu);
  f("plan", row.plan);
}

template <typename Row, typename F>
void VisitPair(Row& row, F&& f) {
  f("workload_name", row.workload_name);
  f("workload_type", row.workload_type);
  f("shape", row.shape);
  f("seed", row.seed);
  f("trials", row.trials);
  f("llm_budget", row.llm_budget);
  f("cost_model", row.cost_model);
  f("baseline_median_latency_ms", row.baseline_median_latency_ms);
  f("coordinated_median_latency_ms", row.coordinated_median_latency_ms);
  f("latency_improvement_percent", row.latency_improvement_percent);
  f("speedup_ratio", row.speedup_ratio);
  f("baseline_tuning_time_sec", row.baseline_tuning_time_sec);
  f("coordinated_tuning_time_sec", row.coordinated_tuning_time_sec);
  f("tuning_time_reduction_percent", row.tuning_time_reduction_percent);
  f("baseline_llm_calls", row.baseline_llm_calls);
  f("coordinated_llm_calls", row.coordinated_llm_calls);
  f("llm_call_reduction_percent", row.llm_call_reduction_percent);
  f("baseline_strong_model_calls", row.baseline_strong_model_calls);
  f("coordinated_strong_model_calls", row.coordinated_strong_model_calls);
  f("strong_model_call_reduction_percent", row.strong_model_call_reduction_percent);
  f("baseline_run_id", row.baseline_run_id);
  f("coordinated_run_id", row.coordinated_run_id);
  f("baseline_tvm_file", row.baseline_tvm_file);
  f("coordinated_tvm_file", row.coordinated_tvm_file);
  f("arm", row.arm);
  f("baseline", row.baseline);
  f("budget", row.budget);
  f("log_ratio", row.log_ratio);
  f("baseline_cost_usd", row.baseline_cost_usd);
  f("coordinated_cost_usd", row.coordinated_cost_usd);
  f("interleaved", row.interleaved);
  f("status", row.status);
}

template <typename Row, typename F>
void VisitSummary(Row& row, F&& f) {
  f("workload_name", row.workload_name);
  f("workload_type", row.workload_type);
  f("shape", row.shape);
  f("trials", row.trials);
  f("llm_budget", row.llm_budget);
  f("cost_model", row.cost_model);
  f("num_repetitions", row.num_repetitions);
  f("seeds", row.seeds);
  f("baseline_median_latency_ms", row.baseline_median_latency_ms);
  f("coordinated_median_latency_ms", row.coordinated_median_latency_ms);
  f("baseline_mean_latency_ms", row.baseline_mean_latency_ms);
  f("coordinated_mean_latency_ms", row.coordinated_mean_latency_ms);
  f("baseline_std_latency_ms", row.baseline_std_latency_ms);
  f("coordinated_std_latency_ms", row.coordinated_std_latency_ms);
  f("baseline_min_latency_ms", row.baseline_min_latency_ms);
  f("coordinated_min_latency_ms", row.coordinated_min_latency_ms);
  f("baseline_max_latency_ms", row.baseline_max_latency_ms);
  f("coordinated_max_latency_ms", row.coordinated_max_latency_ms);
  f("latency_improvement_percent", row.latency_improvement_percent);
  f("speedup_ratio", row.speedup_ratio);
  f("baseline_median_tuning_time_sec", row.baseline_median_tuning_time_sec);
  f("coordinated_median_tuning_time_sec", row.coordinated_median_tuning_time_sec);
  f("baseline_median_strong_model_calls", row.baseline_median_strong_model_calls);
  f("coordinated_median_strong_model_calls", row.coordinated_median_strong_model_calls);
  f("strong_model_call_reduction_percent", row.strong_model_call_reduction_percent);
  f("strict_latency_win", row.strict_latency_win);
  f("cost_quality_win", row.cost_quality_win);
  f("arm", row.arm);
  f("baseline", row.baseline);
  f("budget", row.budget);
  f("geomean_speedup", row.geomean_speedup);
  f("wins", row.wins);
  f("losses", row.losses);
  f("missing_pairs", row.missing_pairs);
}

template <typename F>
void Visit(const RunRow& row, F&& f) {
  VisitRun(row, f);
}
template <typename F>
void Visit(RunRow& row, F&& f) {
  VisitRun(row, f);
}
template <typename F>
void Visit(const PairRow& row, F&& f) {
  VisitPair(row, f);
}
template <typename F>
void Visit(PairRow& row, F&& f) {
  VisitPair(row, f);
}
template <typename F>
void Visit(const SummaryRow& row, F&& f) {
  VisitSummary(row, f);
}

Json Value(const std::string& value) { return value; }
Json Value(bool value) { return value; }
Json Value(uint64_t value) { return value; }
Json Value(const Count& value) { return value ? Json(*value) : Json(nullptr); }
Json Value(double value) { return NumberOrNull(value); }
Json Value(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(Value(value));
  return array;
}

// As the published tables spell it.
std::string Text(const std::string& value) { return value; }
std::string Text(bool value) { return value ? "True" : "False"; }
std::string Text(uint64_t value) { return std::to_string(value); }
std::string Text(const Count& value) { return value ? std::to_string(*value) : std::string(); }
std::string Text(double value) { return std::isfinite(value) ? Json(value).dump() : std::string(); }
std::string Text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + Text(value);
  return "[" + text + "]";
}

template <typename Number>
bool ReadNumber(const std::string& text, Number* value) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return failure == std::errc() && end == text.data() + text.size();
}

bool Read(const std::string& text, std::string* value) {
  *value = text;
  return true;
}
bool Read(const std::string& text, bool* value) {
  *value = text == "True" || text == "true";
  return *value || text == "False" || text == "false" || text.empty();
}
bool Read(const std::string& text, double* value) {
  return text.empty() || ReadNumber(text, value);
}
bool Read(const std::string& text, uint64_t* value) { return ReadNumber(text, value); }
bool Read(const std::string& text, Count* value) {
  double number = 0;  // pandas turns counts with gaps into "4.0"
  if (text.empty()) return true;
  if (!ReadNumber(text, &number) || number != std::floor(number)) return false;
  *value = static_cast<int64_t>(number);
  return true;
}
bool Read(const std::string& text, std::vector<double>* values) {
  if (text.empty()) return true;
  const Json list = Json::parse(text, nullptr, false);
  if (!list.is_array()) return false;
  for (const Json& item : list) {
    if (!item.is_number()) return false;
    values->push_back(item.get<double>());
  }
  return true;
}

template <typename Row>
Json RowJson(const Row& row) {
  Json json = Json::object();
  Visit(row, [&json](const char* name, const auto& value) { json[name] = Value(value); });
  return json;
}

template <typename Row>
CsvTable Table(const std::vector<Row>& rows) {
  CsvTable table;
  Visit(Row{}, [&](const char* name, const auto&) { table.columns.emplace_back(name); });
  for (const Row& row : rows) {
    std::vector<std::string> fields;
    Visit(row, [&](const char*, const auto& value) { fields.push_back(Text(value)); });
    table.rows.push_back(std::move(fields));
  }
  return table;
}

template <typename Row>
Result<std::vector<Row>> Rows(const CsvTable& table, const std::string& where) {
  std::vector<Row> rows;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    Row row;
    std::string problem;
    Visit(row, [&](const char* name, auto& value) {
      const int column = table.Find(name);
      if (column < 0) return;
      const std::string& text = table.rows[i][static_cast<size_t>(column)];
      if (!Read(text, &value) && problem.empty()) {
        problem = fmt::format("{}:{}: '{}' is no value of {}", where, table.lines[i], text, name);
      }
    });
    if (!problem.empty()) return InvalidArgument(problem);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Json ToJson(const RunRow& row) { return RowJson(row); }
Json ToJson(const PairRow& row) { return RowJson(row); }
Json ToJson(const SummaryRow& row) { return RowJson(row); }

CsvTable ToCsv(const std::vector<RunRow>& rows) { return Table(rows); }
CsvTable ToCsv(const std::vector<PairRow>& rows) { return Table(rows); }
CsvTable ToCsv(const std::vector<SummaryRow>& rows) { return Table(rows); }

Result<std::vector<RunRow>> RunRowsFromCsv(const CsvTable& table, const std::string& where) {
  return Rows<RunRow>(table, where);
}
Result<std::vector<PairRow>> PairRowsFromCsv(const CsvTable& table, const std::string& where) {
  return Rows<PairRow>(table, where);
}

}  // namespace banyan
