#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/files.h"
#include "base/format.h"
#include "study/tables.h"

namespace banyan {
namespace {

constexpr int kSchemaVersion = 1;

Json Optional(const Count& value) { return value ? Json(*value) : Json(nullptr); }

Json ToJson(const AggregateRow& row) {
  const Judgement& judged = row.judgement;
  const bool workload_ci = judged.workload_ci.has_value();
  return {
      {"arm", row.arm},
      {"baseline", row.baseline},
      {"budget", row.budget},
      {"verdict", VerdictName(judged.verdict)},
      {"pairs", judged.pairs},
      {"missing_pairs", row.missing_pairs},
      {"wins", judged.wins},
      {"losses", judged.losses},
      {"geomean_speedup", judged.pairs > 0 ? NumberOrNull(judged.speedup) : Json(nullptr)},
      {"ci_low", judged.speedup_ci.low > 0 ? NumberOrNull(judged.speedup_ci.low) : Json(nullptr)},
      {"ci_high", NumberOrNull(judged.speedup_ci.high)},
      {"p_value", NumberOrNull(judged.p.value)},
      {"p_standard_error", NumberOrNull(judged.p.standard_error)},
      {"p_holm", NumberOrNull(judged.p_holm)},
      {"extreme_pair", row.extreme_pair},
      {"geomean_without_extreme", NumberOrNull(judged.speedup_without_extreme)},
      {"p_without_extreme", NumberOrNull(judged.p_without_extreme)},
      {"workloads", row.workloads},
      {"workloads_faster", row.workloads_faster},
      {"geomean_of_medians", NumberOrNull(row.geomean_of_medians)},
      {"median_improvement_percent", NumberOrNull(row.median_improvement_percent)},
      {"baseline_strong_calls", row.strong_calls.baseline},
      {"strong_calls", row.strong_calls.arm},
      {"strong_call_reduction_percent", NumberOrNull(row.strong_calls.reduction_percent())},
      {"baseline_cost_usd", row.cost_usd.baseline},
      {"cost_usd", row.cost_usd.arm},
      {"cost_reduction_percent", NumberOrNull(row.cost_usd.reduction_percent())},
      {"not_worse", judged.not_worse},
      {"not_worse_p", NumberOrNull(judged.not_worse_p.value)},
      {"cost_saving_supported", row.cost_saving_supported()},
      {"workload_ci_low", workload_ci ? NumberOrNull(judged.workload_ci->low) : Json(nullptr)},
      {"workload_ci_high", workload_ci ? NumberOrNull(judged.workload_ci->high) : Json(nullptr)}};
}

Json ToJson(const LedgerRow& row) {
  return {{"arm", row.arm},
          {"model", row.model},
          {"role", row.role},
          {"runs", Optional(row.runs)},
          {"calls", Optional(row.calls)},
          {"answered", Optional(row.answered)},
          {"accepted", Optional(row.accepted)},
          {"tokens_in", NumberOrNull(row.tokens_in)},
          {"tokens_out", NumberOrNull(row.tokens_out)},
          {"cost_usd", NumberOrNull(row.cost_usd)},
          {"seconds", NumberOrNull(row.seconds)}};
}

Json ToJson(const Curve& curve) {
  Json points = Json::array();
  for (const CurvePoint& point : curve.points) {
    points.push_back({{"seconds", point.seconds},
                      {"trials", point.trials},
                      {"calls", point.calls},
                      {"cost_usd", point.cost_usd},
                      {"best_latency_ms", NumberOrNull(point.best_latency_ms)}});
  }
  return {
      {"run_id", curve.run_id}, {"arm", curve.arm},       {"workload_name", curve.workload_name},
      {"seed", curve.seed},     {"budget", curve.budget}, {"points", std::move(points)}};
}

std::string CsvField(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.dump();
}

// Flat objects with the same keys.
template <typename Row>
CsvTable CsvOf(const std::vector<Row>& rows) {
  CsvTable table;
  const Json first = ToJson(Row{});
  for (const auto& item : first.items()) table.columns.push_back(item.key());
  for (const Row& row : rows) {
    table.rows.emplace_back();
    const Json json = ToJson(row);
    for (const auto& item : json.items()) table.rows.back().push_back(CsvField(item.value()));
  }
  return table;
}

template <typename Row>
Json RowsJson(const StudyTables& tables, const std::vector<Row>& rows) {
  Json json = Json::array();
  for (const Row& row : rows) json.push_back(ToJson(row));
  return {{"schema_version", kSchemaVersion}, {"study", tables.study}, {"rows", std::move(json)}};
}

std::string Percent(double percent) {
  return std::isfinite(percent) ? fmt::format("{:+.2f} %", percent) : std::string("-");
}

std::string Ratio(double ratio) {
  return std::isfinite(ratio) && ratio > 0 ? fmt::format("{:.3f}x", ratio) : std::string("-");
}

using TextRows = std::vector<std::vector<std::string>>;

std::string PrintRows(const TextRows& rows, size_t left_columns, bool markdown) {
  if (!markdown) {
    std::vector<TextTable::Align> align(rows.front().size(), TextTable::Align::kRight);
    std::fill_n(align.begin(), left_columns, TextTable::Align::kLeft);
    TextTable table(align);
    for (const auto& row : rows) table.AddRow(row);
    return table.Print();
  }
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& cell : rows[i]) text += "| " + cell + " ";
    text += "|\n";
    if (i > 0) continue;
    for (size_t c = 0; c < rows[i].size(); ++c) text += c < left_columns ? "|---" : "|---:";
    text += "|\n";
  }
  return text;
}

std::string SummaryTable(const StudyTables& tables, const AggregateRow& row, bool markdown) {
  TextRows rows = {{"workload", "pairs", row.baseline, row.arm, "change", "speed-up", "wins"}};
  for (const SummaryRow& workload : tables.summary) {
    if (workload.arm != row.arm || workload.baseline != row.baseline ||
        workload.budget != row.budget) {
      continue;
    }
    rows.push_back({workload.workload_name,
                    fmt::format("{}{}", workload.num_repetitions.value_or(0),
                                workload.missing_pairs.value_or(0) > 0
                                    ? fmt::format(" ({} missing)", *workload.missing_pairs)
                                    : ""),
                    FormatMs(workload.baseline_median_latency_ms),
                    FormatMs(workload.coordinated_median_latency_ms),
                    Percent(workload.latency_improvement_percent), Ratio(workload.geomean_speedup),
                    fmt::format("{}:{}", workload.wins.value_or(0), workload.losses.value_or(0))});
  }
  return PrintRows(rows, 1, markdown);
}

std::string LedgerTable(const StudyTables& tables, bool markdown) {
  const auto count = [](const Count& value) { return value ? FormatCount(*value) : "-"; };
  const auto number = [](double value) {
    return std::isfinite(value) ? FormatCount(static_cast<int64_t>(value)) : std::string("-");
  };
  TextRows rows = {{"arm", "model", "role", "calls", "tokens in", "tokens out", "cost", "seconds"}};
  for (const LedgerRow& row : tables.ledger) {
    rows.push_back({row.arm, row.model, row.role, count(row.calls), number(row.tokens_in),
                    number(row.tokens_out), FormatUsd(row.cost_usd),
                    std::isfinite(row.seconds) ? fmt::format("{:.1f}", row.seconds) : "-"});
  }
  return PrintRows(rows, 3, markdown);
}

std::string ComparisonText(const StudyTables& tables, const AggregateRow& row, bool markdown) {
  const Judgement& judged = row.judgement;
  std::string text = fmt::format("{}{} against {}{}: {}\n{}", markdown ? "## " : "", row.arm,
                                 row.baseline, row.budget.empty() ? "" : " (" + row.budget + ")",
                                 VerdictName(judged.verdict), markdown ? "\n" : "");
  text += SummaryTable(tables, row, markdown) + (markdown ? "\n" : "");
  const std::string item = markdown ? "- " : "  ";
  text += fmt::format("{}{}\n", item, row.claim);
  text += fmt::format(
      "{}of the workloads' medians: geomean {}, median improvement {}, {} of {} "
      "workloads faster\n",
      item,
      std::isfinite(row.geomean_of_medians) ? fmt::format("{:.4f}x", row.geomean_of_medians) : "-",
      std::isfinite(row.median_improvement_percent)
          ? fmt::format("{:.3f} %", row.median_improvement_percent)
          : "-",
      row.workloads_faster, row.workloads);
  if (judged.pairs > 0) {
    text += fmt::format("{}of the {} pairs: geomean {}, {} won, {} lost\n", item, judged.pairs,
                        Ratio(judged.speedup), judged.wins, judged.losses);
  }
  if (judged.extreme_pair) {
    text +=
        fmt::format("{}without the most extreme pair, {}: geomean {}, {}\n", item, row.extreme_pair,
                    Ratio(judged.speedup_without_extreme), PText(judged.p_without_extreme));
  }
  if (judged.workload_ci) {
    text += fmt::format("{}for workloads like these (bootstrap over workloads): {} to {}\n", item,
                        Ratio(judged.workload_ci->low), Ratio(judged.workload_ci->high));
  }
  text += fmt::format("{}{}\n", item, row.strong_call_claim);
  if (row.cost_usd.baseline > 0 || row.cost_usd.arm > 0) {
    text += fmt::format("{}{}\n", item, row.cost_claim);
  }
  if (row.missing_pairs > 0) {
    text += fmt::format("{}{} pairs are missing; pairs.csv says why\n", item, row.missing_pairs);
  }
  return text + "\n";
}

// On what and with what the runs were made: what they have in common once, with their number.
Json SetupsOf(const std::vector<RunRow>& runs) {
  Json setups = Json::array();
  for (const RunRow& run : runs) {
    if (run.setup.empty()) continue;
    const auto known = std::find_if(setups.begin(), setups.end(), [&](const Json& setup) {
      return setup["machine"] == run.setup.value("machine", Json::object()) &&
             setup["versions"] == run.setup.value("versions", Json::object());
    });
    if (known != setups.end()) {
      (*known)["runs"] = (*known)["runs"].get<int64_t>() + 1;
      continue;
    }
    setups.push_back({{"runs", 1},
                      {"machine", run.setup.value("machine", Json::object())},
                      {"versions", run.setup.value("versions", Json::object())}});
  }
  return setups;
}

// "12 runs: Xeon, 8 CPUs (kernels on 1), 15.6 GiB of memory; banyan 0.1.0, tvm 0.27"
std::string SetupText(const Json& setup) {
  const Json& machine = setup["machine"];
  std::string text = fmt::format("{} runs: ", setup["runs"].get<int64_t>());
  const auto number = [&](const char* key) { return machine.value(key, int64_t{0}); };
  text += machine.value("cpu", std::string("unknown processor"));
  if (number("cpus") > 0) text += fmt::format(", {} CPUs", number("cpus"));
  if (number("kernel_cores") > 0) text += fmt::format(" (kernels on {})", number("kernel_cores"));
  if (number("memory_bytes") > 0) {
    text += fmt::format(", {} of memory", FormatBytes(number("memory_bytes")));
  }
  const char* separator = "; ";
  for (const auto& [tool, version] : setup["versions"].items()) {
    if (!version.is_string() || version == "") continue;
    text +=
        fmt::format("{}{} {}", std::exchange(separator, ", "), tool, version.get<std::string>());
  }
  return text;
}

}  // namespace

Json VerdictsJson(const StudyTables& tables) {
  Json comparisons = Json::array();
  for (const AggregateRow& row : tables.aggregate) {
    Json json = ToJson(row);
    json["claim"] = row.claim;
    json["strong_call_claim"] = row.strong_call_claim;
    json["cost_claim"] = row.cost_claim;
    json["strong_call_saving"] = row.strong_calls.Supported(row.judgement);
    json["cost_saving"] = row.cost_usd.Supported(row.judgement);
    Json workloads = Json::array();
    for (const WorkloadGeomean& workload : row.judgement.workloads) {
      workloads.push_back({{"workload_name", workload.workload},
                           {"pairs", workload.pairs},
                           {"geomean_speedup", workload.speedup}});
    }
    json["by_workload"] = std::move(workloads);
    comparisons.push_back(std::move(json));
  }
  int64_t ok = 0;
  for (const RunRow& run : tables.runs) ok += run.ok() ? 1 : 0;
  return {{"schema_version", kSchemaVersion},
          {"study", tables.study},
          {"description", tables.description},
          {"origin", tables.origin},
          {"command", tables.command},
          {"runs", tables.runs.size()},
          {"runs_ok", ok},
          {"comparisons", std::move(comparisons)},
          {"notes", tables.notes},
          {"setup", SetupsOf(tables.runs)}};
}

std::string ReportText(const StudyTables& tables, bool markdown) {
  std::string text;
  if (markdown) {
    text += fmt::format("# Study {}\n\n", tables.study);
    if (!tables.description.empty()) text += tables.description + "\n\n";
  }
  for (const AggregateRow& row : tables.aggregate) text += ComparisonText(tables, row, markdown);
  if (markdown && !tables.ledger.empty()) {
    text += "## What the models were asked\n\n" + LedgerTable(tables, true) + "\n";
  }
  std::vector<std::string> notes = tables.notes;
  int64_t failed = 0;
  for (const RunRow& run : tables.runs) failed += run.status == "failed" ? 1 : 0;
  if (failed > 0) notes.push_back(fmt::format("{} runs failed; runs.csv says why", failed));
  if (markdown && !notes.empty()) text += "## Notes\n\n";
  for (const std::string& note : notes) text += (markdown ? "- " : "note: ") + note + "\n";
  const Json setups = markdown ? SetupsOf(tables.runs) : Json::array();
  if (!setups.empty()) text += "\n## Set-up\n\n";
  for (const Json& setup : setups) text += "- " + SetupText(setup) + "\n";
  return text;
}

Status WriteStudy(const StudyTables& tables, const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) {
    return EnvironmentError(fmt::format("cannot make folder '{}': {}", folder, failure.message()));
  }
  const auto write = [&](const std::string& name, const std::string& text) {
    return WriteFileAtomically(folder + "/" + name, text);
  };
  const auto write_json = [&](const std::string& name, const Json& json) {
    return write(name, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  };
  BANYAN_RETURN_IF_ERROR(write("runs.csv", PrintCsv(ToCsv(tables.runs))));
  BANYAN_RETURN_IF_ERROR(write("pairs.csv", PrintCsv(ToCsv(tables.pairs))));
  BANYAN_RETURN_IF_ERROR(write("summary.csv", PrintCsv(ToCsv(tables.summary))));
  BANYAN_RETURN_IF_ERROR(write("aggregate.csv", PrintCsv(CsvOf(tables.aggregate))));
  BANYAN_RETURN_IF_ERROR(write("ledger.csv", PrintCsv(CsvOf(tables.ledger))));
  BANYAN_RETURN_IF_ERROR(write_json("runs.json", RowsJson(tables, tables.runs)));
  BANYAN_RETURN_IF_ERROR(write_json("pairs.json", RowsJson(tables, tables.pairs)));
  BANYAN_RETURN_IF_ERROR(write_json("summary.json", RowsJson(tables, tables.summary)));
  BANYAN_RETURN_IF_ERROR(write_json("aggregate.json", RowsJson(tables, tables.aggregate)));
  BANYAN_RETURN_IF_ERROR(write_json("ledger.json", RowsJson(tables, tables.ledger)));
  BANYAN_RETURN_IF_ERROR(write_json("curves.json", RowsJson(tables, tables.curves)));
  BANYAN_RETURN_IF_ERROR(write_json("verdicts.json", VerdictsJson(tables)));
  return write("report.md", ReportText(tables, true));
}

}  // namespace banyan
