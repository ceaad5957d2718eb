#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "base/files.h"
#include "measure/measurer.h"
#include "measure/worker_process.h"

namespace banyan {

// The pool's work, in one thread: starts workers, hands them trials, lets one of them run at a time
// (the run token), replaces the dead. A trial goes queued -> building -> built, waiting for the
// token -> running -> done, all in one worker. A worker that dies costs the trial it holds, and
// nothing if it holds none.
//
// While a kernel runs, its worker has the run CPUs to itself and builders share the others; while
// none runs, builders may use all. The pool pins workers from outside, so a kernel cannot forget
// to.
//
// Prepare, Finals and PeakGflops block (stepping inside); they give up with kCancelled when
// options.cancel is set. Not thread-safe; owns its workers and a temporary folder.
class PoolEngine {
 public:
  PoolEngine(std::vector<std::string> command, MeasureOptions options);

  Result<ReferenceOutcome> Prepare(const Workload& workload, const Target& target,
                                   uint64_t input_seed);
  void Submit(TrialRequest request);
  void SetStopAbove(double latency_ms) { stop_above_ms_ = latency_ms; }
  void CancelAll();
  Result<std::vector<FinalOutcome>> Finals(const std::vector<TrialRequest>& finalists);
  Result<double> PeakGflops();

  // Waits for at most `timeout_s` for something to happen in a worker or on `wake_fd` (-1: none),
  // then does all there is to do.
  void Step(double timeout_s, int wake_fd);
  // Finished trials since the last call, in order of finishing.
  std::vector<TrialOutcome> TakeDone();

  int workers() const { return static_cast<int>(slots_.size()); }
  double build_s() const { return build_s_; }
  double run_s() const { return run_s_; }
  double drift() const { return drift_; }

 private:
  enum class Stage {
    kDown,      // to be started at retry_at_s
    kSetup,     // being given the workload
    kWaiting,   // has the workload, waits for the reference to be made
    kReady,     // idle
    kBuilding,  // holds a trial, as in the next two
    kBuilt,
    kRunning,
    kReserved,  // used by Prepare, Finals or PeakGflops, or measuring drift
  };
  enum class Cpus { kUnknown, kAll, kRun, kBuild };

  struct Slot {
    WorkerProcess process;
    Stage stage = Stage::kDown;
    std::function<void(const CallResult&)> on_end;  // of the call in flight
    TrialRequest trial;
    double built_at_s = 0;
    double trial_build_s = 0;
    int failed_starts = 0;
    double retry_at_s = 0;
    Cpus cpus = Cpus::kUnknown;
  };

  bool HoldsTrial(const Slot& slot) const;
  void Call(Slot& slot, const Message& request, double timeout_s, bool watch_memory,
            std::function<void(const CallResult&)> on_end);
  // Steps until the call has ended. An Error only if cancelled, which kills the worker.
  Result<CallResult> CallAndWait(Slot& slot, const Message& request, double timeout_s,
                                 bool watch_memory);
  Status StepUntil(const std::function<bool()>& done, double timeout_s, const std::string& what);

  void Start(Slot& slot);
  void OnWorkload(Slot& slot, const CallResult& result);
  void LoadReference(Slot& slot);
  void MakeReady(Slot& slot);
  // Kills what is left of it; started again at the next dispatch, later if starting keeps failing.
  void Restart(Slot& slot);
  void StartFailed(Slot& slot, Error why);

  void Dispatch();
  void StartBuild(Slot& slot);
  void GrantRun();
  // When a build starts, or one more is known.
  void RaceBuilds();
  void OnBuilt(Slot& slot, const CallResult& result);
  void OnRun(Slot& slot, const CallResult& result);
  void MeasureDrift(Slot& slot);
  void Release(Slot& slot);
  void FinishTrial(Slot& slot, TrialOutcome outcome);
  void FailQueued(FailureKind kind, const std::string& text);
  void UpdateCpus();
  void Pin(Slot& slot, Cpus cpus);

  // Finals.
  struct Finalist;
  Result<Slot*> ReserveWorker();
  Status BuildFinalists(std::vector<Finalist>& finalists, Slot** slot);
  Status ReplaceWorker(std::vector<Finalist>& finalists, Slot** slot);
  Status RunFinalist(std::vector<Finalist>& finalists, size_t index, Slot** slot);
  Result<std::vector<FinalOutcome>> MeasureFinals(const std::vector<TrialRequest>& requests);

  const std::vector<std::string> command_;
  const MeasureOptions options_;
  const std::vector<int> all_cpus_;
  CpuSplit cpus_;
  TempDir folder_;
  std::string reference_path_;  // of the finished reference; empty before
  Message workload_message_;
  int64_t file_limit_bytes_ = 0;
  bool prepared_ = false;
  bool dispatching_ = false;          // trials may start to build
  std::optional<Error> start_error_;  // why workers cannot be started; ends the pool's life
  std::vector<Slot> slots_;
  std::deque<TrialRequest> queue_;
  std::vector<TrialOutcome> done_;
  std::unordered_set<uint64_t> quarantined_;  // program hashes
  Slot* runner_ = nullptr;                    // who has the run token
  double stop_above_ms_ = std::numeric_limits<double>::infinity();
  double build_s_ = 0;
  std::vector<double> build_times_s_;  // of builds that succeeded, the last ones
  double run_s_ = 0;
  int runs_since_drift_ = 0;
  double first_drift_ms_ = std::numeric_limits<double>::quiet_NaN();
  double drift_ = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace banyan
