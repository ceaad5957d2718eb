#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"

namespace banyan {

// The CPUs this process was given (its cpuset and affinity at the first call, before any pinning of
// its own), ascending; never empty. Thread-safe.
std::vector<int> ProcessCpus();

// Restricts a thread (0: the calling one; a process's number: its main thread) to `cpus`. Threads
// it makes later inherit that.
Status PinThread(pid_t thread, const std::vector<int>& cpus);

// Which CPUs run kernels and which build and search. `run_cpu` -1: the last allowed one. With
// `run_cores` > 1 its neighbours below join it. On a machine with no CPU to spare, `build` is the
// same as `run`.
struct CpuSplit {
  std::vector<int> run;
  std::vector<int> build;
};
Result<CpuSplit> SplitCpus(const std::vector<int>& allowed, int run_cpu, int run_cores);

}  // namespace banyan
