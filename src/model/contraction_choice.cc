#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "model/contraction_sketch.h"

namespace banyan {
namespace {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

double UsedShare(int64_t extent, int64_t tile) {
  return static_cast<double>(extent) / static_cast<double>(CeilDiv(extent, tile) * tile);
}

// Loop overhead of the reduction, amortised by unrolling; measured on matmul from L1 to memory
// size.
double UnrollFactor(int64_t k_unroll, int64_t tile_vectors) {
  const double base = k_unroll >= 4 ? 1.0 : k_unroll >= 2 ? 0.95 : 0.92;
  // LLVM stores accumulators inside the loop when the unrolled body grows too large.
  const int64_t body = k_unroll * tile_vectors;
  if (body > 192) return base * 0.4;
  if (body > 112) return base * 0.85;
  return base * (k_unroll > 4 ? 0.985 : 1.0);
}

struct Shape {
  int64_t rows = 1, cols = 1, reduction_last = 1;
  int lanes = 1;
  double vector_bytes = 0;        // of the whole vector operand
  double row_bytes = 0;           // of the whole row operand
  int64_t vector_row_stride = 0;  // bytes between two reduction steps of the vector operand
  int64_t row_stride = 0;         // bytes between two rows of the row operand
  bool row_strided_in_k =
      false;  // the row operand moves along rows faster than along the reduction
  bool panel_possible = false;
  bool pad_possible = false;
  double rows_total = 1;  // how often a packed element is used
};

Shape DescribeShape(const ProgramView& program, const BlockAnalysis& analysis, const TileAxes& axes,
                    const Target& target) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  Shape shape;
  const BufferView& output = program.buffers[static_cast<size_t>(block.writes.front().buffer)];
  shape.lanes = std::max(1, target.lanes(output.element_bits));
  shape.cols = block.iters[static_cast<size_t>(axes.vector_iter)].extent;
  if (axes.row_iter >= 0) shape.rows = block.iters[static_cast<size_t>(axes.row_iter)].extent;
  const int k = InnerReduction(block, analysis);
  shape.reduction_last = block.iters[static_cast<size_t>(k)].extent;
  shape.pad_possible = block.multiply_add && block.iters.size() >= 3;
  std::vector<int64_t> extents;
  for (const IterView& iter : block.iters) extents.push_back(iter.extent);
  for (size_t o = 0; o < analysis.operands.size(); ++o) {
    const OperandAnalysis& operand = analysis.operands[o];
    const AccessView& read = block.reads[static_cast<size_t>(operand.read)];
    const BufferView& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
    const int64_t element = (buffer.element_bits + 7) / 8;
    shape.pad_possible = shape.pad_possible && operand.simple;
    if (static_cast<int>(o) == axes.vector_operand) {
      shape.vector_bytes = static_cast<double>(FootprintBytes(program, block, read, extents));
      for (const int r : analysis.reduction)
        shape.vector_row_stride =
            std::max(shape.vector_row_stride, std::abs(StrideAlong(read, buffer, r)) * element);
      shape.panel_possible = operand.simple;
      for (const int s : analysis.spatial) {
        if (s != axes.vector_iter && !operand.uses[static_cast<size_t>(s)])
          shape.rows_total *= static_cast<double>(block.iters[static_cast<size_t>(s)].extent);
      }
    }
    if (static_cast<int>(o) == axes.row_operand && axes.row_iter >= 0) {
      shape.row_bytes = static_cast<double>(FootprintBytes(program, block, read, extents));
      shape.row_stride = std::abs(StrideAlong(read, buffer, axes.row_iter)) * element;
      const int64_t k_stride = std::abs(StrideAlong(read, buffer, k)) * element;
      shape.row_strided_in_k = operand.simple && shape.row_stride == element && k_stride > element;
      shape.vector_row_stride = std::max<int64_t>(shape.vector_row_stride, 0);
    }
  }
  return shape;
}

// Vectors read with a large power-of-two stride fall into few cache sets; from beyond L2 every line
// is used for one vector only.
double UnpackedFactor(const Shape& shape, const Target& target) {
  const double lines = static_cast<double>(shape.reduction_last) * target.line_bytes;
  double factor = 1.0;
  if (shape.vector_row_stride >= 4096 && shape.vector_row_stride % 4096 == 0) {
    factor = 0.5;
  } else if (shape.vector_row_stride >= 2048 && shape.vector_row_stride % 1024 == 0) {
    factor = lines > static_cast<double>(target.l1_bytes) / 2 ? 0.75 : 0.95;
  }
  if (shape.vector_bytes > static_cast<double>(target.l2_bytes) / 2) factor *= 0.75;
  return factor;
}

// Copying costs about six vector operations an element vector, once; every row tile uses it again.
double PackFactor(double uses, bool strided) { return uses / (uses + (strided ? 12.0 : 5.0)); }

std::vector<int64_t> RowCandidates(int64_t extent) {
  std::vector<int64_t> rows;
  for (const int64_t r : {8, 6, 7, 12, 14, 10, 9, 4, 16, 5, 11, 13, 3, 2, 1}) {
    if (r <= extent) rows.push_back(r);
  }
  return rows;
}

std::vector<int64_t> ColumnCandidates(int64_t extent, int lanes) {
  std::vector<int64_t> cols;
  if (extent < lanes) {
    int64_t width = 1;  // the largest power of two that fits: a part of a register
    while (width * 2 <= extent) width *= 2;
    cols.push_back(width);
    if (lanes <= extent * 2) cols.push_back(lanes);  // padded up
    return cols;
  }
  // Powers of two only: LLVM splits other vector lengths into scalars.
  for (const int64_t vectors : {2, 4, 1}) {
    if (vectors == 1 || vectors * lanes < extent + lanes) cols.push_back(vectors * lanes);
  }
  // Part of a register, where whole ones would leave a rest.
  for (int64_t part = lanes / 2; extent % lanes != 0 && part >= 4; part /= 2) {
    if (extent % part == 0) {
      cols.push_back(part);
      break;
    }
  }
  return cols;
}

std::vector<int64_t> UnrollCandidates(int64_t extent, TailMode tail) {
  if (tail == TailMode::kPartition) return {1};  // partitioning multiplies the body
  if (extent <= 8) return {extent};
  std::vector<int64_t> unroll;
  for (const int64_t u : {4, 2, 1, 8, 7, 5, 6, 3}) {
    if (u == 1 || extent % u == 0 || (tail == TailMode::kPad && (u == 4 || u == 2)))
      unroll.push_back(u);
  }
  return unroll;
}

}  // namespace

double RegisterTileEfficiency(int64_t rows, int64_t vectors, const Target& target) {
  const auto r = static_cast<double>(rows);
  const auto v = static_cast<double>(vectors);
  const double accumulators = r * v;
  const double fma_cycles = accumulators / target.fma_units;
  // Two loads a cycle: `vectors` of the vector operand, one broadcast a row.
  const double load_cycles = (v + r) / 2 * 1.15;
  const double latency_cycles = 6;  // four of the unit, and room for the loop around it
  double efficiency = fma_cycles / std::max({fma_cycles, load_cycles, latency_cycles});
  // More live values than registers: accumulators move to the stack.
  const double live = accumulators + v + 1;
  if (live > target.vector_registers) efficiency *= 0.45 * target.vector_registers / live;
  // Larger tiles leave longer write-backs and remainders.
  return efficiency * (1 - 0.002 * accumulators);
}

int InnerReduction(const BlockView& block, const BlockAnalysis& analysis) {
  for (size_t r = analysis.reduction.size(); r > 0; --r) {
    if (block.iters[static_cast<size_t>(analysis.reduction[r - 1])].extent > 1)
      return analysis.reduction[r - 1];
  }
  return analysis.reduction.back();
}

std::string ContractionChoice::Describe(const BlockView& block) const {
  std::string text = fmt::format("{}: {}x{} register tile, vectors along {}", block.name, rows,
                                 cols, block.iters[static_cast<size_t>(axes.vector_iter)].name);
  if (reduce_inside)
    return fmt::format("{}: partial sums in vector lanes along the reduction", block.name);
  if (k_unroll > 1) text += fmt::format(", reduction unrolled by {}", k_unroll);
  if (pack == PackMode::kPanel)
    text += fmt::format(", operand packed in panels of {}", panels * cols);
  if (pack == PackMode::kWhole) text += ", operand packed as a whole";
  if (pack_rows) text += ", rows packed";
  if (rows_outer) text += ", rows outermost";
  if (tail == TailMode::kPad) text += ", padded";
  if (tail == TailMode::kPartition) text += ", loops partitioned";
  return text;
}

std::vector<ContractionChoice> RankContractionChoices(const ProgramView& program,
                                                      const BlockAnalysis& analysis,
                                                      const Target& target) {
  std::vector<ContractionChoice> choices;
  const std::vector<TileAxes> ranked_axes = RankTileAxes(program, analysis, target);
  for (size_t a = 0; a < ranked_axes.size() && a < 6; ++a) {
    const TileAxes& axes = ranked_axes[a];
    const Shape shape = DescribeShape(program, analysis, axes, target);
    const bool strided = axes.vector_access == VectorAccess::kStrided;
    if (axes.row_iter < 0) {  // matrix times vector: limited by memory, one pass over the operand
      ContractionChoice choice;
      choice.axes = axes;
      choice.reduce_inside = strided;
      choice.cols =
          std::min<int64_t>(ColumnCandidates(shape.cols, shape.lanes).back(), shape.lanes);
      choice.score = axes.score;
      for (const int64_t unroll : {4, 2, 8, 1}) {
        if (strided ? shape.reduction_last < unroll * shape.lanes ||
                          shape.reduction_last % (unroll * shape.lanes) != 0
                    : shape.reduction_last % unroll != 0)
          continue;
        choice.k_unroll = unroll;
        choice.tail =
            shape.cols % choice.cols == 0 || strided ? TailMode::kNone : TailMode::kPartition;
        choice.score = axes.score * (unroll == 4 ? 1 : 0.95) * (strided ? 1.1 : 1.0);
        choices.push_back(choice);
      }
      continue;
    }
    for (const int64_t cols : ColumnCandidates(shape.cols, shape.lanes)) {
      for (const int64_t rows : RowCandidates(shape.rows)) {
        const int64_t vectors = std::max<int64_t>(1, cols / shape.lanes);
        const double tile = RegisterTileEfficiency(rows, vectors, target);
        if (rows * vectors > 2 * target.vector_registers) continue;
        const bool divides = shape.rows % rows == 0 && shape.cols % cols == 0;
        std::vector<TailMode> tails;
        if (divides) {
          tails = {TailMode::kNone};
        } else {
          if (shape.pad_possible) tails.push_back(TailMode::kPad);
          tails.push_back(TailMode::kPartition);
        }
        for (const TailMode tail : tails) {
          if (tail == TailMode::kPartition && rows > 8) continue;
          for (const int64_t unroll : UnrollCandidates(shape.reduction_last, tail)) {
            for (const PackMode pack : {PackMode::kPanel, PackMode::kNone, PackMode::kWhole}) {
              if (pack == PackMode::kNone && strided) continue;
              if (pack != PackMode::kNone && !shape.panel_possible) continue;
              if (pack == PackMode::kWhole && (shape.cols % cols != 0 || tail == TailMode::kPad))
                continue;
              ContractionChoice choice;
              choice.axes = axes;
              choice.rows = rows;
              choice.cols = cols;
              choice.k_unroll = unroll;
              choice.pack = pack;
              choice.tail = tail;
              double score = axes.score * tile * UnrollFactor(unroll, rows * vectors);
              if (cols < shape.lanes) score *= 0.2 + 0.8 * static_cast<double>(cols) / shape.lanes;
              const double uses = shape.rows_total;
              if (pack == PackMode::kNone) {
                score *= shape.rows <= rows ? 1.0 : UnpackedFactor(shape, target);
              } else {
                score *= PackFactor(uses, strided) * (pack == PackMode::kWhole ? 0.96 : 1.0);
              }
              if (tail == TailMode::kPad)
                score *= 0.94 * UsedShare(shape.rows, rows) * UsedShare(shape.cols, cols);
              if (tail == TailMode::kPartition) {
                const double full = static_cast<double>(shape.rows / rows * rows) /
                                    static_cast<double>(shape.rows) *
                                    static_cast<double>(shape.cols / cols * cols) /
                                    static_cast<double>(shape.cols);
                score *= 0.9 / (1 + 6 * (1 - full));
              }
              const bool window_rows = axes.vector_operand >= 0 &&
                                       analysis.operands[static_cast<size_t>(axes.vector_operand)]
                                           .uses[static_cast<size_t>(axes.row_iter)];
              if (window_rows && rows * vectors > 8) continue;
              choice.pack_rows = shape.row_strided_in_k && tail != TailMode::kPad &&
                                 shape.rows % rows == 0 &&
                                 (shape.row_bytes > static_cast<double>(target.l2_bytes) / 2 ||
                                  static_cast<double>(shape.rows) * 4 >= 4096);
              choice.score = score;
              choices.push_back(choice);
              if (pack == PackMode::kPanel && shape.cols % (4 * cols) == 0 &&
                  tail == TailMode::kNone && !strided) {
                choice.panels = 4;
                const bool streams = shape.row_bytes > static_cast<double>(target.l2_bytes);
                choice.score = score * (streams ? 1.02 : 0.97);
                choices.push_back(choice);
                choice.panels = 1;
              }
              choice.rows_outer = true;
              choice.score = score * (pack == PackMode::kPanel ? 0.5 : 0.97);
              choices.push_back(choice);
              if (shape.row_strided_in_k && tail == TailMode::kNone) {
                choice.rows_outer = false;
                choice.pack_rows = !choice.pack_rows;
                choice.score = score * 0.93;
                choices.push_back(choice);
              }
            }
          }
        }
      }
    }
  }
  std::stable_sort(
      choices.begin(), choices.end(),
      [](const ContractionChoice& x, const ContractionChoice& y) { return x.score > y.score; });
  constexpr size_t kMost = 400;
  if (choices.size() > kMost) choices.resize(kMost);
  return choices;
}

}  // namespace banyan
