#include "app/peer_run.h"

#include <cmath>
#include <memory>

#include "app/result_view.h"
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

}  // namespace

Status RunPeer(Store& store, const RunConfig& config,
               const std::function<void(const std::string& run_id)>& on_begun) {
  RunStart start;
  start.config = config;
  start.versions = ToolVersions();
  BANYAN_ASSIGN_OR_RETURN(start.workload, LoadWorkload(config.workload_text));
  BANYAN_ASSIGN_OR_RETURN(start.target, ParseTarget(config.target_text, config.cores));
  BANYAN_ASSIGN_OR_RETURN(const std::string run_id, store.BeginRun(start));
  on_begun(run_id);
  const auto found = SearchWithTvm(start.workload, start.target,
                                   {.trials = config.budget.trials,
                                    .trials_per_round = config.strategy.trials_per_round,
                                    .seed = config.seed,
                                    .timing = config.measure.timing,
                                    .builders = config.measure.workers,
                                    .python = {}});
  if (!found.ok()) {
    (void)store.MarkFailed(run_id, found.error().message);
    return found.error();
  }
  BANYAN_ASSIGN_OR_RETURN(const auto journal, store.MakeJournal(run_id));
  const auto object = Record(start, *found, run_id, *journal);
  if (!object.ok()) return object.error();
  if (found->best_module_json.empty()) return NotFound("TVM's search measured nothing");
  return Ok{};
}

}  // namespace banyan
