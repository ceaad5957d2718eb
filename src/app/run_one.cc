#include "app/run_one.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "app/result_view.h"
#include "app/run_files.h"
#include "app/wiring.h"
#include "store/replay.h"
#include "study/study_file.h"
#include "tvm/import.h"
#include "tvm/target.h"

namespace banyan {
namespace {

bool EndedByCancel(const std::vector<Event>& history) {
  for (auto event = history.rbegin(); event != history.rend(); ++event) {
    if (std::holds_alternative<CancelEvent>(event->body)) return true;
    if (std::holds_alternative<ResumeEvent>(event->body)) return false;
  }
  return false;
}

// Workload and target from what the person typed; a resumed run brings its own.
Status Load(PreparedRun* run) {
  RunStart& start = run->start;
  if (run->run_id.empty()) {
    BANYAN_ASSIGN_OR_RETURN(start.workload, LoadWorkload(start.config.workload_text));
    BANYAN_ASSIGN_OR_RETURN(start.target,
                            ParseTarget(start.config.target_text, start.config.cores));
    return Ok{};
  }
  BANYAN_ASSIGN_OR_RETURN(const Target here,
                          ParseTarget(start.config.target_text, start.config.cores));
  return CheckSameMachine(run->run_id, start.target, here);
}

Result<SearchResult> Search(const PreparedRun& run, const Workbench& bench, History* history,
                            Journal* journal, const RunOneHooks& hooks) {
  RunDependencies deps;
  deps.compiler = bench.compiler.get();
  deps.measurer = bench.measurer.get();
  deps.pool = bench.pool();
  deps.cost_model = bench.cost_model.get();
  deps.history = history;
  deps.journal = journal;
  deps.clock = bench.clock;
  deps.cancel = hooks.cancel;
  deps.peak_gflops = [measurer = deps.measurer] { return measurer->PeakGflops(); };
  deps.on_progress = hooks.on_progress;
  deps.on_note = hooks.on_note;
  return RunSearch(run.start.config, run.history, deps);
}

// A journal that leads to other programs than those stored with it must not be gone on with: the
// run would be a mixture of two searches. Cheap to ask: the search itself takes the plans'
// schedules from the compiler's cache afterwards.
Status CheckSameSearch(const Store& store, const std::string& run_id, Compiler* compiler) {
  BANYAN_ASSIGN_OR_RETURN(const StoredRun stored, store.LoadRun(run_id));
  if (stored.status == RunStatus::kRunning) return Ok{};  // ContinueRun says so
  BANYAN_ASSIGN_OR_RETURN(const ReplayReport report, ReplayRun(store, stored, compiler));
  if (report.identical) return Ok{};
  return Error{ErrorCode::kCorrupt,
               fmt::format("run {} cannot go on: this version searches differently from the one "
                           "that wrote it (at {}; `banyan replay {}` shows more). It was left as "
                           "it is; start a new run, or go on with the version that wrote it",
                           run_id, report.where, run_id),
               {}};
}

}  // namespace

Status CheckSameMachine(const std::string& run_id, const Target& there, const Target& here) {
  if (here.fingerprint == there.fingerprint) return Ok{};
  return InvalidArgument(
      fmt::format("run {} was made on another machine ({}; here: {}): its latencies "
                  "cannot be compared, start a new run",
                  run_id, there.cpu_model, here.cpu_model));
}

PreparedRun PrepareNewRun(RunConfig config) {
  PreparedRun run;
  run.start.config = std::move(config);
  run.start.versions = ToolVersions();
  return run;
}

Result<PreparedRun> PrepareStoredRun(const Store& store, const std::string& run_id) {
  BANYAN_ASSIGN_OR_RETURN(StoredRun stored, store.LoadRun(run_id));
  PreparedRun run;
  run.run_id = stored.run_id;
  run.start = std::move(stored.start);
  if (run.start.config.strategy.name == "apply") {
    return InvalidArgument(
        fmt::format("run {} applied a plan and has nothing to go on with", run.run_id));
  }
  if (run.start.config.strategy.name == kTvmEvolutionary) {
    return InvalidArgument(fmt::format(
        "run {} is TVM's own search and cannot go on in the middle: the command of its study, or "
        "`banyan tune --strategy {}`, starts it again",
        run.run_id, kTvmEvolutionary));
  }
  BANYAN_ASSIGN_OR_RETURN(run.history, store.LoadEvents(run.run_id));
  if (stored.status == RunStatus::kFinished && !EndedByCancel(run.history)) {
    run.finished = std::move(stored.result);
  }
  return run;
}

Result<FinishedRun> RunOne(Store& store, PreparedRun* run, const RunOneHooks& hooks) {
  RunConfig& config = run->start.config;
  config.measure.cancel = hooks.cancel;  // Ctrl-C does not wait for the finals
  BANYAN_RETURN_IF_ERROR(Load(run));
  if (hooks.on_start) hooks.on_start(run->start);
  BANYAN_ASSIGN_OR_RETURN(const Workbench bench,
                          MakeWorkbench(config, run->start.workload, run->start.target));
  BANYAN_ASSIGN_OR_RETURN(const auto history, MakeHistory(config, &store, run->run_id));
  if (run->run_id.empty()) {
    BANYAN_ASSIGN_OR_RETURN(run->run_id, store.BeginRun(run->start));
  } else {
    BANYAN_RETURN_IF_ERROR(CheckSameSearch(store, run->run_id, bench.compiler.get()));
    BANYAN_RETURN_IF_ERROR(store.ContinueRun(run->run_id, config));
  }
  if (hooks.on_begun) hooks.on_begun(run->run_id);
  BANYAN_ASSIGN_OR_RETURN(const auto stored_journal, store.MakeJournal(run->run_id));
  Journal* journal = stored_journal.get();
  std::unique_ptr<Journal> events;
  if (!hooks.events.empty()) {
    BANYAN_ASSIGN_OR_RETURN(events, MakeEventFileJournal(hooks.events, journal));
    journal = events.get();
  }

  auto result = Search(*run, bench, history.get(), journal, hooks);
  if (!result.ok()) {
    (void)store.MarkFailed(run->run_id, result.error().message);  // a full disk may refuse this too
    return result.error();
  }
  FinishedRun finished{.run_id = run->run_id,
                       .start = run->start,
                       .result = *std::move(result),
                       .object = {},
                       .saved = {}};
  finished.object = MakeResultObject(config, run->start.workload, run->start.target,
                                     finished.result, run->run_id);
  finished.saved = journal->Finish(finished.object);
  return finished;
}

}  // namespace banyan
