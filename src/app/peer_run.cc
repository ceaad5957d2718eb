#include "app/peer_run.h"

#include <cmath>
#include <memory>
#include <utility>

#include "app/result_view.h"
#include "app/run_one.h"
#include "app/wiring.h"
#include "base/numbers.h"
#include "search/run.h"
#include "tvm/import.h"
#include "tvm/target.h"
#include "tvm/tvm_search.h"

namespace banyan {
namespace {

Result<Json> Record(const RunStart& start, const TvmSearchResult& found, const std::string& run_id,
                    Journal& journal) {
  SearchResult result;
  result.default_latency_ms = result.best_latency_ms = kNaN;
  result.best_latency_ci_ms = {kNaN, kNaN};
  result.wall_s = found.seconds;
  BANYAN_RETURN_IF_ERROR(journal.Record(NodeRecord{.origin = "root"}));
  for (const TrialOutcome& outcome : found.trials) {
    TrialRecord trial;
    trial.trial_id = outcome.trial_id;
    trial.finished = true;
    trial.outcome = outcome;
    BANYAN_RETURN_IF_ERROR(journal.Record(trial));
    ++result.trials;
    if (!outcome.ok()) {
      ++result.failed_trials[FailureKindName(outcome.failure)];
    } else if (const double ms = RankingLatencyMs(outcome.samples_ms);
               !(ms >= result.best_latency_ms)) {
      result.best_latency_ms = ms;
      result.best_latency_ci_ms = MedianIntervalMs(outcome.samples_ms);
      result.best_trial_id = outcome.trial_id;
    }
  }
  Json object = MakeResultObject(start.config, start.workload, start.target, result, run_id);
  object["module_json"] = found.best_module_json;
  BANYAN_RETURN_IF_ERROR(journal.Finish(object));
  return object;
}

Status CheckFound(const std::string& best_module_json) {
  if (best_module_json.empty()) return NotFound("TVM's search measured nothing");
  return Ok{};
}

}  // namespace

Status RunPeer(Store& store, const RunConfig& config, const std::string& resume,
               const std::atomic<bool>* cancel,
               const std::function<void(const std::string& run_id)>& on_begun) {
  RunStart start;
  start.config = config;
  start.versions = ToolVersions();
  std::string run_id = resume;
  BANYAN_ASSIGN_OR_RETURN(start.target, ParseTarget(config.target_text, config.cores));
  if (run_id.empty()) {
    BANYAN_ASSIGN_OR_RETURN(start.workload, LoadWorkload(config.workload_text));
    BANYAN_ASSIGN_OR_RETURN(run_id, store.BeginRun(start));
  } else {
    BANYAN_ASSIGN_OR_RETURN(StoredRun stored, store.LoadRun(run_id));
    // Killed between its end and the study's record.
    if (stored.status == RunStatus::kFinished) {
      return CheckFound(stored.result.value("module_json", std::string()));
    }
    BANYAN_RETURN_IF_ERROR(CheckSameMachine(run_id, stored.start.target, start.target));
    start.workload = std::move(stored.start.workload);
    BANYAN_RETURN_IF_ERROR(store.ContinueRun(run_id, config));
  }
  on_begun(run_id);
  const auto found = SearchWithTvm(start.workload, start.target,
                                   {.trials = config.budget.trials,
                                    .trials_per_round = config.strategy.trials_per_round,
                                    .seed = config.seed,
                                    .timing = config.measure.timing,
                                    .builders = config.measure.workers,
                                    .python = {},
                                    .cancel = cancel});
  if (!found.ok()) {
    if (found.error().code != ErrorCode::kCancelled) {
      (void)store.MarkFailed(run_id, found.error().message);
    }
    return found.error();
  }
  BANYAN_ASSIGN_OR_RETURN(const auto journal, store.MakeJournal(run_id));
  const auto object = Record(start, *found, run_id, *journal);
  if (!object.ok()) return object.error();
  return CheckFound(found->best_module_json);
}

}  // namespace banyan
