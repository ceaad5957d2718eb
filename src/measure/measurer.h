#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/types.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

inline constexpr int kMaxWorkers = 64;

struct MeasureOptions {
  int workers = 2;              // processes: one runs while the others build, [1, 64]
  double build_timeout_s = 10;  // > 0
  // Racing of builds: while searching, one is given up that takes this many times the median of the
  // run's builds (four or more) and longer than the grace; >= 0, 0: none is.
  double build_race_factor = 8;
  double build_race_grace_s = 3;
  double run_timeout_s = 10;  // > 0, check and timing of one candidate
  double reference_timeout_s = 300;
  int64_t memory_limit_bytes =
      int64_t{4} << 30;  // resident, beyond what an idle worker with the workload's buffers holds
  int64_t output_limit_bytes = 1 << 20;  // of a worker's stdout/stderr noise
  int run_cpu = -1;                      // core that runs kernels; -1: the last allowed one
  Timing timing;                         // of the reference
  Timing final_timing = FinalTiming();
  // Looked at while Prepare and Finals block: they give up with kCancelled once it is true. Not
  // owned.
  const std::atomic<bool>* cancel = nullptr;
};

// kInvalidArgument, with the option's name, if one is out of its range.
Status Validate(const MeasureOptions& options);

// Builds and runs candidates beside the search. Never blocks except where said; owned and called by
// one thread (the driver's). Implementations: WorkerPool (processes), fakes, a cache
// (`--simulate`).
class Measurer {
 public:
  virtual ~Measurer() = default;

  // Blocks: starts workers, makes inputs and the reference. Call once, first.
  virtual Result<ReferenceOutcome> Prepare(const Workload& workload, const Target& target,
                                           uint64_t input_seed) = 0;
  // Queues a trial; any number may be queued, Capacity() tells how many keep all workers busy.
  virtual void Submit(TrialRequest request) = 0;
  virtual int Capacity() const = 0;
  virtual int InFlight() const = 0;
  // The next finished trial, waiting at most `timeout_s` (0: only look). nullopt: none yet.
  virtual std::optional<TrialOutcome> Wait(double timeout_s) = 0;
  // From now on, a candidate whose first sample is above this is stopped there (racing). The caller
  // keeps a margin over its best: a noisy first sample may not stop a winner. Holds for runs that
  // start later; a trial's own Timing::stop_above_ms holds as well.
  virtual void SetStopAbove(double latency_ms) = 0;
  // Drops queued trials and kills those in flight; they are reported as kCancelled.
  virtual void CancelAll() = 0;
  // Blocks: rebuilds the finalists in one worker with builders idle and measures them interleaved
  // (one sample of each in turn, order rotated). In the order asked for.
  virtual Result<std::vector<FinalOutcome>> Finals(const std::vector<TrialRequest>& finalists) = 0;
  // Blocks: the best multiply-add rate of the run CPU, in GFLOP/s of float32. After Prepare.
  virtual Result<double> PeakGflops() {
    return Error{ErrorCode::kUnsupported, "this measurer does not know the peak", {}};
  }
  // Trials end at once, by a clock of the measurer's own (a simulation). The order of events must
  // then not hang on how fast a model's thread is: who drives it takes a call's answer first.
  virtual bool Instant() const { return false; }
  // Seconds spent so far, summed over workers.
  virtual double build_s() const = 0;
  virtual double run_s() const = 0;
  // Time of the fixed reference kernel now over its time at the start; 1: no drift. NaN: not known
  // yet.
  virtual double drift() const = 0;
};

// Worker processes: `worker_command` is exec'd (argv), and speaks the protocol of measure/worker.h
// on its stdin and stdout.
std::unique_ptr<Measurer> MakeWorkerPool(std::vector<std::string> worker_command,
                                         MeasureOptions options);

}  // namespace banyan
