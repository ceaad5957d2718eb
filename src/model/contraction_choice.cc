#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "model/contraction_emitter.h"
#include "model/contraction_sketch.h"
#include "model/register_tile.h"

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
  if (body > 128) return base * 0.85;
  return base * (k_unroll > 4 ? 0.985 : 1.0);
}

struct Shape {
  int64_t rows = 1, cols = 1, reduction_last = 1;
  int lanes = 1;
  double vector_bytes = 0;     // of the whole vector operand
  double row_bytes = 0;        // of the whole row operand
  int64_t vector_element = 4;  // bytes of an element of the vector operand
  int64_t row_element = 4;
  int64_t vector_row_stride = 0;  // bytes between two reduction steps of the vector operand
  int64_t row_stride = 0;         // bytes between two rows of the row operand
  bool row_strided_in_k =
      false;  // the row operand moves along rows faster than along the reduction
  bool panel_possible = false;
  bool pad_possible = false;
  double rows_total = 1;  // how often a packed element is used
  int64_t reduction_total = 1;
  bool window = false;          // the vector operand is no plain tensor of iters
  bool pad_name_free = true;    // the vector operand's padded copy has a name of its own
  bool window_rows = false;     // and it moves along the rows, too
  bool rows_blockable = false;  // the row operand can lie in blocks of rows x a vector
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
  std::set<int> read_buffers;
  for (const OperandAnalysis& operand : analysis.operands) read_buffers.insert(operand.buffer);
  shape.reduction_last = block.iters[static_cast<size_t>(k)].extent;
  shape.reduction_total = analysis.reduction_extent;
  shape.pad_possible = block.multiply_add;
  std::vector<int64_t> extents;
  for (const IterView& iter : block.iters) extents.push_back(iter.extent);
  for (size_t o = 0; o < analysis.operands.size(); ++o) {
    const OperandAnalysis& operand = analysis.operands[o];
    const AccessView& read = block.reads[static_cast<size_t>(operand.read)];
    const BufferView& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
    const int64_t element = (buffer.element_bits + 7) / 8;
    shape.pad_possible = shape.pad_possible && operand.simple;
    if (static_cast<int>(o) == axes.vector_operand) {
      shape.vector_element = element;
      shape.vector_bytes = static_cast<double>(FootprintBytes(program, block, read, extents));
      for (const int r : analysis.reduction)
        shape.vector_row_stride =
            std::max(shape.vector_row_stride, std::abs(StrideAlong(read, buffer, r)) * element);
      shape.panel_possible = operand.simple;
      shape.window = !operand.simple;
      shape.pad_name_free = PadNameIsFree(program, operand.buffer);
      shape.window_rows = axes.row_iter >= 0 && operand.uses[static_cast<size_t>(axes.row_iter)];
      for (const int s : analysis.spatial) {
        if (s != axes.vector_iter && !operand.uses[static_cast<size_t>(s)])
          shape.rows_total *= static_cast<double>(block.iters[static_cast<size_t>(s)].extent);
      }
    }
    if (static_cast<int>(o) == axes.row_operand && axes.row_iter >= 0) {
      shape.row_element = element;
      shape.row_bytes = static_cast<double>(FootprintBytes(program, block, read, extents));
      shape.row_stride = std::abs(StrideAlong(read, buffer, axes.row_iter)) * element;
      const int64_t k_stride = std::abs(StrideAlong(read, buffer, k)) * element;
      // One copy is laid out for all reads of a buffer; and it copies the whole buffer.
      const int m_dim = DimOf(read, axes.row_iter);
      const int k_dim = DimOf(read, k);
      const bool whole = m_dim >= 0 && k_dim >= 0 &&
                         buffer.shape[static_cast<size_t>(m_dim)] == shape.rows &&
                         buffer.shape[static_cast<size_t>(k_dim)] == shape.reduction_last;
      const int lanes = std::max(shape.lanes, target.lanes(buffer.element_bits));
      shape.rows_blockable = operand.simple && k_stride == element && shape.row_stride > element &&
                             shape.reduction_last % lanes == 0 && shape.reduction_last > lanes &&
                             whole && read_buffers.size() == analysis.operands.size();
      shape.row_strided_in_k = operand.simple && shape.row_stride == element && k_stride > element;
      shape.vector_row_stride = std::max<int64_t>(shape.vector_row_stride, 0);
    }
  }
  return shape;
}

// Vectors read with a large power-of-two stride fall into few cache sets, and what lies beyond L2
// is late: every line is waited for in part, once for all rows of the tile.
double UnpackedFactor(const Shape& shape, int64_t rows, int64_t cols, const Target& target) {
  if (shape.window) return 0.97;  // neighbouring rows and steps of the window share their lines
  if (cols >= shape.cols) return 1.0;  // read in its own order
  const double lines = static_cast<double>(shape.reduction_last) * target.line_bytes;
  const int64_t way_bytes = std::max<int64_t>(1, target.l1_bytes / std::max(1, target.l1_ways));
  double waits = 0;  // cycles a vector
  if (shape.vector_row_stride >= way_bytes && shape.vector_row_stride % way_bytes == 0) {
    waits = 3;
  } else if (shape.vector_row_stride >= way_bytes / 2 &&
             shape.vector_row_stride % (way_bytes / 4) == 0) {
    waits = lines > static_cast<double>(target.l1_bytes) / 2 ? 1 : 0.2;
  }
  if (shape.vector_bytes > static_cast<double>(target.l2_bytes) / 2) waits += 1;
  const double cycles = static_cast<double>(rows) / std::max(1, target.fma_units);
  return cycles / (cycles + waits);
}

constexpr int64_t kPageBytes = 4096;

// Rows of a tile that lie a multiple of a cache way apart share its sets.
double RowConflictFactor(const Shape& shape, int64_t rows, const Target& target) {
  if (shape.row_stride <= 0) return 1.0;
  const int64_t way_bytes = std::max<int64_t>(1, target.l1_bytes / std::max(1, target.l1_ways));
  const int64_t sets = way_bytes / std::gcd(way_bytes, shape.row_stride);
  const int64_t room = sets * target.l1_ways;
  if (rows > room) return 0.6;
  if (rows * 2 > room) return 0.95;
  // Each row is a stream of its own: 5 to 8 % on products of 64 to 128 rows.
  return rows >= 4 && shape.row_stride >= kPageBytes / 4 ? 0.95 : 1.0;
}

// Copying costs about six vector operations an element vector, once; every row tile uses it again.
double PackFactor(double uses, bool strided) { return uses / (uses + (strided ? 12.0 : 5.0)); }

struct Columns {
  int64_t cols = 1;
  int64_t groups = 1;
};

// Whole registers side by side. LLVM keeps powers of two in registers only: three are a loop.
std::vector<Columns> ColumnCandidates(int64_t extent, int lanes) {
  std::vector<Columns> columns;
  if (extent < lanes) {
    int64_t width = 1;  // the largest power of two that fits: a part of a register
    while (width * 2 <= extent) width *= 2;
    columns.push_back({width, 1});
    if (lanes < extent * 2) columns.push_back({lanes, 1});  // padded up
    return columns;
  }
  for (const int64_t vectors : {4, 3, 2, 1}) {
    if (vectors == 1 || vectors * lanes < extent + lanes)
      columns.push_back({vectors * lanes, vectors == 3 ? 3 : 1});
  }
  // Part of a register, where whole ones would leave a rest.
  for (int64_t part = lanes / 2; extent % lanes != 0 && part >= 4; part /= 2) {
    if (extent % part == 0) {
      columns.push_back({part, 1});
      break;
    }
  }
  return columns;
}

std::vector<int64_t> UnrollCandidates(int64_t extent, TailMode tail, bool few_rows, bool narrow) {
  if (tail == TailMode::kPartition && !few_rows) return {1};  // partitioning multiplies the body
  const int64_t most = tail == TailMode::kPartition ? 4 : 8;
  std::vector<int64_t> unroll;
  if (extent <= most) unroll.push_back(extent);
  if (narrow && tail == TailMode::kNone && extent > most && extent % most == 0)
    unroll.push_back(most);  // one vector a row: short bodies
  for (const int64_t u : {4, 2, 8, 7, 5, 6, 3, 1}) {
    if (u > most || u >= extent) continue;
    if (u == 1 || extent % u == 0 || (tail == TailMode::kPad && u == 4)) unroll.push_back(u);
    if (unroll.size() >= 2) break;
  }
  if (unroll.empty()) unroll.push_back(1);
  return unroll;
}

// One block's choices: every axis, tile, rest, unrolling and packing that fits, with its score.
class Ranking {
 public:
  Ranking(const ProgramView& program, const BlockAnalysis& analysis, const Target& target)
      : program_(program), analysis_(analysis), target_(target) {}

  void AddAxes(const TileAxes& axes) {
    choice_ = ContractionChoice{};
    choice_.axes = axes;
    shape_ = DescribeShape(program_, analysis_, axes, target_);
    strided_ = axes.vector_access == VectorAccess::kStrided;
    if (axes.row_iter < 0) {
      if (!axes.gathers) AddVectorProduct();
      return;
    }
    std::vector<Columns> candidates = ColumnCandidates(shape_.cols, shape_.lanes);
    if (axes.most_cols > 0) candidates.insert(candidates.end(), {{8, 1}, {4, 1}});
    if (axes.gathers) candidates = {{std::min<int64_t>(shape_.cols, 4) >= 4 ? 4 : 1, 1}};
    for (const Columns& columns : candidates) {
      if (columns.cols > std::max<int64_t>(shape_.cols, shape_.lanes)) continue;
      if (axes.most_cols > 0 && axes.most_cols % columns.cols != 0) continue;
      choice_.cols = columns.cols;
      choice_.groups = columns.groups;
      const int64_t vectors = std::max<int64_t>(1, columns.cols / shape_.lanes);
      for (int64_t rows = 1; rows <= std::min<int64_t>(shape_.rows, 16); ++rows) {
        // A quarter of the registers is for operands.
        if (rows * vectors > target_.vector_registers * 3 / 4) break;
        if (shape_.window_rows && rows * vectors > 8) break;
        choice_.rows = rows;
        AddTile(vectors);
      }
    }
  }

  // Dot products of rows that lie along the reduction with a few columns.
  void AddDots() {
    constexpr int64_t kMostColumns = 8;
    constexpr int64_t kLeastReduction = 80;
    const BlockView& block = program_.blocks[static_cast<size_t>(analysis_.block)];
    if (analysis_.reduction.size() != 1 || analysis_.operands.size() != 2) return;
    const int k = analysis_.reduction.front();
    const int64_t depth = block.iters[static_cast<size_t>(k)].extent;
    const int bits =
        program_.buffers[static_cast<size_t>(block.writes.front().buffer)].element_bits;
    const int lanes = std::max(1, target_.lanes(bits));
    if (depth < kLeastReduction || depth % lanes != 0 || block.combiner != "add") return;
    for (int row = 0; row < 2; ++row) {
      const OperandAnalysis& rows = analysis_.operands[static_cast<size_t>(row)];
      const OperandAnalysis& columns = analysis_.operands[static_cast<size_t>(1 - row)];
      int m = -1;
      int n = -1;
      bool plain = rows.simple && columns.simple;
      for (const int iter : analysis_.spatial) {
        const auto i = static_cast<size_t>(iter);
        if (block.iters[i].extent == 1) continue;
        if (rows.uses[i] && columns.uses[i]) continue;
        int& place = rows.uses[i] ? m : n;
        plain = plain && place < 0;
        place = iter;
      }
      if (!plain || m < 0 || n < 0) continue;
      const int64_t few = block.iters[static_cast<size_t>(n)].extent;
      const int64_t many = block.iters[static_cast<size_t>(m)].extent;
      const AccessView& read = block.reads[static_cast<size_t>(rows.read)];
      if (few > kMostColumns || many < 4 ||
          AccessAlong(read, program_.buffers[static_cast<size_t>(rows.buffer)], k) !=
              VectorAccess::kContiguous)
        continue;
      for (const int64_t tile : {4, 3, 2, 5, 1}) {
        if (many % tile != 0 || (few > 4 && tile > 2)) continue;
        choice_ = ContractionChoice{};
        choice_.axes = {
            .vector_iter = n, .row_iter = m, .vector_operand = 1 - row, .row_operand = row};
        choice_.rows = tile;
        choice_.cols = few;
        choice_.dot = true;
        Add(tile == 1 ? 0.3 : 0.5);
        break;
      }
    }
  }

  std::vector<ContractionChoice> Take(size_t most) {
    std::stable_sort(
        choices_.begin(), choices_.end(),
        [](const ContractionChoice& x, const ContractionChoice& y) { return x.score > y.score; });
    if (choices_.size() > most) choices_.resize(most);
    return std::move(choices_);
  }

 private:
  // Matrix times vector: limited by memory, one pass over the operand.
  void AddVectorProduct() {
    const TileAxes& axes = choice_.axes;
    if (strided_) return AddPartialSums();
    const int64_t columns = ColumnCandidates(shape_.cols, shape_.lanes).back().cols;
    choice_.cols = std::min<int64_t>(columns, shape_.lanes);
    while (choice_.cols > shape_.cols) choice_.cols /= 2;
    for (const int64_t unroll : {4, 2, 8, 1}) {
      if (shape_.reduction_last % unroll != 0) continue;
      choice_.k_unroll = unroll;
      choice_.tail = shape_.cols % choice_.cols == 0 ? TailMode::kNone : TailMode::kPartition;
      Add(axes.score * (unroll == 4 ? 1 : unroll == 2 ? 0.98 : 0.93));
    }
  }

  // The matrix lies along the reduction: `cols` lanes of partial sums.
  void AddPartialSums() {
    choice_.reduce_inside = true;
    double score = choice_.axes.score * 1.1;
    for (const int64_t vectors : {4, 2, 8, 1}) {
      choice_.cols = vectors * shape_.lanes;
      if (shape_.reduction_last % choice_.cols != 0) continue;
      Add(score);
      score *= 0.97;
    }
    if (shape_.reduction_last % shape_.lanes == 0) return;
    for (int64_t part = shape_.lanes / 2; part >= 4; part /= 2) {
      choice_.cols = part;
      if (shape_.reduction_last % part != 0) continue;
      Add(score * 0.8);
      break;
    }
    // Else the operands are padded while they are copied, row by row.
    if (!shape_.pad_possible || shape_.reduction_last < 2 * shape_.lanes) return;
    choice_.tail = TailMode::kPad;
    for (const int64_t vectors : {2, 1}) {
      choice_.cols = vectors * shape_.lanes;
      Add(score * 0.7);
    }
  }

  void AddTile(int64_t vectors) {
    const int64_t rows = choice_.rows;
    const int64_t cols = choice_.cols;
    const bool rows_divide = shape_.rows % rows == 0;
    const bool cols_divide = shape_.cols % cols == 0;
    // Rows that do not divide are worth it for a large enough tile only.
    if (!rows_divide && rows < std::min<int64_t>(shape_.rows, 4)) return;
    double tile = RegisterTileEfficiency(rows, vectors, target_);
    if (cols < shape_.lanes) tile *= 0.2 + 0.8 * static_cast<double>(cols) / shape_.lanes;
    std::vector<TailMode> tails = {TailMode::kNone};
    if (!rows_divide || !cols_divide) {
      tails.clear();
      if (shape_.pad_possible) tails.push_back(TailMode::kPad);
      if (rows <= 8 && cols <= shape_.cols) tails.push_back(TailMode::kPartition);
    }
    for (const TailMode tail : tails) {
      choice_.tail = tail;
      for (const int64_t unroll :
           UnrollCandidates(shape_.reduction_last, tail, rows_divide && shape_.rows <= 8,
                            vectors == 1 && rows >= 8)) {
        if (choice_.axes.gathers && unroll > 3) continue;
        choice_.k_unroll = unroll;
        AddPacking(choice_.axes.score * tile * UnrollFactor(unroll, rows * vectors) * TailFactor());
      }
    }
  }

  double TailFactor() const {
    if (choice_.tail == TailMode::kNone) return 1;
    if (choice_.tail == TailMode::kPad) {
      // All that is padded is copied, the row operand too: a use for every column tile.
      const double uses = static_cast<double>(shape_.cols);
      return 0.94 * UsedShare(shape_.rows, choice_.rows) * UsedShare(shape_.cols, choice_.cols) *
             uses / (uses + 4);
    }
    const double full = static_cast<double>(shape_.rows / choice_.rows * choice_.rows) /
                        static_cast<double>(shape_.rows) *
                        static_cast<double>(shape_.cols / choice_.cols * choice_.cols) /
                        static_cast<double>(shape_.cols);
    return 0.9 / (1 + 6 * (1 - full));
  }

  void AddPacking(double score) {
    const bool streams = shape_.row_bytes > static_cast<double>(target_.l2_bytes);
    const bool pack_rows = shape_.row_strided_in_k && choice_.tail != TailMode::kPad &&
                           shape_.rows % choice_.rows == 0;
    const bool rows_conflict = shape_.row_bytes > static_cast<double>(target_.l2_bytes) / 2 ||
                               shape_.rows * shape_.row_element >= kPageBytes;
    const bool one_row_tile = shape_.rows_total <= static_cast<double>(choice_.rows);
    const bool padded_columns =
        choice_.tail == TailMode::kPad &&
        (shape_.cols % choice_.cols != 0 || shape_.reduction_last % choice_.k_unroll != 0);
    for (const PackMode pack : {PackMode::kPanel, PackMode::kNone, PackMode::kWhole}) {
      const bool gathers = choice_.axes.gathers;
      if (padded_columns && !shape_.pad_name_free) continue;
      if (pack == PackMode::kNone && !gathers && (strided_ || padded_columns)) continue;
      if (pack != PackMode::kNone && (gathers || !shape_.panel_possible)) continue;
      if (pack == PackMode::kWhole &&
          (choice_.tail == TailMode::kPad || choice_.groups > 1 || shape_.cols % choice_.cols != 0))
        continue;
      choice_.pack = pack;
      choice_.rows_outer = false;
      choice_.pack_rows = pack_rows && rows_conflict;
      double here = score;
      if (pack == PackMode::kNone) {
        here *= one_row_tile ? 1.0 : UnpackedFactor(shape_, choice_.rows, choice_.cols, target_);
      } else {
        here *= PackFactor(shape_.rows_total, strided_) * (pack == PackMode::kWhole ? 0.96 : 1.0);
      }
      if (pack != PackMode::kWhole) AddBlockedRows(here);
      here *= RowConflictFactor(shape_, choice_.rows, target_);
      Add(here);
      if (pack == PackMode::kPanel && choice_.tail == TailMode::kNone && !strided_) {
        AddWidePanels(here, streams);
        AddShallowPanels(here);
      }
      if (pack != PackMode::kPanel) {
        choice_.rows_outer = true;
        Add(here * (shape_.window_rows ? 1.05 : 0.97));  // a window is swept row by row
        choice_.rows_outer = false;
      }
      if (pack_rows && choice_.tail == TailMode::kNone) {
        choice_.pack_rows = !choice_.pack_rows;
        Add(here * 0.93);
      }
    }
  }

  void AddBlockedRows(double score) {
    const int64_t rows = choice_.rows;
    // Columns that do not divide touch no row.
    const bool divides = choice_.tail == TailMode::kNone ||
                         (choice_.tail == TailMode::kPartition && shape_.rows % rows == 0);
    if (!shape_.rows_blockable || !divides || choice_.pack_rows || rows < 4 ||
        shape_.rows % rows != 0)
      return;
    // The copy is made by one core.
    const auto uses = static_cast<double>(shape_.cols);
    score *= uses / (uses + 4.0 * std::max(1, target_.cores));
    if (choice_.tail == TailMode::kNone && (rows & (rows - 1)) == 0 &&
        shape_.lanes % choice_.k_unroll == 0) {
      choice_.row_blocks = RowBlocks::kVectors;
      Add(score);
    }
    choice_.row_blocks = RowBlocks::kInterleaved;
    Add(score * 0.99);  // written element by element
    choice_.row_blocks = RowBlocks::kNone;
  }

  // Panels of several column tiles, as long as they stay in L2.
  void AddWidePanels(double score, bool streams) {
    for (const int64_t panels : {4, 2}) {
      const auto bytes = static_cast<double>(shape_.reduction_total * panels * choice_.cols *
                                             shape_.vector_element);
      if (shape_.cols % (panels * choice_.cols) != 0 ||
          bytes > static_cast<double>(target_.l2_bytes) / 2)
        continue;
      choice_.panels = panels;
      Add(score * (streams ? 1.02 : 0.97));
      choice_.panels = 1;
      break;
    }
  }

  // Of weights beyond the caches whose rows lie pages apart, for a few rows (16 rows, 5120 x 8192:
  // 1.55x with 32 steps, 1.3x with 64 on a CPU with 512 KB of L2).
  void AddShallowPanels(double score) {
    constexpr double kFewRows = 32;
    const bool large = shape_.vector_bytes > 8 * static_cast<double>(target_.l2_bytes) &&
                       shape_.vector_row_stride >= 2 * kPageBytes;
    if (!large || shape_.rows_total > kFewRows || target_.cores > 1 || choice_.pack_rows ||
        analysis_.reduction.size() != 1 || !choice_.axes.output_contiguous)
      return;
    for (const int64_t depth : {32, 64}) {
      if (shape_.reduction_last % depth != 0 || shape_.reduction_last < 8 * depth) continue;
      if (depth % choice_.k_unroll != 0) continue;
      choice_.depth = depth;
      Add(score * (depth == 32 ? 1.5 : 1.3));
    }
    choice_.depth = 0;
  }

  void Add(double score) {
    choice_.score = score;
    choices_.push_back(choice_);
  }

  const ProgramView& program_;
  const BlockAnalysis& analysis_;
  const Target& target_;
  ContractionChoice choice_;
  Shape shape_;
  bool strided_ = false;
  std::vector<ContractionChoice> choices_;
};

}  // namespace

bool PadNameIsFree(const ProgramView& program, int buffer) {
  return std::none_of(program.blocks.begin(), program.blocks.end(), [&](const BlockView& block) {
    return block.is_reduction && !block.writes.empty() && block.writes.front().buffer == buffer;
  });
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
  if (dot)
    return fmt::format("{}: dot products of {} rows at a time, partial sums in vector lanes",
                       block.name, rows);
  if (reduce_inside)
    return fmt::format("{}: partial sums in vector lanes along the reduction", block.name);
  if (k_unroll > 1) text += fmt::format(", reduction unrolled by {}", k_unroll);
  if (pack == PackMode::kPanel)
    text += fmt::format(", operand packed in panels of {}", panels * cols);
  if (depth > 0) text += fmt::format(", {} steps of the reduction at a time", depth);
  if (pack == PackMode::kWhole) text += ", operand packed as a whole";
  if (pack_rows) text += ", rows packed";
  if (row_blocks == RowBlocks::kVectors) text += ", rows in blocks";
  if (row_blocks == RowBlocks::kInterleaved) text += ", rows interleaved";
  if (rows_outer) text += ", rows outermost";
  if (tail == TailMode::kPad) text += ", padded";
  if (tail == TailMode::kPartition) text += ", loops partitioned";
  return text;
}

std::vector<ContractionChoice> RankContractionChoices(const ProgramView& program,
                                                      const BlockAnalysis& analysis,
                                                      const Target& target) {
  constexpr size_t kMostAxes = 6;
  constexpr size_t kMostChoices = 400;
  Ranking ranking(program, analysis, target);
  const std::vector<TileAxes> ranked = RankTileAxes(program, analysis, target);
  for (size_t a = 0; a < std::min(ranked.size(), kMostAxes); ++a) {
    if (ranked[a].score < 0.1 * ranked.front().score) break;
    ranking.AddAxes(ranked[a]);
  }
  ranking.AddDots();
  return ranking.Take(kMostChoices);
}

}  // namespace banyan
