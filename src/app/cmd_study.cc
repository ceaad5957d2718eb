#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/signals.h"
#include "app/study_page.h"
#include "app/study_runner.h"
#include "app/study_view.h"
#include "base/files.h"
#include "report/run_data.h"
#include "store/store.h"
#include "store/study_tables.h"
#include "study/import.h"
#include "study/study.h"

namespace banyan {
namespace {

// As it was typed, but for what changes nothing in the tables.
std::string CommandText(const CommonOptions& common, const StudyCommandOptions& options) {
  std::string text = "banyan study";
  for (const std::string& file : options.files) text += " " + ShellWord(file);
  if (!options.baseline.empty()) text += " --baseline " + ShellWord(options.baseline);
  if (options.files.front() != "import") text += " --store " + ShellWord(common.store);
  if (!options.out.empty()) text += " --out " + ShellWord(options.out);
  return text;
}

Status Publish(const CommonOptions& common, const StudyTables& tables, const std::string& folder) {
  BANYAN_RETURN_IF_ERROR(WriteStudy(tables, folder));
  BANYAN_ASSIGN_OR_RETURN(const StudyPage page, WriteStudyPage(folder, common.store));
  if (common.json) {
    Json json = VerdictsJson(tables);
    json["folder"] = folder;
    json["page"] = page.file;
    json["figures"] = page.figures;
    PrintJson(json);
    return Ok{};
  }
  std::fputs(ReportText(tables, false).c_str(), stdout);
  fmt::print("tables   {0}/*.csv, {0}/*.json; in words: {0}/report.md\n", folder);
  if (page.no_figures.empty()) {
    fmt::print("figures  {}/figures ({} files)\n", folder, page.figures);
  } else {
    fmt::print("figures  none: {}\n", page.no_figures);
  }
  fmt::print("report   {}\n", AbsolutePath(page.file));
  return Ok{};
}

Result<int> Import(const CommonOptions& common, const StudyCommandOptions& options) {
  const std::vector<std::string> paths(options.files.begin() + 1, options.files.end());
  BANYAN_ASSIGN_OR_RETURN(StudyTables tables, ImportStudy(paths, options.baseline));
  tables.command = CommandText(common, options);
  const std::string folder = options.out.empty() ? "study-" + tables.study : options.out;
  BANYAN_RETURN_IF_ERROR(Publish(common, tables, folder));
  return 0;
}

}  // namespace

Result<int> RunStudyCommand(const CommonOptions& common, const StudyCommandOptions& options) {
  if (options.files.front() == "import") return Import(common, options);
  const std::string& file = options.files.front();
  BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 1 << 20));
  BANYAN_ASSIGN_OR_RETURN(
      const StudyConfig config,
      ParseStudy(text, file, options.tables_only ? StudyChecks() : MakeStudyChecks()));
  const std::string folder = options.out.empty() ? "study-" + config.name : options.out;
  const std::atomic<bool>* cancel = InstallSignalHandlers();

  const bool write = !options.tables_only;
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, write ? Store::Mode::kWrite
                                                                            : Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const auto log, StudyLog::Open(common.store, write));
  Status ran;
  if (write) {
    const auto runner = MakeRunRunner(store.get(), cancel, common.store, folder);
    StudyView view(common.quiet);
    StudyDependencies deps;
    deps.runner = runner.get();
    deps.store = store.get();
    deps.log = log.get();
    deps.cancel = cancel;
    deps.on_progress = [&view](const StudyProgress& progress) { view.Update(progress); };
    ran = RunStudy(config, text, {.retry_failed = options.retry_failed}, deps);
  }
  const bool cancelled = !ran.ok() && ran.error().code == ErrorCode::kCancelled;
  if (!ran.ok() && !cancelled) return ran.error();
  BANYAN_ASSIGN_OR_RETURN(StudyTables tables, LoadStudyTables(config, *store, *log));
  tables.command = CommandText(common, options);
  BANYAN_RETURN_IF_ERROR(Publish(common, tables, folder));
  if (!cancelled) return 0;
  if (!common.quiet) std::fputs("banyan: cancelled; the same command goes on\n", stderr);
  return 130;
}

}  // namespace banyan
