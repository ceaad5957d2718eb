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

// The module with, where TVM allows it, each block's contiguous loop vectorised inside its
// reductions.
Result<std::string> StandInModule(const Workload& workload, const Target& target);

// Compares 1,000 output elements (chosen by the seed) in `tensors` (parameters after the run) with
// their values computed in float64 straight from the definition.
Status CheckStandIn(const Workload& workload, const std::vector<GuardedTensor>& tensors,
                    uint64_t seed);

}  // namespace banyan
