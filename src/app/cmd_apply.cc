#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/progress.h"
#include "app/result_view.h"
#include "app/signals.h"
#include "app/wiring.h"
#include "base/clock.h"
#include "base/files.h"
#include "store/store.h"
#include "tvm/import.h"
#include "tvm/target.h"

namespace banyan {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Waits for the one trial; nullopt after Ctrl-C.
std::optional<TrialOutcome> WaitForTrial(Measurer& measurer, const std::atomic<bool>* cancel) {
  while (!cancel->load()) {
    if (auto outcome = measurer.Wait(0.1)) return outcome;
    if (measurer.InFlight() == 0) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<int> RunApply(const CommonOptions& common, const ApplyOptions& options) {
  const std::atomic<bool>* cancel = InstallSignalHandlers();
  BANYAN_RETURN_IF_ERROR(CheckWorkloadText(options.workload));
  BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.plan, 16 << 20));
  auto plan = ParsePlan(text);
  if (!plan.ok()) {
    return InvalidArgument(fmt::format("{}: {}", options.plan, plan.error().message));
  }
  BANYAN_ASSIGN_OR_RETURN(auto store, Store::Open(common.store, Store::Mode::kWrite));
  ProgressLine progress({.quiet = common.quiet});
  progress.Say(fmt::format("applying {} to {}", options.plan, options.workload));

  Stopwatch watch;
  RunStart start;
  start.config = MakeApplyConfig(options);
  start.versions = ToolVersions();
  BANYAN_ASSIGN_OR_RETURN(start.workload, LoadWorkload(options.workload));
  BANYAN_ASSIGN_OR_RETURN(start.target, ParseTarget(start.config.target_text, start.config.cores));
  BANYAN_ASSIGN_OR_RETURN(auto compiler, MakeCompiler(start.workload, start.target));
  auto candidate = compiler->Apply(*plan);
  if (!candidate.ok()) {
    Error error = candidate.error();
    error.message = fmt::format("{}: {}", options.plan, error.message);
    return error;
  }
  BANYAN_ASSIGN_OR_RETURN(const std::string module_json, compiler->ModuleJson(*candidate));
  auto measurer = MakeMeasurer(start.config.measure);
  BANYAN_ASSIGN_OR_RETURN(const ReferenceOutcome reference,
                          measurer->Prepare(start.workload, start.target, options.seed));
  const auto peak_gflops = measurer->PeakGflops();

  TrialRequest request{.trial_id = 1,
                       .program_hash = candidate->program_hash,
                       .module_json = module_json,
                       .timing = start.config.measure.timing};
  measurer->Submit(request);
  const auto outcome = WaitForTrial(*measurer, cancel);
  if (!outcome) return Error{ErrorCode::kCancelled, "cancelled", {}};

  SearchResult result;
  result.default_latency_ms = reference.default_latency_ms;
  result.best_latency_ms = kNaN;
  result.best_latency_ci_ms = {kNaN, kNaN};
  result.best_plan = candidate->plan;
  result.best_trial_id = 1;
  result.trials = 1;
  result.peak_gflops = peak_gflops.ok() ? *peak_gflops : 0;
  std::vector<double> samples_ms = outcome->samples_ms;
  if (outcome->ok()) {
    request.timing = start.config.measure.final_timing;
    const auto finals = measurer->Finals({request});
    if (finals.ok() && finals->size() == 1 && !finals->front().samples_ms.empty()) {
      samples_ms = finals->front().samples_ms;
    }
    result.best_latency_ms = RankingLatencyMs(samples_ms);
    result.best_latency_ci_ms = MedianIntervalMs(samples_ms);
  } else {
    result.failed_trials[FailureKindName(outcome->failure)] = 1;
  }
  result.drift = measurer->drift();
  result.build_s = measurer->build_s();
  result.run_s = measurer->run_s();
  result.wall_s = watch.ElapsedS();
  progress.Finish();

  BANYAN_ASSIGN_OR_RETURN(const std::string run_id, store->BeginRun(start));
  BANYAN_ASSIGN_OR_RETURN(const auto journal, store->MakeJournal(run_id));
  const uint64_t plan_hash = candidate->plan_hash;
  BANYAN_RETURN_IF_ERROR(journal->Record(NodeRecord{.origin = "root"}));
  BANYAN_RETURN_IF_ERROR(journal->Record(NodeRecord{.node_id = 1,
                                                    .parent_id = 0,
                                                    .plan_hash = plan_hash,
                                                    .program_hash = candidate->program_hash,
                                                    .delta = PrintPlan(candidate->plan),
                                                    .delta_is_plan = true,
                                                    .origin = "plan file",
                                                    .reason = options.plan}));
  BANYAN_RETURN_IF_ERROR(journal->Record(TrialRecord{.trial_id = 1,
                                                     .node_id = 1,
                                                     .program_hash = candidate->program_hash,
                                                     .plan = PrintPlan(candidate->plan),
                                                     .finished = true,
                                                     .outcome = *outcome,
                                                     .elapsed_s = result.wall_s}));
  const Json object = MakeResultObject(start.config, start.workload, start.target, result, run_id);
  BANYAN_RETURN_IF_ERROR(journal->Finish(object));
  if (!outcome->ok()) {
    // The plan is a person's input, and it does not work.
    return InvalidArgument(
        fmt::format("the plan applies, but its kernel failed: {}: {}; `banyan reproduce "
                    "{}:1 --out DIR` writes the case",
                    FailureKindName(outcome->failure), outcome->failure_text, run_id));
  }
  if (common.json) {
    PrintJson(object);
  } else {
    std::fputs(ResultText(object, common.store).c_str(), stdout);
  }
  return 0;
}

}  // namespace banyan
