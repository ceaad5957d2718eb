#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/program.h"
#include "schedule/target.h"

namespace banyan {

// How one operand of a block meets a loop that is to be vectorised.
enum class VectorAccess {
  kInvariant,   // does not move with the iter: a broadcast
  kContiguous,  // moves by one element: a vector load
  kStrided,     // anything else: a gather, unless the operand is packed
};

// What a block does to memory, read from its accesses alone.
enum class BlockClass {
  kContraction,  // a sum of products in which some operand is reused along some spatial iter
  kReduction,    // another reduction: sums, maxima, products without reuse
  kPointwise,    // no reduction
  kOpaque,       // only primitives apply
};

struct OperandAnalysis {
  int buffer = -1;
  int read = -1;           // index into BlockView::reads
  std::vector<bool> uses;  // by iter of the block
  bool simple = false;     // every index is one iter, with coefficient 1
};

// Access analysis of one block.
struct BlockAnalysis {
  int block = -1;
  BlockClass block_class = BlockClass::kOpaque;
  std::vector<int> spatial;  // iters, in the block's order
  std::vector<int> reduction;
  std::vector<int> batch;  // spatial iters that every operand moves with: no reuse along them
  std::vector<OperandAnalysis> operands;  // distinct loads
  int64_t spatial_extent = 1;             // product over spatial iters
  int64_t reduction_extent = 1;
  double flops = 0;  // of the whole block

  bool is_batch(int iter) const;
};

// Blocks in program order.
std::vector<BlockAnalysis> AnalyseProgram(const ProgramView& program);
BlockAnalysis AnalyseBlock(const ProgramView& program, int block);

VectorAccess AccessAlong(const AccessView& access, const BufferView& buffer, int iter);

// Elements between neighbours of `iter` in the buffer's row-major order; 0 if it does not move.
int64_t StrideAlong(const AccessView& access, const BufferView& buffer, int iter);

// Distinct bytes an access touches while the iters in `moving` run over their extents, the others
// standing still (an upper bound for overlapping windows, clamped to the buffer).
int64_t FootprintBytes(const ProgramView& program, const BlockView& block, const AccessView& access,
                       const std::vector<int64_t>& iter_extents);

// A choice of axes for the register tile of a contraction: vectors run along `vector_iter`; the
// vector operand is loaded once and used for every row, rows run along `row_iter`.
struct TileAxes {
  int vector_iter = -1;
  int row_iter = -1;        // -1: no reuse to be had (matrix times vector)
  int vector_operand = -1;  // index into operands; -1: none moves with the vector iter
  int row_operand = -1;
  VectorAccess vector_access = VectorAccess::kInvariant;  // of the vector operand as it lies
  bool gathers = false;                                   // and no packing can change that
  int64_t most_cols = 0;          // columns of a tile must divide this; 0: no bound
  bool output_contiguous = true;  // else the result tile is written back by single elements
  double score = 0;               // estimated share of peak, (0, 1]; higher is better
};

// All useful choices, best first.
std::vector<TileAxes> RankTileAxes(const ProgramView& program, const BlockAnalysis& analysis,
                                   const Target& target);

}  // namespace banyan
