#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/measurer.h"

namespace banyan {

// One finding of `banyan doctor`.
struct Finding {
  enum class Level { kGood, kAdvice, kProblem };
  std::string name;
  std::string text;
  std::string advice;  // empty: nothing to do
  Level level = Level::kGood;
};

// Other logical CPUs on the core of `cpu`, from sysfs; empty: none or hidden.
std::vector<int> SmtSiblings(int cpu);

// The spread of a fixed kernel's time on the pinned core, (slowest - fastest) / fastest.
struct NoiseReport {
  double kernel_ms = 0;
  double spread = 0;
};
NoiseReport MeasureNoise(int cpu, int rounds);

// How much longer the fixed kernel takes while another core compiles, as a fraction; NaN if there
// is no other core. `build` compiles something once and is called again and again meanwhile.
struct BesideBuild {
  double slow_down = 0;
  int64_t builds = 0;
};
class Builder {
 public:
  virtual ~Builder() = default;
  virtual Status Build() = 0;
};
BesideBuild MeasureBesideBuild(int run_cpu, int build_cpu, Builder& builder);

}  // namespace banyan
