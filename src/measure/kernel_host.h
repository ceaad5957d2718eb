#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/types.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

struct RunResult {
  FailureKind failure = FailureKind::kNone;  // kNone, kRunError or kWrongResult
  std::string failure_text;
  std::vector<double> samples_ms;
  bool stopped_early = false;
  double max_relative_error = 0;
};

// Builds and runs kernels of one workload inside a worker process; implemented by the tvm room. A
// call may crash, hang or eat memory: the worker's parent watches. Used from one thread.
class KernelHost {
 public:
  virtual ~KernelHost() = default;

  // Makes inputs from the seed (floats uniform in [-1, 1), integers in [-8, 8)), 64-byte aligned,
  // with guard zones on both sides.
  virtual Status SetWorkload(const Workload& workload, const Target& target,
                             uint64_t input_seed) = 0;
  // Runs the unscheduled program (a stand-in above 5 GFLOP; without optimisation and untimed if
  // LLVM refuses it), times it (repeated only if it takes less than 100 ms) and writes its outputs
  // to `path` for the other workers.
  virtual Result<ReferenceOutcome> MakeReference(const std::string& path, const Timing& timing) = 0;
  virtual Status LoadReference(const std::string& path) = 0;

  // Compiles and keeps the kernel under `handle`. An error is the builder's (kBuildError).
  virtual Status Build(uint64_t handle, const std::string& module_json) = 0;
  // `check`: poison outputs, run once, compare with the reference, inputs and guards unchanged; a
  // wrong result is not timed. Then time it.
  virtual Result<RunResult> Run(uint64_t handle, const Timing& timing, bool check) = 0;
  virtual void Drop(uint64_t handle) = 0;

  // The fixed reference kernel (independent of the workload): its time now, ms; compare with the
  // first.
  virtual Result<double> DriftKernelMs() = 0;
  // Best multiply-add rate of this core, measured now: GFLOP/s in float32.
  virtual Result<double> PeakGflops() = 0;
};

}  // namespace banyan
