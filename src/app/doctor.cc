#include "app/doctor.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

#include "base/cpu.h"
#include "base/numbers.h"
#include "measure/types.h"
#include "tvm/cpu_speed.h"

namespace banyan {

std::vector<int> SmtSiblings(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::string text;
  std::getline(file, text);
  std::vector<int> siblings;
  std::istringstream parts(text);
  std::string part;
  while (std::getline(parts, part, ',')) {
    int first = -1;
    int last = -1;
    char dash = 0;
    std::istringstream range(part);
    if (!(range >> first)) continue;
    if (!(range >> dash >> last)) last = first;
    for (int sibling = first; sibling <= last; ++sibling) {
      if (sibling != cpu) siblings.push_back(sibling);
    }
  }
  return siblings;
}

NoiseReport MeasureNoise(int cpu, int rounds) {
  const bool pinned = PinThread(0, {cpu}).ok();
  double fastest = std::numeric_limits<double>::infinity();
  double slowest = 0;
  for (int round = 0; round < rounds; ++round) {
    const double time_ms = MeasureDriftKernelMs();
    fastest = std::min(fastest, time_ms);
    slowest = std::max(slowest, time_ms);
  }
  if (pinned) (void)PinThread(0, ProcessCpus());
  return {fastest, slowest / fastest - 1};
}

BesideBuild MeasureBesideBuild(int run_cpu, int build_cpu, Builder& builder) {
  // Alone and beside in turn, so that slow drift of the machine cancels.
  constexpr int kRounds = 6;
  std::vector<double> ratios;
  BesideBuild report;
  const bool pinned = PinThread(0, {run_cpu}).ok();
  for (int round = 0; round < kRounds; ++round) {
    const double alone_ms = MeasureDriftKernelMs();
    std::atomic<bool> stop = false;
    std::atomic<int64_t> builds = 0;
    std::thread other([&] {
      (void)PinThread(0, {build_cpu});
      while (!stop.load() && builder.Build().ok()) ++builds;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double beside_ms = MeasureDriftKernelMs();
    stop = true;
    other.join();
    report.builds += builds;
    ratios.push_back(beside_ms / alone_ms - 1);
  }
  if (pinned) (void)PinThread(0, ProcessCpus());
  report.slow_down = Median(ratios);
  return report;
}

}  // namespace banyan
