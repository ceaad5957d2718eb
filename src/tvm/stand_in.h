#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"
#include "tvm/kernel_buffers.h"

namespace banyan {

// For programs too large to run as written: a conservatively scheduled one stands in for the
// reference, and is itself checked against an independent evaluation.

// The module with the plainest of schedules where TVM allows it: each block's contiguous loop
// vectorised inside its reductions, a few rows at a time.
Result<std::string> StandInModule(const Workload& workload, const Target& target);

// Whether CheckStandIn can evaluate this program: kUnsupported, or Ok.
Status CanCheckStandIn(const Workload& workload);

// Compares 1,000 output elements (all, if there are fewer; chosen by the seed) in `tensors` (the
// parameters after the run) with their values computed in float64 straight from the definition. The
// elements lie in up to 25 rows, fewer where a row takes long, so that they share intermediate
// results. kInternal: one differs; kUnsupported: the program's form cannot be evaluated that way.
Status CheckStandIn(const Workload& workload, const std::vector<GuardedTensor>& tensors,
                    uint64_t seed);

}  // namespace banyan
