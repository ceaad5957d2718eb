#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cost/cost_model.h"
#include "model/model.h"
#include "schedule/target.h"
#include "schedule/workload.h"
#include "search/router.h"

namespace banyan {

// What one settled call of an earlier run gained (see CallGain).
struct PastGain {
  std::string model;  // its name in the pool
  Phase phase = Phase::kStructure;
  double gain = 0;           // log-ratio of latencies, >= 0
  bool same_family = false;  // the workload was related to this run's
};

// What earlier runs know that helps a new one.
struct RunHistory {
  // Plans that won on related workloads (same structure, these or other sizes) on an equal target,
  // the most promising first, no plan twice. A speedup of NaN: the unscheduled program was not run.
  std::vector<ExamplePlan> examples;
  std::vector<PastGain> gains;      // newest first
  std::vector<CostSample> samples;  // of an equal target; related workloads first, then newest
};

// The port through which a run learns from earlier ones; implemented by the store. Asked once, at
// the start of a run, on the driver's thread. Examples and gains become part of the first event, so
// that a replay needs no history; samples are not journalled, since the cost model's answers are.
class History {
 public:
  virtual ~History() = default;
  // Gains are those of `models`.
  virtual Result<RunHistory> Load(const Workload& workload, const Target& target,
                                  const std::vector<std::string>& models) = 0;
};

}  // namespace banyan
