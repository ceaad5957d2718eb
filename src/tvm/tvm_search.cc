#include "tvm/tvm_search.h"

#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/subprocess.h"

#ifndef BANYAN_TVM_SOURCE_DIR
#define BANYAN_TVM_SOURCE_DIR "."
#endif

namespace banyan {
namespace {

constexpr double kStartS = 120;
constexpr double kTrialS = 60;

Result<TvmSearchResult> ReadReply(const std::string& text) {
  const Json reply = Json::parse(text, nullptr, false);
  if (!reply.is_object()) return EnvironmentError("TVM's search left no reply");
  if (reply.contains("error")) {
    return EnvironmentError("TVM's search failed: " + reply.value("error", std::string()));
  }
  TvmSearchResult result;
  result.seconds = reply.value("seconds", 0.0);
  result.best_module_json = reply.value("module", std::string());
  for (const Json& trial : reply.value("trials", Json::array())) {
    const uint64_t id = result.trials.size() + 1;
    if (trial.contains("failure")) {
      const auto kind = ParseFailureKind(trial.value("failure", std::string()));
      result.trials.push_back(FailedTrial(id, kind.ok() ? *kind : FailureKind::kRunError,
                                          OneLine(trial.value("text", std::string()))));
      continue;
    }
    TrialOutcome outcome;
    outcome.trial_id = id;
    outcome.samples_ms = trial.value("samples_ms", std::vector<double>());
    result.trials.push_back(std::move(outcome));
  }
  return result;
}

}  // namespace

Result<TvmSearchResult> SearchWithTvm(const Workload& workload, const Target& target,
                                      const TvmSearchOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const TempDir folder, TempDir::Make("banyan-tvm-search"));
  const std::string request_file = folder.path() + "/request.json";
  const std::string reply_file = folder.path() + "/reply.json";
  const Json request = {{"module", workload.module_json},
                        {"target", target.json},
                        {"trials", options.trials},
                        {"trials_per_round", options.trials_per_round},
                        {"seed", options.seed % (uint64_t{1} << 30) + 1},  // TVM wants (0, 2^31)
                        {"repeat", options.timing.repeat},
                        {"min_repeat_ms", options.timing.min_repeat_ms},
                        {"builders", options.builders},
                        {"threads", target.cores}};
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(request_file, request.dump()));
  SpawnOptions spawn;
  spawn.argv = {PythonWithTvm(options.python), BANYAN_TVM_SOURCE_DIR "/tune_with_tvm.py",
                request_file, reply_file};
  // What it and its workers leave when they are killed goes with the folder.
  spawn.env = {{"TMPDIR", folder.path()}};
  CommandLimits limits;
  limits.timeout_s = kStartS + kTrialS * static_cast<double>(options.trials);
  limits.cancel = options.cancel;
  BANYAN_ASSIGN_OR_RETURN(const CommandOutput output, RunCommand(spawn, {}, limits));
  const auto reply = ReadFile(reply_file);
  if (!reply.ok()) {
    return EnvironmentError("TVM's search " + output.status.Text() + ": " +
                            OneLine(LastLine(output.err)));
  }
  return ReadReply(*reply);
}

}  // namespace banyan
