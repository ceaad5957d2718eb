#include <fmt/format.h>

#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/run_scripts.h"
#include "app/study_page.h"
#include "base/files.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/study_data.h"
#include "store/store.h"

namespace banyan {
namespace {

// Of a run's programs, as many as one may want to click through.
constexpr size_t kMostScripts = 100;

struct Report {
  std::string name;  // of the run or the study
  std::string out;
  std::string page;
  Json data;  // of the figures
};

Result<Report> ReportOfRun(const CommonOptions& common, const ReportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const RunRecords records, LoadRunRecords(*store, options.run));
  const std::string& run_id = records.run.run_id;
  Report report{run_id, "banyan-report-" + run_id + ".html", "",
                RunData(records, ProgramScripts(records, kMostScripts))};
  report.page = MakePage(records.run.start.workload.id + ": Banyan report", report.data);
  return report;
}

Result<Report> ReportOfStudy(const CommonOptions& common, const ReportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(StudyContent content, ReadStudy(options.run, common.store));
  return Report{content.data["study"].get<std::string>(), options.run + "/report.html",
                std::move(content.page), std::move(content.data)};
}

}  // namespace

Result<int> RunReport(const CommonOptions& common, const ReportOptions& options) {
  const bool study = IsStudyFolder(options.run);
  BANYAN_ASSIGN_OR_RETURN(Report report,
                          study ? ReportOfStudy(common, options) : ReportOfRun(common, options));
  if (!options.out.empty()) report.out = options.out;
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(report.out, report.page));
  std::vector<std::string> figures;
  if (!options.figures.empty()) {
    BANYAN_ASSIGN_OR_RETURN(figures, DrawFigures(report.data, options.figures));
    for (std::string& file : figures) file = AbsolutePath(file);
  }
  if (common.json) {
    PrintJson({{study ? "study" : "run_id", report.name},
               {"page", AbsolutePath(report.out)},
               {"bytes", report.page.size()},
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
