#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "model/model.h"

namespace banyan {

// What the search is in need of; gains differ by it.
enum class Phase {
  kStructure,   // nothing beats the unscheduled program yet
  kRefinement,  // something does, and lately it got better
  kStuck,       // many trials without a gain
};

const char* PhaseName(Phase phase);  // "structure", "refinement", "stuck"
Result<Phase> ParsePhase(const std::string& name);

// The gains of one model's settled calls: by how much the best proposal of the call beat the best
// plan known when it was asked, as a log-ratio of latencies, 0 if it did not.
struct CallGain {
  Phase phase = Phase::kStructure;
  double gain = 0;
};
struct ModelRecord {
  ModelInfo info;
  int64_t calls = 0;
  std::vector<CallGain> gains;
};

struct Route {
  int model = -1;   // index into the pool; -1: ask nobody
  std::string why;  // in words, for the record
};

// Which model acts next. A pure function of its arguments; the run's only place that knows about
// roles.
class Router {
 public:
  virtual ~Router() = default;
  virtual Route Choose(const std::vector<ModelRecord>& pool, Phase phase, Rng& rng) const = 0;
};

// "thompson", "round_robin", "strongest", "none".
Result<std::unique_ptr<Router>> MakeRouter(const std::string& name);

}  // namespace banyan
