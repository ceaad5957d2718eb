#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/access_analysis.h"
#include "model/plan_builder.h"
#include "schedule/program.h"
#include "schedule/target.h"

namespace banyan {

// How a block without operand reuse is run: vectors along the axis its result is contiguous in, or,
// where a reduction runs along memory, partial sums in vector lanes (rfactor).
struct SimpleChoice {
  enum class Kind {
    kUntouched,    // left as it is
    kVectorized,   // vectors along `iter`
    kFlattened,    // all loops fused, then vectors (odd extents, all accesses in one order)
    kPartialSums,  // rfactor along the reduction
    kUnrolled,     // a short reduction (a window), unrolled
    kTransposed,   // square tiles of `iter` and `other`, along which a read is contiguous
  };
  Kind kind = Kind::kUntouched;
  int iter = -1;  // vectorised spatial iter, or the reduction iter of partial sums
  int other = -1;
  int64_t width = 1;   // elements: inner extent of the vectorised loop
  int64_t unroll = 1;  // further steps unrolled
  double score = 0;    // rank among the block's choices

  std::string Describe(const BlockView& block) const;
};

std::vector<SimpleChoice> RankSimpleChoices(const ProgramView& program,
                                            const BlockAnalysis& analysis, const Target& target);

void EmitSimple(const ProgramView& program, const BlockAnalysis& analysis,
                const SimpleChoice& choice, const Target& target, PlanBuilder* plan);

// The names a reduction has after its reduction iter was split by `width` and factored: lanes of
// partial sums in block `partial`, summed up by the block itself.
struct PartialSums {
  std::string partial;               // block of partial sums
  std::vector<std::string> spatial;  // its loops, relative
  std::vector<std::string> reduction;
  std::string lanes;  // its loop of lanes, relative
  std::string rest;   // the loop over lanes of the block itself, relative, once the block was moved
};

// Split and rfactor alone: for callers that move the blocks themselves. The lanes become dimension
// `lanes_axis` of the partial sums.
PartialSums StartPartialSums(const ProgramView& program, const BlockAnalysis& analysis,
                             int reduction_iter, int64_t width, PlanBuilder* plan,
                             int lanes_axis = 0);
// Registers, vectors and initialisation of the partial sums, once the blocks are in place.
void FinishPartialSums(const PartialSums& sums, bool local, PlanBuilder* plan);
// After the partial sums were moved (TVM then lists the lanes first): lanes innermost again.
void OrderMovedPartialSums(const PartialSums& sums, PlanBuilder* plan);
// All of it, with the block moved into the row loop of its partial sums.
void EmitPartialSums(const ProgramView& program, const BlockAnalysis& analysis, int reduction_iter,
                     int64_t width, const Target& target, PlanBuilder* plan);

}  // namespace banyan
