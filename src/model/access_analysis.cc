#include "model/access_analysis.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace banyan {
namespace {

bool IsSimple(const AccessView& access) {
  std::vector<bool> seen;
  for (const LinearForm& index : access.indices) {
    int used = 0;
    for (size_t k = 0; k < index.coefficients.size(); ++k) {
      if (index.coefficients[k] == 0) continue;
      if (index.coefficients[k] != 1) return false;
      if (seen.size() < index.coefficients.size()) seen.resize(index.coefficients.size(), false);
      if (seen[k]) return false;
      seen[k] = true;
      ++used;
    }
    if (!index.affine || used > 1 || (used == 1 && index.constant != 0)) return false;
  }
  return true;
}

bool SameAccess(const AccessView& a, const AccessView& b) {
  if (a.buffer != b.buffer || a.indices.size() != b.indices.size()) return false;
  for (size_t d = 0; d < a.indices.size(); ++d) {
    if (a.indices[d].coefficients != b.indices[d].coefficients) return false;
    if (a.indices[d].constant != b.indices[d].constant) return false;
  }
  return true;
}

bool MovesWith(const AccessView& access, int iter) {
  return std::any_of(access.indices.begin(), access.indices.end(), [&](const LinearForm& index) {
    return index.uses(static_cast<size_t>(iter));
  });
}

const OperandAnalysis& Operand(const BlockAnalysis& analysis, int operand) {
  return analysis.operands[static_cast<size_t>(operand)];
}

// Grouped operands, as in grouped convolution: an index v / size * r_extent + r, v a result iter
// and r a reduction iter, stands still while v stays in its group. The size of a group is not in
// the picture, but follows from the extents. 0: not so.
int64_t GroupSize(const BlockView& block, const AccessView& access, const BufferView& buffer,
                  int iter) {
  const auto v = static_cast<size_t>(iter);
  int64_t size = 0;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const LinearForm& index = access.indices[d];
    if (!index.uses(v)) continue;
    if (index.affine || size != 0) return 0;
    int64_t reduced = 0;
    for (size_t k = 0; k < block.iters.size(); ++k) {
      if (k == v || !index.uses(k)) continue;
      if (block.iters[k].kind != IterKind::kReduction || reduced != 0) return 0;
      reduced = block.iters[k].extent;
    }
    if (reduced == 0 || buffer.shape[d] % reduced != 0) return 0;
    const int64_t groups = buffer.shape[d] / reduced;
    if (groups < 2 || block.iters[v].extent % groups != 0) return 0;
    size = block.iters[v].extent / groups;
  }
  return size;
}

// Vectors along an iter whose extent is not a multiple of the vector length lose part of every row.
double LaneUse(int64_t extent, int lanes) {
  const int64_t padded = (extent + lanes - 1) / lanes * lanes;
  return static_cast<double>(extent) / static_cast<double>(padded);
}

}  // namespace

bool BlockAnalysis::is_batch(int iter) const {
  return std::find(batch.begin(), batch.end(), iter) != batch.end();
}

VectorAccess AccessAlong(const AccessView& access, const BufferView& buffer, int iter) {
  const auto k = static_cast<size_t>(iter);
  if (!MovesWith(access, iter)) return VectorAccess::kInvariant;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const LinearForm& index = access.indices[d];
    if (!index.uses(k)) continue;
    const bool last = d + 1 == access.indices.size();
    if (!last && buffer.shape[d] != 1) return VectorAccess::kStrided;
    if (!index.affine || index.coefficients[k] != 1) return VectorAccess::kStrided;
  }
  return VectorAccess::kContiguous;
}

int64_t StrideAlong(const AccessView& access, const BufferView& buffer, int iter) {
  const std::vector<int64_t> strides = buffer.strides();
  int64_t stride = 0;
  for (size_t d = 0; d < access.indices.size() && d < strides.size(); ++d) {
    if (access.indices[d].uses(static_cast<size_t>(iter)))
      stride += access.indices[d].coefficients[static_cast<size_t>(iter)] * strides[d];
  }
  return stride;
}

int64_t FootprintBytes(const ProgramView& program, const BlockView& block, const AccessView& access,
                       const std::vector<int64_t>& iter_extents) {
  const BufferView& buffer = program.buffers[static_cast<size_t>(access.buffer)];
  int64_t elements = 1;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    int64_t span = 1;
    const LinearForm& index = access.indices[d];
    for (size_t k = 0; k < block.iters.size() && k < index.coefficients.size(); ++k)
      span += std::abs(index.coefficients[k]) * (iter_extents[k] - 1);
    if (!index.affine) span = buffer.shape[d];
    elements *= std::clamp<int64_t>(span, 1, buffer.shape[d]);
  }
  return elements * ((buffer.element_bits + 7) / 8);
}

BlockAnalysis AnalyseBlock(const ProgramView& program, int block_index) {
  const BlockView& block = program.blocks[static_cast<size_t>(block_index)];
  BlockAnalysis analysis;
  analysis.block = block_index;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    const IterView& iter = block.iters[i];
    if (iter.kind == IterKind::kReduction) {
      analysis.reduction.push_back(static_cast<int>(i));
      analysis.reduction_extent *= iter.extent;
    } else {
      analysis.spatial.push_back(static_cast<int>(i));
      analysis.spatial_extent *= iter.extent;
    }
  }
  analysis.flops = block.flops_per_iteration * static_cast<double>(analysis.spatial_extent) *
                   static_cast<double>(analysis.reduction_extent);
  for (size_t r = 0; r < block.reads.size(); ++r) {
    const AccessView& read = block.reads[r];
    const bool known = std::any_of(
        analysis.operands.begin(), analysis.operands.end(), [&](const OperandAnalysis& operand) {
          return SameAccess(block.reads[static_cast<size_t>(operand.read)], read);
        });
    if (known || read.buffer < 0) continue;
    OperandAnalysis operand;
    operand.buffer = read.buffer;
    operand.read = static_cast<int>(r);
    operand.simple = IsSimple(read);
    for (size_t i = 0; i < block.iters.size(); ++i)
      operand.uses.push_back(MovesWith(read, static_cast<int>(i)));
    analysis.operands.push_back(std::move(operand));
  }
  if (block.opaque || block.writes.size() != 1 || analysis.spatial.empty()) {
    analysis.block_class = block.opaque || block.writes.size() != 1 ? BlockClass::kOpaque
                           : analysis.reduction.empty()             ? BlockClass::kPointwise
                                                                    : BlockClass::kReduction;
    return analysis;
  }
  for (const int iter : analysis.spatial) {
    if (block.iters[static_cast<size_t>(iter)].extent == 1) continue;
    const bool all = std::all_of(
        analysis.operands.begin(), analysis.operands.end(),
        [&](const OperandAnalysis& operand) { return operand.uses[static_cast<size_t>(iter)]; });
    if (all) analysis.batch.push_back(iter);
  }
  if (analysis.reduction.empty()) {
    analysis.block_class = BlockClass::kPointwise;
    return analysis;
  }
  // Reuse: some operand stands still along some spatial iter, and another one moves with it.
  bool reuse = false;
  for (const int iter : analysis.spatial) {
    if (block.iters[static_cast<size_t>(iter)].extent == 1) continue;
    int moving = 0;
    for (const OperandAnalysis& operand : analysis.operands)
      moving += operand.uses[static_cast<size_t>(iter)] ? 1 : 0;
    reuse = reuse || (moving > 0 && moving < static_cast<int>(analysis.operands.size()));
  }
  analysis.block_class =
      reuse && analysis.operands.size() >= 2 ? BlockClass::kContraction : BlockClass::kReduction;
  return analysis;
}

std::vector<BlockAnalysis> AnalyseProgram(const ProgramView& program) {
  std::vector<BlockAnalysis> all;
  all.reserve(program.blocks.size());
  for (size_t b = 0; b < program.blocks.size(); ++b)
    all.push_back(AnalyseBlock(program, static_cast<int>(b)));
  return all;
}

std::vector<TileAxes> RankTileAxes(const ProgramView& program, const BlockAnalysis& analysis,
                                   const Target& target) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  std::vector<TileAxes> ranked;
  if (block.writes.empty()) return ranked;
  const AccessView& write = block.writes.front();
  const BufferView& output = program.buffers[static_cast<size_t>(write.buffer)];
  const int lanes = std::max(1, target.lanes(output.element_bits));

  for (const int vector_iter : analysis.spatial) {
    const auto v = static_cast<size_t>(vector_iter);
    const int64_t vector_extent = block.iters[v].extent;
    if (vector_extent == 1 && analysis.spatial.size() > 1 && analysis.spatial_extent > 1) continue;
    // The vector operand: the one that moves with the vector iter and is read most often.
    int vector_operand = -1;
    VectorAccess access = VectorAccess::kInvariant;
    int moving = 0;
    bool unpackable = false;
    int strided = 0;
    int64_t most_cols = 0;
    for (size_t o = 0; o < analysis.operands.size(); ++o) {
      const OperandAnalysis& operand = analysis.operands[o];
      if (!operand.uses[v]) continue;
      const AccessView& grouped = block.reads[static_cast<size_t>(operand.read)];
      const int64_t group = GroupSize(
          block, grouped, program.buffers[static_cast<size_t>(operand.buffer)], vector_iter);
      if (group > 1) {
        most_cols = group;
        continue;
      }
      ++moving;
      const AccessView& read = block.reads[static_cast<size_t>(operand.read)];
      const VectorAccess here =
          AccessAlong(read, program.buffers[static_cast<size_t>(operand.buffer)], vector_iter);
      if (vector_operand < 0 || here == VectorAccess::kStrided) {
        vector_operand = static_cast<int>(o);
        access = here;
      }
      strided += here == VectorAccess::kStrided ? 1 : 0;
      if (here == VectorAccess::kStrided && !operand.simple) {
        // A window (2*x + rx) cannot be repacked so that x becomes contiguous; an index that is the
        // iter alone can, whatever the other dimensions do.
        bool alone = false;
        for (const LinearForm& index : read.indices) {
          if (!index.uses(v)) continue;
          int used = 0;
          for (const int64_t c : index.coefficients) used += c != 0 ? 1 : 0;
          alone = index.affine && used == 1 && index.coefficients[v] == 1;
        }
        unpackable = unpackable || !alone;
      }
    }
    if (moving == 0) continue;
    unpackable = unpackable || strided > 1;  // one operand is packed, the other ones are gathered
    const VectorAccess out = AccessAlong(write, output, vector_iter);
    std::vector<int> rows = {-1};
    for (const int row : analysis.spatial) {
      if (row == vector_iter || block.iters[static_cast<size_t>(row)].extent == 1) continue;
      const bool moves =
          vector_operand >= 0 && Operand(analysis, vector_operand).uses[static_cast<size_t>(row)];
      // Without reuse of the vector, rows still reuse the other operand where the vector operand is
      // a window.
      if (moves && Operand(analysis, vector_operand).simple) continue;
      rows.push_back(row);
    }
    int64_t nearest = 0;  // smallest step of the result along a row candidate
    for (const int row : rows) {
      if (row < 0) continue;
      const int64_t step = std::abs(StrideAlong(write, output, row));
      if (step > 0 && (nearest == 0 || step < nearest)) nearest = step;
    }
    for (const int row : rows) {
      TileAxes axes;
      axes.vector_iter = vector_iter;
      axes.row_iter = row;
      axes.vector_operand = vector_operand;
      axes.vector_access = access;
      axes.gathers = unpackable;
      axes.most_cols = most_cols;
      axes.output_contiguous = out == VectorAccess::kContiguous;
      for (size_t o = 0; o < analysis.operands.size(); ++o) {
        if (row >= 0 && analysis.operands[o].uses[static_cast<size_t>(row)] &&
            static_cast<int>(o) != vector_operand)
          axes.row_operand = static_cast<int>(o);
      }
      double score = LaneUse(vector_extent, lanes);
      if (vector_extent < lanes) score *= 0.7;
      if (row < 0) {
        // Right for a matrix times a vector; a window has more to reuse.
        const bool window = vector_operand >= 0 && !Operand(analysis, vector_operand).simple;
        score *= window ? 0.1 : 0.3;
      } else {
        // Rows that lie side by side share cache lines, in the operand and in the result.
        if (std::abs(StrideAlong(write, output, row)) > nearest) score *= 0.9;
        score *= std::min(
            1.0, 0.4 + 0.1 * static_cast<double>(block.iters[static_cast<size_t>(row)].extent));
        if (vector_operand >= 0 && Operand(analysis, vector_operand).uses[static_cast<size_t>(row)])
          score *= 0.5;
      }
      const auto reduction = static_cast<double>(analysis.reduction_extent);
      if (access == VectorAccess::kStrided) score *= unpackable ? 0.05 : 0.9;  // a packing pass
      // Writing a tile back by single elements costs about 16 element stores for each vector.
      if (!axes.output_contiguous) score *= reduction / (reduction + 6.0 * lanes);
      axes.score = score;
      ranked.push_back(axes);
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const TileAxes& a, const TileAxes& b) { return a.score > b.score; });
  return ranked;
}

}  // namespace banyan
