#pragma once

#include <cstdint>
#include <vector>

#include "schedule/program.h"

namespace banyan {

// How far `form` (over a block's iters, or over its loops) moves while the given x_k run through
// spans[k] consecutive values: 1 + sum |coefficients[k]| * (spans[k] - 1). For a form that is not
// affine the bound is the full extent, given by the caller.
int64_t SpanOf(const LinearForm& form, const std::vector<int64_t>& spans, int64_t full);

// Extents of the region of `buffer` that `block` touches (reads if `reads`, else writes) while the
// loops around it up to and including position `fixed` of its loops stand still (-1: none does).
// One value a dimension, at most the buffer's extent. Empty if the block does not touch it.
std::vector<int64_t> TouchedRegion(const ProgramView& program, int block, int buffer, bool reads,
                                   int fixed);

// True if, while the loops up to position `fixed` stand still, the loops inside run every spatial
// iter through consecutive values, each once. Where they leave gaps, TVM's bounding boxes cover
// elements that were not computed, and copies of them are wrong.
bool CoversWithoutGaps(const ProgramView& program, int block, int fixed);

// A split that does not divide guards a spatial iter of the block.
bool HasSpatialGuard(const ProgramView& program, int block);

// How often `producer` would compute each of its elements if it were computed at `loop` of its
// consumers: iterations of the outer loops times the region each needs, over all its elements. 1:
// no recomputation.
double RecomputationAt(const ProgramView& program, int producer, int loop);

}  // namespace banyan
