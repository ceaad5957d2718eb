#include "base/cpu.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace banyan {
namespace {

constexpr int kMaxCpus = 8192;

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};
using CpuSet = std::unique_ptr<cpu_set_t, FreeCpuSet>;

std::vector<int> CurrentCpus() {
  const CpuSet set(CPU_ALLOC(kMaxCpus));
  const size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  std::vector<int> cpus;
  CPU_ZERO_S(bytes, set.get());
  if (sched_getaffinity(0, bytes, set.get()) == 0) {
    for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), bytes, set.get())) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

}  // namespace

std::vector<int> ProcessCpus() {
  static const auto* cpus = new std::vector<int>(CurrentCpus());
  return *cpus;
}

Status PinThread(pid_t thread, const std::vector<int>& cpus) {
  const CpuSet set(CPU_ALLOC(kMaxCpus));
  const size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(bytes, set.get());
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= kMaxCpus) {
      return InvalidArgument("there is no CPU " + std::to_string(cpu));
    }
    CPU_SET_S(static_cast<size_t>(cpu), bytes, set.get());
  }
  if (sched_setaffinity(thread, bytes, set.get()) != 0) {
    return EnvironmentError(std::string("cannot pin to a CPU: ") + std::strerror(errno));
  }
  return Ok{};
}

Result<CpuSplit> SplitCpus(const std::vector<int>& allowed, int run_cpu, int run_cores) {
  auto first = run_cpu < 0 ? allowed.end() - 1 : std::find(allowed.begin(), allowed.end(), run_cpu);
  if (first == allowed.end()) {
    return InvalidArgument("CPU " + std::to_string(run_cpu) + " is not one this process may use");
  }
  if (run_cores < 1 || static_cast<size_t>(run_cores) > allowed.size()) {
    return InvalidArgument("the target has " + std::to_string(run_cores) +
                           " cores, but this process may use " + std::to_string(allowed.size()));
  }
  CpuSplit split;
  // Downwards from the run CPU, then around from the top.
  auto next = static_cast<size_t>(first - allowed.begin());
  for (int i = 0; i < run_cores; ++i) {
    split.run.push_back(allowed[next]);
    next = (next + allowed.size() - 1) % allowed.size();
  }
  std::sort(split.run.begin(), split.run.end());
  for (const int cpu : allowed) {
    if (!std::binary_search(split.run.begin(), split.run.end(), cpu)) split.build.push_back(cpu);
  }
  if (split.build.empty()) split.build = split.run;
  return split;
}

}  // namespace banyan
