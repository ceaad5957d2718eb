#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/peer_run.h"
#include "app/progress.h"
#include "app/result_view.h"
#include "app/run_one.h"
#include "app/signals.h"
#include "app/wiring.h"
#include "base/format.h"
#include "store/store.h"
#include "study/study_file.h"

namespace banyan {
namespace {

// Before the first measurement there is nothing to keep and the run may be deep in the compiler, so
// Ctrl-C ends the process after a moment of grace.
class EarlyCancel {
 public:
  explicit EarlyCancel(const std::atomic<bool>* cancel)
      : thread_([this, cancel] { Watch(cancel); }) {}
  ~EarlyCancel() { Stop(); }

  // Something is measured: from now on the run ends by itself.
  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Watch(const std::atomic<bool>* cancel) {
    std::unique_lock lock(mutex_);
    int cancelled_for_ms = 0;
    while (!stopped_) {
      wake_.wait_for(lock, std::chrono::milliseconds(50));
      if (!cancel->load()) continue;
      cancelled_for_ms += 50;
      if (stopped_ || cancelled_for_ms < 1000) continue;
      std::fputs("\nbanyan: cancelled before anything was measured\n", stderr);
      _exit(130);
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread thread_;
};

void Print(const CommonOptions& common, const Json& result) {
  if (common.json) {
    PrintJson(result);
  } else {
    std::fputs(ResultText(result, common.store).c_str(), stdout);
  }
}

std::string BudgetText(const RunConfig& config) {
  const Budget& budget = config.budget;
  std::string text = fmt::format("{} trials, {} calls", budget.trials, budget.calls);
  if (std::isfinite(budget.strong_calls))
    text += fmt::format(", {:.0f} strong", budget.strong_calls);
  if (std::isfinite(budget.tokens)) text += fmt::format(", {:.0f} tokens", budget.tokens);
  if (std::isfinite(budget.cost_usd)) text += fmt::format(", {:.2f} USD", budget.cost_usd);
  if (std::isfinite(budget.seconds)) text += ", " + FormatSeconds(budget.seconds);
  return text;
}

// The budget may grow, never shrink below what was promised to the run before.
Status RaiseBudget(const TuneOptions& options, const std::string& run_id, Budget* budget) {
  const auto raise = [&](const char* flag, const auto& wanted, auto* limit) -> Status {
    if (!wanted) return Ok{};
    if (*wanted < *limit) {
      return InvalidArgument(
          fmt::format("--{} {} is less than the {} of run {}: a resumed run's budget can "
                      "only grow",
                      flag, *wanted, *limit, run_id));
    }
    *limit = *wanted;
    return Ok{};
  };
  BANYAN_RETURN_IF_ERROR(raise("trials", options.trials, &budget->trials));
  BANYAN_RETURN_IF_ERROR(raise("calls", options.calls, &budget->calls));
  BANYAN_RETURN_IF_ERROR(raise("strong-calls", options.strong_calls, &budget->strong_calls));
  BANYAN_RETURN_IF_ERROR(raise("tokens", options.tokens, &budget->tokens));
  BANYAN_RETURN_IF_ERROR(raise("cost-usd", options.cost_usd, &budget->cost_usd));
  return raise("seconds", options.seconds, &budget->seconds);
}

Result<PreparedRun> PrepareResume(const Store& store, const TuneOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(PreparedRun run, PrepareStoredRun(store, options.resume));
  RunConfig& config = run.start.config;
  if (!options.run_flags.empty()) {
    return InvalidArgument(
        fmt::format("{} cannot be changed in a resumed run: start a new one without "
                    "--resume (only budgets may grow)",
                    options.run_flags.front()));
  }
  if (!options.workload.empty() && options.workload != config.workload_text) {
    return InvalidArgument(
        fmt::format("run {} tunes '{}', not '{}': leave the workload out to resume it", run.run_id,
                    config.workload_text, options.workload));
  }
  const Budget before = config.budget;
  BANYAN_RETURN_IF_ERROR(RaiseBudget(options, run.run_id, &config.budget));
  const Budget& now = config.budget;
  const bool raised = now.trials > before.trials || now.calls > before.calls ||
                      now.strong_calls > before.strong_calls || now.tokens > before.tokens ||
                      now.cost_usd > before.cost_usd || now.seconds > before.seconds;
  if (raised) run.finished = nullptr;
  return run;
}

Result<PreparedRun> PrepareNew(const TuneOptions& options) {
  BANYAN_RETURN_IF_ERROR(CheckWorkloadText(options.workload));
  BANYAN_ASSIGN_OR_RETURN(RunConfig config, MakeRunConfig(options));
  return PrepareNewRun(std::move(config));
}

// TVM's own search, to compare with: no preset, and what belongs to ours is refused.
Result<int> TuneWithTvm(const CommonOptions& common, TuneOptions options,
                        const std::atomic<bool>* cancel) {
  BANYAN_RETURN_IF_ERROR(CheckWorkloadText(options.workload));
  if (!options.events.empty()) options.run_flags.push_back("--events");
  for (const std::string& flag : options.run_flags) {
    for (const char* ours : {"--pool", "--events", "--simulate", "--snapshot"}) {
      if (flag == ours) {
        return InvalidArgument(
            fmt::format("TVM's own search ({}) takes no {}", kTvmEvolutionary, ours));
      }
    }
  }
  BANYAN_ASSIGN_OR_RETURN(const RunConfig config, MakeRunConfig(options));
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kWrite));
  ProgressLine progress(
      {.quiet = common.quiet, .trials_budget = config.budget.trials, .calls_budget = 0});
  progress.Say(
      fmt::format("tuning {} with TVM's own search ({} trials, seed {}); it tells nothing until "
                  "its end, some minutes away",
                  config.workload_text, config.budget.trials, config.seed));
  std::string run_id;
  const Status status = RunPeer(*store, config, {}, cancel, [&](const std::string& id) {
    run_id = id;
    progress.Say("run " + id);
  });
  progress.Finish();
  if (!status.ok()) {
    if (status.error().code != ErrorCode::kCancelled) return status.error();
    std::fputs("banyan: cancelled; TVM's own search cannot go on in the middle\n", stderr);
    return 130;
  }
  BANYAN_ASSIGN_OR_RETURN(const StoredRun run, store->LoadRun(run_id));
  Print(common, run.result);
  return 0;
}

}  // namespace

Result<int> RunTune(const CommonOptions& common, const TuneOptions& options) {
  const std::atomic<bool>* cancel = InstallSignalHandlers();
  if (options.resume.empty() && options.strategy == kTvmEvolutionary)
    return TuneWithTvm(common, options, cancel);
  EarlyCancel early(cancel);

  // What can be refused at once is refused before anything is said.
  PreparedRun run;
  std::unique_ptr<Store> store;
  if (options.resume.empty()) {
    BANYAN_ASSIGN_OR_RETURN(run, PrepareNew(options));
    BANYAN_ASSIGN_OR_RETURN(store, Store::Open(common.store, Store::Mode::kWrite));
  } else {
    // Not made if it is not there.
    BANYAN_ASSIGN_OR_RETURN(auto reader, Store::Open(common.store, Store::Mode::kRead));
    BANYAN_ASSIGN_OR_RETURN(run, PrepareResume(*reader, options));
    if (!run.finished.is_null()) {
      Print(common, run.finished);
      return 0;
    }
    reader.reset();
    BANYAN_ASSIGN_OR_RETURN(store, Store::Open(common.store, Store::Mode::kWrite));
  }
  const RunConfig& config = run.start.config;

  ProgressLine progress({.quiet = common.quiet,
                         .trials_budget = config.budget.trials,
                         .calls_budget = config.budget.calls});
  progress.Say(fmt::format("{} {} ({}, seed {}, strategy {})",
                           run.run_id.empty() ? "tuning" : "resuming", config.workload_text,
                           BudgetText(config), config.seed, config.strategy.name));

  RunOneHooks hooks;
  hooks.cancel = cancel;
  hooks.events = options.events;
  hooks.on_start = [&](const RunStart& start) { progress.set_flops(start.workload.flops); };
  bool searching = false;
  hooks.on_begun = [&](const std::string&) { searching = true; };
  hooks.on_note = [&](const std::string& text) { progress.Say(text); };
  hooks.on_progress = [&](const RunProgress& now) {
    if (now.phase != "reference") early.Stop();
    progress.Update(now);
  };
  auto finished = RunOne(*store, &run, hooks);
  early.Stop();
  progress.Finish();
  if (!finished.ok()) {
    Error error = finished.error();
    if (searching) {
      error.message += fmt::format("; then go on with `banyan tune --resume {}`", run.run_id);
    }
    return error;
  }
  if (!common.quiet) std::fputs(ResultRemarks(finished->result).c_str(), stderr);
  Print(common, finished->object);
  if (!finished->saved.ok()) return finished->saved.error();
  return finished->result.cancelled ? 130 : 0;
}

}  // namespace banyan
