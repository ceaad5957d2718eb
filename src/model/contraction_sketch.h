#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/access_analysis.h"
#include "model/plan_builder.h"
#include "schedule/program.h"
#include "schedule/target.h"

namespace banyan {

// Where the operand that vectors are loaded from is copied into vector order.
enum class PackMode {
  kNone,   // read as it lies
  kPanel,  // [K][cols] panels, made at the loop over column tiles: hot in L2 while all rows use it
  kWhole,  // the whole operand, once, before the block
};

// What happens to the rows or columns that a tile does not divide.
enum class TailMode {
  kNone,       // everything divides
  kPad,        // operands are padded to multiples while they are copied
  kPartition,  // the loops are partitioned into a full body and a guarded rest
};

// How the row operand's blocks lie.
enum class RowBlocks {
  kNone,         // rows as they are
  kVectors,      // `rows` x a vector along the reduction
  kInterleaved,  // the rows' elements of one reduction step side by side
};

// Parameters of one contraction's schedule: a register tile of `rows` x `cols` accumulators, the
// columns as `groups` vectors side by side, each of a power of two of elements.
struct ContractionChoice {
  TileAxes axes;
  int64_t rows = 1;
  int64_t cols = 1;
  int64_t groups = 1;
  int64_t k_unroll = 1;
  int64_t panels = 1;  // column tiles a panel holds
  // Steps of the reduction done for all columns before the next ones, the sums staying in memory
  // meanwhile; 0: all at once. For a few rows of a large operand, which is then read in stretches
  // of whole rows: pages and lines of one panel over the whole reduction are too many for the TLB.
  int64_t depth = 0;
  PackMode pack = PackMode::kNone;
  bool pack_rows = false;  // the row operand is copied too, rows side by side
  // The row operand lies in blocks, one tile's rows together: they share no cache set, and are one
  // stream for the prefetchers. An input is copied, an intermediate written so (ProgramSketch does
  // either).
  RowBlocks row_blocks = RowBlocks::kNone;
  bool rows_outer = false;
  TailMode tail = TailMode::kNone;
  bool reduce_inside =
      false;  // no row reuse and the vector operand runs along the reduction: rfactor
  // Few columns: dot products, partial sums in lanes along the reduction for `rows` rows and every
  // column (axes.vector_iter) at a time.
  bool dot = false;
  double score = 0;  // estimated share of peak, higher is better

  std::string Describe(const BlockView& block) const;  // a few words, for a proposal's reason
};

// All choices worth a thought for this block, best first.
std::vector<ContractionChoice> RankContractionChoices(const ProgramView& program,
                                                      const BlockAnalysis& analysis,
                                                      const Target& target);

// Blocks around a contraction that its schedule takes along.
struct ContractionNeighbours {
  std::string epilogue;               // pointwise consumer to fold into the write-back; empty: none
  std::vector<std::string> paddings;  // blocks that pad an operand for this block only
};

// A block whose producers are computed inside its outermost loop, a piece of its reduction at a
// time: `chunk` steps of iter `iter`.
struct OuterChunk {
  int iter = -1;  // -1: none
  int64_t chunk = 1;
};
// The choice can be emitted with that loop outermost.
bool CanChunk(const ProgramView& program, const BlockAnalysis& analysis,
              const ContractionChoice& choice, const OuterChunk& outer);
// That loop, in full.
std::string ChunkLoop(const ProgramView& program, const BlockAnalysis& analysis,
                      const OuterChunk& outer);

// Appends the schedule.
void EmitContraction(const ProgramView& program, const BlockAnalysis& analysis,
                     const ContractionChoice& choice, const ContractionNeighbours& neighbours,
                     const Target& target, PlanBuilder* plan, const OuterChunk& outer = {});

// The padded copy of an operand can be addressed as BUFFER_pad: the block that makes the buffer is
// no reduction, whose own padded result would have that name.
bool PadNameIsFree(const ProgramView& program, int buffer);

// The innermost reduction iter that runs more than once: the one to unroll.
int InnerReduction(const BlockView& block, const BlockAnalysis& analysis);

// The loop of `block` that alone drives its iter, relative to the block's name ("i", "k.0"); empty:
// none.
std::string LoopOfIter(const ProgramView& program, const BlockView& block, int iter);
// Every iter is driven by a loop of its own: the block is as a workload states it.
bool HasPlainLoops(const ProgramView& program, const BlockView& block);

// Loop of a copy block along dimension `dim` of the copied buffer.
std::string CopyLoop(const std::string& block, int dim);

}  // namespace banyan
