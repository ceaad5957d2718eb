#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
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
#include "base/format.h"
#include "base/numbers.h"
#include "store/store.h"
#include "tvm/import.h"
#include "tvm/target.h"

namespace banyan {
namespace {

// A plan file and what became of it. Trial and node have its number, from 1.
struct Applied {
  std::string file;
  Candidate candidate;
  TrialRequest request;
  TrialOutcome outcome;
  std::vector<double> samples_ms;  // of the finals; empty: it failed

  double latency_ms() const { return samples_ms.empty() ? kNaN : RankingLatencyMs(samples_ms); }
};

Result<Applied> LoadPlan(const std::string& file, uint64_t number, const Timing& timing,
                         PlanCompilers& compilers) {
  BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 16 << 20));
  const auto in_file = [&file](Error error) {
    error.message = fmt::format("{}: {}", file, error.message);
    return error;
  };
  auto plan = ParsePlan(text);
  if (!plan.ok()) return in_file(plan.error());
  Applied applied{.file = file, .candidate = {}, .request = {}, .outcome = {}, .samples_ms = {}};
  BANYAN_ASSIGN_OR_RETURN(Compiler* const compiler, compilers.For(*plan));
  auto candidate = compiler->Apply(*plan);
  if (!candidate.ok()) return in_file(candidate.error());
  applied.candidate = *std::move(candidate);
  BANYAN_ASSIGN_OR_RETURN(std::string module_json, compiler->ModuleJson(applied.candidate));
  applied.request = {.trial_id = number,
                     .program_hash = applied.candidate.program_hash,
                     .module_json = std::move(module_json),
                     .timing = timing};
  return applied;
}

// Checks and times every plan once, then those that are right again, interleaved.
Status Measure(Measurer& measurer, const MeasureOptions& options, std::vector<Applied>* plans) {
  const auto cancelled = [&options] {
    return options.cancel != nullptr && options.cancel->load()
               ? Status(Error{ErrorCode::kCancelled, "cancelled", {}})
               : Status(Ok{});
  };
  for (const Applied& plan : *plans) measurer.Submit(plan.request);
  while (measurer.InFlight() > 0) {
    BANYAN_RETURN_IF_ERROR(cancelled());
    if (auto outcome = measurer.Wait(0.1)) {
      TrialOutcome& slot = plans->at(outcome->trial_id - 1).outcome;
      slot = *std::move(outcome);
    }
  }
  std::vector<TrialRequest> requests;
  for (const Applied& plan : *plans) {
    if (!plan.outcome.ok()) continue;
    requests.push_back(plan.request);
    requests.back().timing = options.final_timing;
  }
  if (requests.empty()) return Ok{};
  auto finals = measurer.Finals(requests);
  BANYAN_RETURN_IF_ERROR(cancelled());
  if (!finals.ok()) return finals.error();
  for (FinalOutcome& final : *finals) {
    Applied& plan = plans->at(final.trial_id - 1);
    plan.samples_ms = std::move(final.samples_ms);
    if (final.failure == FailureKind::kNone) continue;
    plan.outcome = FailedTrial(final.trial_id, final.failure, std::move(final.failure_text));
  }
  return Ok{};
}

Status Record(Journal& journal, const std::vector<Applied>& plans, double elapsed_s) {
  BANYAN_RETURN_IF_ERROR(journal.Record(NodeRecord{.origin = "root"}));
  for (const Applied& plan : plans) {
    const std::string text = PrintPlan(plan.candidate.plan);
    const uint64_t number = plan.request.trial_id;
    BANYAN_RETURN_IF_ERROR(journal.Record(NodeRecord{.node_id = static_cast<int64_t>(number),
                                                     .parent_id = 0,
                                                     .plan_hash = plan.candidate.plan_hash,
                                                     .program_hash = plan.candidate.program_hash,
                                                     .delta = text,
                                                     .delta_is_plan = true,
                                                     .origin = "plan file",
                                                     .reason = plan.file}));
    BANYAN_RETURN_IF_ERROR(journal.Record(TrialRecord{.trial_id = number,
                                                      .node_id = static_cast<int64_t>(number),
                                                      .program_hash = plan.candidate.program_hash,
                                                      .plan = text,
                                                      .finished = true,
                                                      .outcome = plan.outcome,
                                                      .elapsed_s = elapsed_s}));
  }
  return Ok{};
}

// One row a plan, of several.
Json PlansJson(const std::vector<Applied>& plans, double flops, double default_ms,
               double peak_gflops) {
  Json rows = Json::array();
  for (const Applied& plan : plans) {
    const Interval interval = MedianIntervalMs(plan.samples_ms);
    const double gflops = GflopsOf(flops, plan.latency_ms());
    Json row = {
        {"file", plan.file},
        {"trial", plan.request.trial_id},
        {"latency_ms", NumberOrNull(plan.latency_ms())},
        {"latency_ci_ms", Json::array({NumberOrNull(interval.low), NumberOrNull(interval.high)})},
        {"speedup", NumberOrNull(default_ms / plan.latency_ms())},
        {"gflops", NumberOrNull(gflops)},
        {"peak_fraction", NumberOrNull(peak_gflops > 0 ? gflops / peak_gflops : kNaN)}};
    if (plan.samples_ms.empty()) {
      row["failure"] = FailureKindName(plan.outcome.failure);
      row["failure_text"] = plan.outcome.failure_text;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string PlansTable(const Json& rows) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight});
  double best = kNaN;
  for (const Json& row : rows) best = std::fmin(best, NumberFromJson(row["latency_ms"]));
  table.AddRow({"plan", "latency", "interval", "rate", "to the best"});
  for (const Json& row : rows) {
    const double latency_ms = NumberFromJson(row["latency_ms"]);
    const Json& interval = row["latency_ci_ms"];
    table.AddRow(
        {row["file"].get<std::string>(),
         row.contains("failure") ? row["failure"].get<std::string>() : FormatMs(latency_ms),
         row.contains("failure") ? row["failure_text"].get<std::string>()
                                 : fmt::format("[{}, {}]", FormatMs(NumberFromJson(interval[0])),
                                               FormatMs(NumberFromJson(interval[1]))),
         FormatGflops(NumberFromJson(row["gflops"])), fmt::format("{:.3f}x", latency_ms / best)});
  }
  return table.Print();
}

}  // namespace

Result<int> RunApply(const CommonOptions& common, const ApplyOptions& options) {
  const std::atomic<bool>* cancel = InstallSignalHandlers();
  BANYAN_RETURN_IF_ERROR(CheckWorkloadText(options.workload));
  for (const std::string& file : options.plans) {  // typing errors at once
    BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 16 << 20));
    const auto plan = ParsePlan(text);
    if (!plan.ok()) return InvalidArgument(fmt::format("{}: {}", file, plan.error().message));
  }
  BANYAN_ASSIGN_OR_RETURN(auto store, Store::Open(common.store, Store::Mode::kWrite));
  ProgressLine progress({.quiet = common.quiet});
  const bool several = options.plans.size() > 1;
  progress.Say(
      fmt::format("applying {} to {}",
                  several ? fmt::format("{} plans", options.plans.size()) : options.plans.front(),
                  options.workload));

  Stopwatch watch;
  RunStart start;
  start.config = MakeApplyConfig(options);
  start.config.measure.cancel = cancel;
  start.versions = ToolVersions();
  BANYAN_ASSIGN_OR_RETURN(start.workload, LoadWorkload(options.workload));
  BANYAN_ASSIGN_OR_RETURN(start.target, ParseTarget(start.config.target_text, start.config.cores));
  PlanCompilers compilers(&start.workload, &start.target);
  std::vector<Applied> plans;
  for (const std::string& file : options.plans) {
    BANYAN_ASSIGN_OR_RETURN(
        Applied plan, LoadPlan(file, plans.size() + 1, start.config.measure.timing, compilers));
    plans.push_back(std::move(plan));
  }
  auto measurer = MakeMeasurer(start.config.measure);
  BANYAN_ASSIGN_OR_RETURN(const ReferenceOutcome reference,
                          measurer->Prepare(start.workload, start.target, options.seed));
  const auto peak_gflops = measurer->PeakGflops();
  BANYAN_RETURN_IF_ERROR(Measure(*measurer, start.config.measure, &plans));

  SearchResult result;
  result.default_latency_ms = reference.default_latency_ms;
  result.trials = static_cast<int64_t>(plans.size());
  result.peak_gflops = peak_gflops.ok() ? *peak_gflops : 0;
  const Applied* best = &plans.front();
  for (const Applied& plan : plans) {
    if (plan.samples_ms.empty()) {
      ++result.failed_trials[FailureKindName(plan.outcome.failure)];
    } else if (best->samples_ms.empty() || plan.latency_ms() < best->latency_ms()) {
      best = &plan;
    }
  }
  result.best_latency_ms = best->latency_ms();
  result.best_latency_ci_ms =
      best->samples_ms.empty() ? Interval{kNaN, kNaN} : MedianIntervalMs(best->samples_ms);
  result.best_plan = best->candidate.plan;
  result.best_trial_id = best->request.trial_id;
  result.drift = measurer->drift();
  result.build_s = measurer->build_s();
  result.run_s = measurer->run_s();
  result.wall_s = watch.ElapsedS();
  progress.Finish();

  BANYAN_ASSIGN_OR_RETURN(const std::string run_id, store->BeginRun(start));
  BANYAN_ASSIGN_OR_RETURN(const auto journal, store->MakeJournal(run_id));
  BANYAN_RETURN_IF_ERROR(Record(*journal, plans, result.wall_s));
  Json object = MakeResultObject(start.config, start.workload, start.target, result, run_id);
  if (several) {
    object["plans"] = PlansJson(plans, start.workload.flops, reference.default_latency_ms,
                                result.peak_gflops * start.target.cores);
  }
  BANYAN_RETURN_IF_ERROR(journal->Finish(object));
  if (!several && best->samples_ms.empty()) {
    // The plan is a person's input, and it does not work.
    return InvalidArgument(
        fmt::format("the plan applies, but its kernel failed: {}: {}; `banyan reproduce "
                    "{}:1 --out DIR` writes the case",
                    FailureKindName(best->outcome.failure), best->outcome.failure_text, run_id));
  }
  if (common.json) {
    PrintJson(object);
  } else {
    if (several) std::fputs((PlansTable(object["plans"]) + "\n").c_str(), stdout);
    std::fputs(ResultText(object, common.store).c_str(), stdout);
  }
  return result.failed_trials.empty() ? 0 : 2;
}

}  // namespace banyan
