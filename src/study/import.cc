#include "study/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "base/strings.h"

namespace banyan {
namespace {

Result<std::vector<std::string>> FilesOf(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code failure;
    if (!std::filesystem::is_directory(path, failure)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(path, failure)) {
      if (entry.path().extension() == ".csv") inside.push_back(entry.path().string());
    }
    if (failure) {
      return EnvironmentError(fmt::format("cannot read '{}': {}", path, failure.message()));
    }
    if (inside.empty()) return NotFound(fmt::format("'{}' holds no .csv file", path));
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

std::string BudgetOf(const Count& trials, const Count& calls) {
  if (!trials) return {};
  return fmt::format("{} trials{}", *trials, calls ? fmt::format(", {} calls", *calls) : "");
}

void Complete(RunRow* run) {
  if (run->arm.empty()) run->arm = run->implementation;
  if (run->arm.empty()) run->arm = run->method_name;
  if (run->budget.empty()) run->budget = BudgetOf(run->trials, run->llm_budget);
  if (run->status.empty()) run->status = std::isnan(run->median_latency_ms) ? "failed" : "ok";
}

void Complete(PairRow* pair) {
  if (pair->arm.empty()) pair->arm = "coordinated";
  if (pair->baseline.empty()) pair->baseline = "baseline";
  if (pair->budget.empty()) pair->budget = BudgetOf(pair->trials, pair->llm_budget);
  const double ratio = pair->baseline_median_latency_ms / pair->coordinated_median_latency_ms;
  const bool measured = std::isfinite(ratio) && ratio > 0;
  if (pair->status.empty()) pair->status = measured ? "ok" : "no latency";
  if (!pair->ok()) return;
  pair->speedup_ratio = ratio;
  pair->log_ratio = std::log(ratio);
}

std::vector<std::string> ArmsOf(const std::vector<RunRow>& runs) {
  std::vector<std::string> arms;
  for (const RunRow& run : runs) {
    if (std::find(arms.begin(), arms.end(), run.arm) == arms.end()) arms.push_back(run.arm);
  }
  return arms;
}

Result<std::string> BaselineOf(const std::vector<std::string>& arms, const std::string& wanted) {
  if (!wanted.empty()) {
    if (std::find(arms.begin(), arms.end(), wanted) != arms.end()) return wanted;
    return InvalidArgument(fmt::format("no run has the arm '{}'{}; there are: {}", wanted,
                                       DidYouMean(wanted, arms), Join(arms, ", ")));
  }
  const auto named = std::find_if(arms.begin(), arms.end(), [](const std::string& arm) {
    return arm.find("baseline") != std::string::npos;
  });
  if (named != arms.end()) return *named;
  return InvalidArgument(
      fmt::format("which arm is the baseline? say it with --baseline: {}", Join(arms, ", ")));
}

// What a model was asked for, as far as such tables tell.
std::vector<LedgerRow> LedgerOf(const std::vector<RunRow>& runs) {
  std::vector<LedgerRow> ledger;
  const auto add = [&](const RunRow& run, const std::string& model, const char* role,
                       const Count& calls) {
    if (model.empty() || !calls) return;
    auto at = std::find_if(ledger.begin(), ledger.end(), [&](const LedgerRow& row) {
      return row.arm == run.arm && row.model == model && row.role == role;
    });
    if (at == ledger.end()) {
      LedgerRow row;
      row.arm = run.arm;
      row.model = model;
      row.role = role;
      row.runs = row.calls = 0;
      at = ledger.insert(ledger.end(), std::move(row));
    }
    *at->runs += *calls > 0 ? 1 : 0;
    *at->calls += *calls;
  };
  for (const RunRow& run : runs) {
    add(run, run.strong_model, "strong", run.strong_model_call_count);
    add(run, run.small_model, "light", run.small_model_call_count);
  }
  return ledger;
}

// A table of pairs beside the runs it was made from must say the same.
Status CheckAgainst(const std::vector<PairRow>& made, const CsvTable& table,
                    const std::vector<PairRow>& stated, const std::string& where) {
  for (size_t i = 0; i < stated.size(); ++i) {
    const PairRow& pair = stated[i];
    const auto same = std::find_if(made.begin(), made.end(), [&](const PairRow& other) {
      return other.baseline_run_id == pair.baseline_run_id &&
             other.coordinated_run_id == pair.coordinated_run_id;
    });
    if (same == made.end()) {
      return InvalidArgument(fmt::format("{}:{}: no table of runs holds both '{}' and '{}'", where,
                                         table.lines[i], pair.baseline_run_id,
                                         pair.coordinated_run_id));
    }
    const double off =
        same->speedup_ratio * pair.coordinated_median_latency_ms / pair.baseline_median_latency_ms;
    if (pair.ok() && !(std::fabs(off - 1) < 1e-3)) {
      return InvalidArgument(
          fmt::format("{}:{}: {} seed {}: the latencies are not those of its runs", where,
                      table.lines[i], pair.workload_name, pair.seed));
    }
  }
  return Ok{};
}

}  // namespace

Result<StudyTables> ImportStudy(const std::vector<std::string>& paths, std::string baseline) {
  BANYAN_ASSIGN_OR_RETURN(const auto files, FilesOf(paths));
  StudyTables tables;
  tables.origin = "import";
  tables.study = std::filesystem::path(paths.front()).lexically_normal().stem().string();
  std::vector<PairRow> pairs;
  CsvTable pairs_table;
  std::string pairs_file;
  for (const std::string& file : files) {
    BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 256 << 20));
    BANYAN_ASSIGN_OR_RETURN(CsvTable table, ParseCsv(text, file));
    if (table.Find("latency_samples_ms") >= 0) {
      BANYAN_ASSIGN_OR_RETURN(auto rows, RunRowsFromCsv(table, file));
      for (RunRow& row : rows) Complete(&row);
      tables.runs.insert(tables.runs.end(), rows.begin(), rows.end());
    } else if (table.Find("baseline_median_latency_ms") >= 0 && table.Find("seed") >= 0) {
      BANYAN_ASSIGN_OR_RETURN(pairs, PairRowsFromCsv(table, file));
      for (PairRow& pair : pairs) Complete(&pair);
      pairs_table = std::move(table);
      pairs_file = file;
    } else if (files.size() == 1) {
      return InvalidArgument(
          fmt::format("{}:1: neither a table of runs (latency_samples_ms) nor of pairs "
                      "(baseline_median_latency_ms, seed)",
                      file));
    }
  }
  std::vector<Comparison> comparisons;
  if (tables.runs.empty()) {
    if (pairs.empty()) return InvalidArgument("no table of runs or pairs among the files");
    tables.pairs = pairs;
  } else {
    const std::vector<std::string> arms = ArmsOf(tables.runs);
    BANYAN_ASSIGN_OR_RETURN(baseline, BaselineOf(arms, baseline));
    for (const std::string& arm : arms) {
      if (arm != baseline) comparisons.push_back({.arm = arm, .baseline = baseline});
    }
  }
  FillTables(comparisons, &tables);
  if (!pairs_file.empty() && !tables.runs.empty()) {
    BANYAN_RETURN_IF_ERROR(CheckAgainst(tables.pairs, pairs_table, pairs, pairs_file));
  }
  tables.ledger = LedgerOf(tables.runs);
  const bool interleaved =
      std::all_of(tables.pairs.begin(), tables.pairs.end(),
                  [](const PairRow& pair) { return pair.interleaved || !pair.ok(); });
  if (!interleaved) {
    tables.notes.emplace_back(
        "the runs of a pair were measured apart, not interleaved: drift of the machine is in the "
        "differences");
  }
  return tables;
}

}  // namespace banyan
