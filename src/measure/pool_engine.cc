#include "measure/pool_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/numbers.h"
#include "measure/pool_calls.h"
#include "schedule/description_json.h"

namespace banyan {
namespace {

// The fixed reference kernel is timed again after this many runs.
constexpr int kDriftEvery = 16;
// Starting a worker fails for good after this many attempts in a row.
constexpr int kMaxFailedStarts = 3;
constexpr double kRestartPauseS = 0.2;  // doubled with every failure
// Builds that must be known before one can be an outlier, and that are remembered.
constexpr size_t kFewBuilds = 4;
constexpr size_t kManyBuilds = 64;
// Idle memory above this share of the limit means that kernels leak: the worker is replaced between
// trials.
constexpr double kLeakShare = 0.5;
constexpr int64_t kFileSlackBytes = int64_t{256} << 20;

// With no CPU to spare a build would disturb every run.
int WorkerCount(const MeasureOptions& options) {
  return ProcessCpus().size() == 1 ? 1 : std::clamp(options.workers, 1, kMaxWorkers);
}

}  // namespace

PoolEngine::PoolEngine(std::vector<std::string> command, MeasureOptions options)
    : command_(std::move(command)), options_(options), all_cpus_(ProcessCpus()) {
  slots_.resize(static_cast<size_t>(WorkerCount(options_)));
}

// ---- Calls

bool PoolEngine::HoldsTrial(const Slot& slot) const {
  return slot.stage == Stage::kBuilding || slot.stage == Stage::kBuilt ||
         slot.stage == Stage::kRunning;
}

void PoolEngine::Call(Slot& slot, const Message& request, double timeout_s, bool watch_memory,
                      std::function<void(const CallResult&)> on_end) {
  slot.on_end = std::move(on_end);
  slot.process.Call(request, timeout_s, watch_memory);
}

Result<CallResult> PoolEngine::CallAndWait(Slot& slot, const Message& request, double timeout_s,
                                           bool watch_memory) {
  std::optional<CallResult> ended;
  Call(slot, request, timeout_s, watch_memory,
       [&ended](const CallResult& result) { ended = result; });
  // The call has its own limit; this one is for cancelling.
  const Status status = StepUntil([&] { return ended.has_value(); }, timeout_s + 60, "a worker");
  if (status.ok()) return *std::move(ended);
  slot.on_end = nullptr;
  Restart(slot);
  return status.error();
}

Status PoolEngine::StepUntil(const std::function<bool()>& done, double timeout_s,
                             const std::string& what) {
  const Stopwatch watch;
  while (!done()) {
    if (options_.cancel != nullptr && options_.cancel->load()) {
      return Error{ErrorCode::kCancelled, "interrupted while waiting for " + what, {}};
    }
    if (start_error_) return *start_error_;
    if (watch.ElapsedS() > timeout_s) return EnvironmentError(what + " took too long");
    Step(0.1, -1);
  }
  return Ok{};
}

void PoolEngine::Step(double timeout_s, int wake_fd) {
  Dispatch();
  std::vector<pollfd> fds;
  if (wake_fd >= 0) fds.push_back({wake_fd, POLLIN, 0});
  for (const Slot& slot : slots_) {
    slot.process.AddPollFds(&fds);
    if (slot.process.busy()) timeout_s = std::min(timeout_s, WorkerProcess::kWatchIntervalS);
    if (slot.stage == Stage::kDown && prepared_) timeout_s = std::min(timeout_s, 0.05);
  }
  if (!done_.empty()) timeout_s = 0;
  poll(fds.data(), fds.size(), static_cast<int>(std::ceil(std::clamp(timeout_s, 0.0, 60.0) * 1e3)));
  for (Slot& slot : slots_) {
    auto result = slot.process.Step();
    if (result) {
      auto on_end = std::move(slot.on_end);
      slot.on_end = nullptr;
      if (on_end) on_end(*result);
    } else if (!slot.process.alive() && slot.stage != Stage::kDown) {
      // Died between two calls.
      if (HoldsTrial(slot)) {
        FinishTrial(slot, FailedTrial(slot.trial.trial_id, FailureKind::kBuildCrash,
                                      "the worker died before it could run the kernel"));
      }
      Restart(slot);
    }
  }
  Dispatch();
}

std::vector<TrialOutcome> PoolEngine::TakeDone() { return std::exchange(done_, {}); }

// ---- Starting workers

void PoolEngine::Start(Slot& slot) {
  const WorkerLimits limits = {.memory_bytes = options_.memory_limit_bytes,
                               .output_bytes = options_.output_limit_bytes,
                               .file_bytes = file_limit_bytes_};
  auto process = WorkerProcess::Start(command_, {}, limits);
  if (!process.ok()) return StartFailed(slot, process.error());
  slot.process = std::move(process).value();
  slot.cpus = Cpus::kUnknown;
  slot.stage = Stage::kSetup;
  Call(slot, workload_message_, options_.reference_timeout_s, false,
       [this, &slot](const CallResult& result) { OnWorkload(slot, result); });
}

void PoolEngine::OnWorkload(Slot& slot, const CallResult& result) {
  if (!Succeeded(result)) return StartFailed(slot, ErrorOf(result));
  if (reference_path_.empty()) {
    slot.stage = Stage::kWaiting;
  } else {
    LoadReference(slot);
  }
}

void PoolEngine::LoadReference(Slot& slot) {
  slot.stage = Stage::kSetup;
  const Message request = {.header = {{"op", "load_reference"}, {"path", reference_path_}}};
  Call(slot, request, options_.reference_timeout_s, false, [this, &slot](const CallResult& result) {
    if (!Succeeded(result)) return StartFailed(slot, ErrorOf(result));
    MakeReady(slot);
  });
}

void PoolEngine::MakeReady(Slot& slot) {
  slot.stage = Stage::kReady;
  slot.failed_starts = 0;
  slot.process.set_baseline_bytes(slot.process.resident_bytes());
}

void PoolEngine::Restart(Slot& slot) {
  slot.process.Kill();
  slot.on_end = nullptr;
  slot.stage = Stage::kDown;
  slot.retry_at_s = SystemNowS();
  if (runner_ == &slot) runner_ = nullptr;
}

void PoolEngine::StartFailed(Slot& slot, Error why) {
  Restart(slot);
  ++slot.failed_starts;
  slot.retry_at_s = SystemNowS() + kRestartPauseS * std::pow(2, slot.failed_starts - 1);
  if (slot.failed_starts >= kMaxFailedStarts || !prepared_) {
    start_error_ = std::move(why);
    start_error_->message = "cannot start a worker: " + start_error_->message;
  }
}

Result<ReferenceOutcome> PoolEngine::Prepare(const Workload& workload, const Target& target,
                                             uint64_t input_seed) {
  if (!workload_message_.header.is_null()) return Internal("Prepare was called twice");
  BANYAN_RETURN_IF_ERROR(Validate(options_));
  BANYAN_ASSIGN_OR_RETURN(cpus_, SplitCpus(all_cpus_, options_.run_cpu, target.cores));
  // Without a CPU to spare, a build would disturb every run.
  if (cpus_.build == cpus_.run) slots_.resize(1);
  // So that this thread's own work does not disturb runs either.
  static_cast<void>(PinThread(0, cpus_.build));
  BANYAN_ASSIGN_OR_RETURN(folder_, TempDir::Make("banyan"));
  const Stopwatch watch;

  file_limit_bytes_ = kFileSlackBytes;
  for (const TensorSpec& tensor : workload.parameters) {
    if (tensor.is_output) file_limit_bytes_ += 2 * tensor.bytes();
  }
  workload_message_.header = {{"op", "workload"},
                              {"workload", ToJson(workload)},
                              {"target", ToJson(target)},
                              {"input_seed", input_seed}};
  workload_message_.payload = workload.module_json;
  for (Slot& slot : slots_) Start(slot);
  BANYAN_RETURN_IF_ERROR(StepUntil(
      [this] {
        return std::all_of(slots_.begin(), slots_.end(),
                           [](const Slot& slot) { return slot.stage == Stage::kWaiting; });
      },
      options_.reference_timeout_s, "starting the workers"));

  // One worker makes the reference, alone on the machine.
  Slot& maker = slots_[0];
  maker.stage = Stage::kReserved;
  runner_ = &maker;
  const std::string path = folder_.path() + "/reference";
  BANYAN_ASSIGN_OR_RETURN(const CallResult made,
                          CallAndWait(maker,
                                      {.header = {{"op", "make_reference"},
                                                  {"path", path},
                                                  {"timing", ToJson(options_.timing)}}},
                                      options_.reference_timeout_s, false));
  if (!Succeeded(made)) {
    Error error = ErrorOf(made);
    error.message = "cannot make the reference: " + error.message;
    return error;
  }
  BANYAN_ASSIGN_OR_RETURN(ReferenceOutcome outcome,
                          ReferenceOutcomeFromJson(made.reply.value("value", Json())));
  outcome.wall_s = watch.ElapsedS();
  reference_path_ = path;
  MakeReady(maker);
  MeasureDrift(maker);
  BANYAN_RETURN_IF_ERROR(StepUntil([&] { return runner_ == nullptr; }, 60, "the drift kernel"));
  for (Slot& slot : slots_) {
    if (slot.stage == Stage::kWaiting) LoadReference(slot);
  }
  prepared_ = true;
  dispatching_ = true;
  return outcome;
}

// ---- Trials

void PoolEngine::Submit(TrialRequest request) { queue_.push_back(std::move(request)); }

void PoolEngine::Dispatch() {
  if (!prepared_) return UpdateCpus();
  for (Slot& slot : slots_) {
    if (slot.stage == Stage::kDown && !start_error_ && slot.retry_at_s <= SystemNowS()) Start(slot);
  }
  if (start_error_) FailQueued(FailureKind::kBuildCrash, start_error_->message);
  // The next run starts first, and CPUs are settled before new work is given out.
  GrantRun();
  UpdateCpus();
  if (!dispatching_) return;
  for (Slot& slot : slots_) {
    if (slot.stage == Stage::kReady) StartBuild(slot);
  }
}

void PoolEngine::FailQueued(FailureKind kind, const std::string& text) {
  for (const TrialRequest& request : queue_) {
    done_.push_back(FailedTrial(request.trial_id, kind, text));
  }
  queue_.clear();
}

void PoolEngine::StartBuild(Slot& slot) {
  while (!queue_.empty()) {
    slot.trial = std::move(queue_.front());
    queue_.pop_front();
    if (!quarantined_.contains(slot.trial.program_hash)) {
      slot.stage = Stage::kBuilding;
      Call(slot, BuildMessage(slot.trial), options_.build_timeout_s, true,
           [this, &slot](const CallResult& result) { OnBuilt(slot, result); });
      RaceBuilds();
      return;
    }
    done_.push_back(FailedTrial(slot.trial.trial_id, FailureKind::kWrongResult,
                                "this program gave a wrong result before"));
  }
}

// One runaway build would hold a worker for as long as twenty others.
void PoolEngine::RaceBuilds() {
  if (options_.build_race_factor == 0 || build_times_s_.size() < kFewBuilds) return;
  const double usual_s = Median(build_times_s_);
  const double limit_s =
      std::max(options_.build_race_grace_s, options_.build_race_factor * usual_s);
  for (Slot& slot : slots_) {
    if (slot.stage != Stage::kBuilding) continue;
    slot.process.LimitCall(limit_s, fmt::format("; builds of this run take {:.2g} s", usual_s));
  }
}

void PoolEngine::OnBuilt(Slot& slot, const CallResult& result) {
  slot.trial_build_s = SecondsOf(result);
  build_s_ += slot.trial_build_s;
  const FailureKind failure = BuildFailure(result);
  if (failure == FailureKind::kNone) {
    slot.stage = Stage::kBuilt;
    slot.built_at_s = SystemNowS();
    if (build_times_s_.size() >= kManyBuilds) build_times_s_.erase(build_times_s_.begin());
    build_times_s_.push_back(slot.trial_build_s);
    RaceBuilds();
    return;
  }
  FinishTrial(slot, FailedTrial(slot.trial.trial_id, failure, ErrorOf(result).message));
}

void PoolEngine::GrantRun() {
  if (runner_ != nullptr) return;
  for (Slot& slot : slots_) {
    if (slot.stage != Stage::kBuilt) continue;
    if (runner_ == nullptr || slot.built_at_s < runner_->built_at_s) runner_ = &slot;
  }
  if (runner_ == nullptr) return;
  Slot& slot = *runner_;
  slot.stage = Stage::kRunning;
  UpdateCpus();
  Timing timing = slot.trial.timing;
  timing.stop_above_ms = std::min(timing.stop_above_ms, stop_above_ms_);
  Call(slot, RunMessage(slot.trial.trial_id, timing, true, true), options_.run_timeout_s, true,
       [this, &slot](const CallResult& result) { OnRun(slot, result); });
}

void PoolEngine::OnRun(Slot& slot, const CallResult& result) {
  RunResult run = RunResultOf(result);
  TrialOutcome outcome = FailedTrial(slot.trial.trial_id, run.failure, std::move(run.failure_text));
  outcome.samples_ms = std::move(run.samples_ms);
  outcome.stopped_early = run.stopped_early;
  outcome.max_relative_error = run.max_relative_error;
  outcome.run_s = SecondsOf(result);
  run_s_ += outcome.run_s;
  ++runs_since_drift_;
  if (outcome.failure == FailureKind::kWrongResult && slot.trial.program_hash != 0) {
    quarantined_.insert(slot.trial.program_hash);
  }
  FinishTrial(slot, std::move(outcome));
}

void PoolEngine::FinishTrial(Slot& slot, TrialOutcome outcome) {
  const FailureKind failure = outcome.failure;
  const bool ran = slot.stage == Stage::kRunning;
  outcome.build_s = slot.trial_build_s;
  slot.trial_build_s = 0;
  slot.trial = {};
  slot.stage = Stage::kReady;
  if (runner_ == &slot) runner_ = nullptr;
  done_.push_back(std::move(outcome));
  // After a wrong result the kernel may have written anywhere in its process.
  const bool leaks =
      slot.process.alive() &&
      static_cast<double>(slot.process.resident_bytes() - slot.process.baseline_bytes()) >
          kLeakShare * static_cast<double>(options_.memory_limit_bytes);
  if (!slot.process.alive() || failure == FailureKind::kWrongResult || leaks) {
    Restart(slot);
  } else if (ran && runs_since_drift_ >= kDriftEvery) {
    MeasureDrift(slot);
  }
}

// Takes the run token for the time of one call of the fixed reference kernel.
void PoolEngine::MeasureDrift(Slot& slot) {
  runs_since_drift_ = 0;
  slot.stage = Stage::kReserved;
  runner_ = &slot;
  UpdateCpus();
  Call(slot, {.header = {{"op", "drift"}}}, options_.run_timeout_s, false,
       [this, &slot](const CallResult& result) {
         if (Succeeded(result) && result.reply.value("value", 0.0) > 0) {
           const double now_ms = result.reply["value"].get<double>();
           if (std::isnan(first_drift_ms_)) first_drift_ms_ = now_ms;
           drift_ = now_ms / first_drift_ms_;
         }
         if (result.end == CallEnd::kReply) {
           Release(slot);
         } else {
           Restart(slot);
         }
       });
}

void PoolEngine::Release(Slot& slot) {
  if (runner_ == &slot) runner_ = nullptr;
  slot.stage = slot.process.alive() ? Stage::kReady : Stage::kDown;
}

void PoolEngine::CancelAll() {
  for (Slot& slot : slots_) {
    if (!HoldsTrial(slot)) continue;
    slot.process.Kill();
    FinishTrial(slot,
                FailedTrial(slot.trial.trial_id, FailureKind::kCancelled, "the run ended first"));
  }
  FailQueued(FailureKind::kCancelled, "the run ended first");
}

// ---- CPUs

void PoolEngine::UpdateCpus() {
  for (Slot& slot : slots_) {
    if (!slot.process.alive()) continue;
    if (&slot == runner_) {
      Pin(slot, Cpus::kRun);
    } else {
      Pin(slot, runner_ != nullptr ? Cpus::kBuild : Cpus::kAll);
    }
  }
}

void PoolEngine::Pin(Slot& slot, Cpus cpus) {
  if (slot.cpus == cpus) return;
  slot.cpus = cpus;
  const std::vector<int>& list = cpus == Cpus::kRun     ? cpus_.run
                                 : cpus == Cpus::kBuild ? cpus_.build
                                                        : all_cpus_;
  // Where the system forbids it, measurements are noisier, but right.
  static_cast<void>(PinThread(slot.process.pid(), list));
}

}  // namespace banyan
