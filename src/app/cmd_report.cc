#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/wiring.h"
#include "base/files.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/study_data.h"
#include "store/store.h"

namespace banyan {
namespace {

// What the trees of all runs of a study may take of the page together.
constexpr size_t kTreeBytes = 3'000'000;
constexpr size_t kBytesOfNode = 120;

// The programs worth reading: as it was written, and the best. A page without them is still a
// report, so a program that cannot be made again is left out.
std::map<int64_t, std::string> Scripts(const RunRecords& records) {
  std::map<int64_t, std::string> scripts;
  const RunStart& start = records.run.start;
  auto compiler = MakeCompiler(start.workload, start.target);
  if (!compiler.ok()) return scripts;
  for (const int64_t node : {int64_t{0}, BestNode(records)}) {
    const auto plan = ParsePlan(PlanText(records, node));
    if (!plan.ok()) continue;
    const auto candidate = (*compiler)->Apply(*plan);
    if (!candidate.ok()) continue;
    auto script = (*compiler)->Script(*candidate);
    if (script.ok()) scripts[node] = std::move(script).value();
  }
  return scripts;
}

struct Report {
  std::string name;  // of the run or the study
  std::string title;
  std::string out;
  Json data;
};

Result<Report> ReportOfRun(const CommonOptions& common, const ReportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const RunRecords records, LoadRunRecords(*store, options.run));
  const std::string& run_id = records.run.run_id;
  return Report{run_id, records.run.start.workload.id, "banyan-report-" + run_id + ".html",
                RunData(records, Scripts(records))};
}

// The trees of a study's runs, as far as the store is here and holds them.
Json Trees(const CommonOptions& common, const Json& runs) {
  Json trees = Json::object();
  std::error_code failure;
  if (runs.empty() || !std::filesystem::exists(common.store, failure)) return trees;
  const auto store = Store::Open(common.store, Store::Mode::kRead);
  if (!store.ok()) return trees;
  const size_t share = kTreeBytes / runs.size();
  RunDataLimits limits;
  limits.text_bytes = share / 2;
  limits.one_text_bytes = 1200;
  limits.nodes = std::max<size_t>(30, share / 3 / kBytesOfNode);
  limits.trials = limits.nodes;
  limits.points = 60;
  limits.calls = 20;
  for (const Json& run : runs) {
    const auto id = run.find("run_id");
    if (id == run.end() || !id->is_string() || id->get<std::string>().empty()) continue;
    const auto records = LoadRunRecords(**store, id->get<std::string>());
    if (records.ok()) trees[id->get<std::string>()] = RunData(*records, {}, limits);
  }
  return trees;
}

Result<Report> ReportOfStudy(const CommonOptions& common, const ReportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(Json data, LoadStudyData(options.run));
  data["trees"] = Trees(common, data["runs"]);
  const std::string name = data["study"].get<std::string>();
  return Report{name, name.empty() ? "Study" : name, options.run + "/report.html", std::move(data)};
}

std::string Absolute(const std::string& path) {
  std::error_code failure;
  return std::filesystem::absolute(path, failure).lexically_normal().string();
}

}  // namespace

Result<int> RunReport(const CommonOptions& common, const ReportOptions& options) {
  const bool study = IsStudyFolder(options.run);
  BANYAN_ASSIGN_OR_RETURN(Report report,
                          study ? ReportOfStudy(common, options) : ReportOfRun(common, options));
  if (!options.out.empty()) report.out = options.out;
  const std::string page = MakePage(report.title + ": Banyan report", report.data);
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(report.out, page));
  std::vector<std::string> figures;
  if (!options.figures.empty()) {
    BANYAN_ASSIGN_OR_RETURN(figures, DrawFigures(report.data, options.figures));
    for (std::string& file : figures) file = Absolute(file);
  }
  if (common.json) {
    PrintJson({{study ? "study" : "run_id", report.name},
               {"page", Absolute(report.out)},
               {"bytes", page.size()},
               {"figures", figures}});
    return 0;
  }
  fmt::print("{}\n", Absolute(report.out));
  if (!figures.empty()) {
    fmt::print("{}: {} figures\n", Absolute(options.figures), figures.size());
  }
  return 0;
}

}  // namespace banyan
