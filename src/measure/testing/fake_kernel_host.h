#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/json.h"
#include "measure/kernel_host.h"

namespace banyan {

// A KernelHost without a compiler. A "module" is a JSON object that says how to behave:
//   latency_ms (1)      every sample; nothing is waited for
//   build, run ("ok")   "error", "crash" (SIGSEGV), "abort", "exit" (status 0), "hang" (endless
//   loop), "oom"
//                       (eats memory), "noise" (endless output), "garbage" (breaks the protocol),
//                       "throw", "wrong" (run: a wrong result), "leak" (keeps 64 MiB for good),
//                       "fork" (leaves a child that sleeps), "say" (prints a line to stdout, then
//                       works)
//   build_ms, run_ms    real time it takes (0)
// If the environment names a file in BANYAN_FAKE_LOG, every call is appended to it as one line:
// "<pid> <begin|end> <call> <handle>". The workload's `id` may be "bad" (SetWorkload fails),
// "crash" (it dies), or "no-reference" (MakeReference fails).
class FakeKernelHost final : public KernelHost {
 public:
  Status SetWorkload(const Workload& workload, const Target& target, uint64_t input_seed) override;
  Result<ReferenceOutcome> MakeReference(const std::string& path, const Timing& timing) override;
  Status LoadReference(const std::string& path) override;
  Status Build(uint64_t handle, const std::string& module_json) override;
  Result<RunResult> Run(uint64_t handle, const Timing& timing, bool check) override;
  void Drop(uint64_t handle) override;
  Result<double> DriftKernelMs() override;
  Result<double> PeakGflops() override { return 100.0; }

 private:
  std::string workload_id_;
  bool has_reference_ = false;
  std::map<uint64_t, Json> built_;
  int drifts_ = 0;
};

}  // namespace banyan
