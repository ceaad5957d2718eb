#include "app/commands.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>
#include <variant>

#include "app/cli.h"
#include "app/output.h"
#include "app/signals.h"
#include "base/strings.h"

namespace banyan {
namespace {

constexpr size_t kErrorBytes = 2000;  // of a message; a compiler may say very much

int ExitStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kIllegalStep:
    case ErrorCode::kUnsupported:
      return 2;
    case ErrorCode::kCancelled:
      return 130;
    case ErrorCode::kEnvironment:
    case ErrorCode::kCorrupt:
    case ErrorCode::kBudget:
    case ErrorCode::kInternal:
      return 1;
  }
  return 1;
}

int ReportError(const Error& error, bool json) {
  std::fprintf(stderr, "banyan: error: %s\n", OneLine(error.message, kErrorBytes).c_str());
  if (!error.context.empty() && spdlog::should_log(spdlog::level::debug)) {
    std::fprintf(stderr, "%s\n", error.context.c_str());
  }
  if (json) {
    const Json object = {
        {"error",
         {{"code", ErrorCodeName(error.code)}, {"message", OneLine(error.message, kErrorBytes)}}}};
    PrintJson(object);
  }
  return ExitStatus(error.code);
}

void SetUpLog(const std::string& level) {
  auto logger =
      std::make_shared<spdlog::logger>("banyan", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("banyan: %l: %v");
  logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
  spdlog::set_default_logger(std::move(logger));
}

struct RunCommandVisitor {
  const CommonOptions& common;

  Result<int> operator()(const HelpText& help) const {
    std::fputs(help.text.c_str(), stdout);
    return 0;
  }
  Result<int> operator()(const VersionOptions&) const { return RunVersion(common); }
  Result<int> operator()(const TuneOptions& options) const { return RunTune(common, options); }
  Result<int> operator()(const ApplyOptions& options) const { return RunApply(common, options); }
  Result<int> operator()(const WorkloadsOptions&) const { return RunWorkloads(common); }
  Result<int> operator()(const StrategiesOptions& options) const {
    return RunStrategies(common, options);
  }
  Result<int> operator()(const ModelsOptions& options) const { return RunModels(common, options); }
  Result<int> operator()(const SchemaOptions& options) const { return RunSchema(common, options); }
  Result<int> operator()(const ExplainOptions& options) const {
    return RunExplain(common, options);
  }
  Result<int> operator()(const ExportOptions& options) const { return RunExport(common, options); }
  Result<int> operator()(const ReplayOptions& options) const { return RunReplay(common, options); }
  Result<int> operator()(const ReportOptions& options) const { return RunReport(common, options); }
  Result<int> operator()(const ReproduceOptions& options) const {
    return RunReproduce(common, options);
  }
  Result<int> operator()(const StudyCommandOptions& options) const {
    return RunStudyCommand(common, options);
  }
  Result<int> operator()(const DoctorOptions&) const { return RunDoctor(common); }
  Result<int> operator()(const WorkerOptions&) const { return RunWorker(); }
};

}  // namespace

int RunBanyan(const std::vector<std::string>& arguments) {
  const bool json = AsksForJson(arguments);
  // Nothing below throws by design; what a library throws all the same must not end in abort().
  try {
    SetUpLog("warn");
    const auto line = ParseCommandLine(arguments);
    if (!line.ok()) return ReportError(line.error(), json);
    SetUpLog(line->common.log_level);
    const auto status = std::visit(RunCommandVisitor{line->common}, line->options);
    if (!status.ok()) return ReportError(status.error(), json);
    if (std::fflush(stdout) != 0) {
      return ReportError(EnvironmentError("the output could not be written: is the disk full?"),
                         false);
    }
    return *status;
  } catch (const std::exception& error) {
    return ReportError(Internal(error.what()), json);
  }
}

}  // namespace banyan
