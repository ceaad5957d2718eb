#pragma once

#include <string>
#include <vector>

#include "app/options.h"
#include "base/result.h"

namespace banyan {

// The whole program: parses, runs a command, prints. Returns the exit status: 0 fine; 2 the user's
// input is wrong; 1 the environment failed, or Banyan; 130 after Ctrl-C (with the best so far
// saved).
int RunBanyan(const std::vector<std::string>& arguments);

// One a subcommand. Results go to stdout, progress to stderr. The value is the exit status; an
// Error is reported by RunBanyan in one line.
Result<int> RunTune(const CommonOptions& common, const TuneOptions& options);
Result<int> RunApply(const CommonOptions& common, const ApplyOptions& options);
Result<int> RunExplain(const CommonOptions& common, const ExplainOptions& options);
Result<int> RunExport(const CommonOptions& common, const ExportOptions& options);
Result<int> RunReplay(const CommonOptions& common, const ReplayOptions& options);
Result<int> RunReport(const CommonOptions& common, const ReportOptions& options);
Result<int> RunReproduce(const CommonOptions& common, const ReproduceOptions& options);
Result<int> RunStudyCommand(const CommonOptions& common, const StudyCommandOptions& options);
Result<int> RunDoctor(const CommonOptions& common);
Result<int> RunWorkloads(const CommonOptions& common);
Result<int> RunStrategies(const CommonOptions& common, const StrategiesOptions& options);
Result<int> RunModels(const CommonOptions& common, const ModelsOptions& options);
Result<int> RunSchema(const CommonOptions& common, const SchemaOptions& options);
Result<int> RunVersion(const CommonOptions& common);
Result<int> RunWorker();

}  // namespace banyan
