#include <fmt/format.h>

#include <map>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/study_page.h"
#include "app/wiring.h"
#include "base/files.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/study_data.h"
#include "store/store.h"

namespace banyan {
namespace {

// The programs worth reading: as it was written, and the best. A page without them is still a
// report, so a program that cannot be made again is left out.
std::map<int64_t, std::string> Scripts(const RunRecords& records) {
  std::map<int64_t, std::string> scripts;
  const RunStart& start = records.run.start;
  PlanCompilers compilers(&start.workload, &start.target);
  for (const int64_t node : {int64_t{0}, BestNode(records)}) {
    const auto plan = ParsePlan(PlanText(records, node));
    if (!plan.ok()) continue;
    const auto compiler = compilers.For(*plan);
    if (!compiler.ok()) continue;
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

Result<Report> ReportOfStudy(const CommonOptions& common, const ReportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(Json data, StudyPageData(options.run, common.store));
  const std::string name = data["study"].get<std::string>();
  return Report{name, name.empty() ? "Study" : name, options.run + "/report.html", std::move(data)};
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
    for (std::string& file : figures) file = AbsolutePath(file);
  }
  if (common.json) {
    PrintJson({{study ? "study" : "run_id", report.name},
               {"page", AbsolutePath(report.out)},
               {"bytes", page.size()},
               {"figures", figures}});
    return 0;
  }
  fmt::print("{}\n", AbsolutePath(report.out));
  if (!figures.empty()) {
    fmt::print("{}: {} figures\n", AbsolutePath(options.figures), figures.size());
  }
  return 0;
}

}  // namespace banyan
