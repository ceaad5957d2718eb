#include "model/register_tile.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/json.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

using Extents = std::map<std::string, int64_t>;  // by loop name, instead of the program's

// The sizes that a tile step gives to the parts of its loops.
Extents PartExtents(const Step& tile, const std::string& block) {
  Extents extents;
  for (const auto& [loop, sizes] : tile.args["factors"].items()) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      extents[block + "." + loop + "." + std::to_string(i + 1)] = sizes[i].get<int64_t>();
    }
  }
  return extents;
}

int64_t ExtentOf(const LoopView& loop, const Extents& extents) {
  const auto changed = extents.find(loop.name);
  return changed == extents.end() ? loop.extent : changed->second;
}

int SpatialIterOf(const BlockView& block, size_t position) {
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind == IterKind::kSpatial && block.iters[i].binding.uses(position))
      return static_cast<int>(i);
  }
  return -1;
}

// 0: no vectors of accumulators.
double TileEfficiency(const ProgramView& program, const BlockView& block, const Target& target,
                      const Extents& extents) {
  int64_t rows = 1;
  int64_t cols = 1;
  int vector_iter = -1;
  for (size_t position = block.loops.size(); position > 0; --position) {
    const LoopView& loop = program.loops[static_cast<size_t>(block.loops[position - 1])];
    if (loop.kind != LoopKind::kUnrolled && loop.kind != LoopKind::kVectorized) break;
    const int iter = SpatialIterOf(block, position - 1);
    if (loop.kind == LoopKind::kVectorized) vector_iter = iter;
    if (iter < 0) continue;
    (iter == vector_iter ? cols : rows) *= ExtentOf(loop, extents);
  }
  if (vector_iter < 0) return 0;
  const int64_t lanes = std::max(1, target.lanes(ElementBits(program, block)));
  const double filled = std::min(1.0, static_cast<double>(cols) / static_cast<double>(lanes));
  return filled * RegisterTileEfficiency(rows, (cols + lanes - 1) / lanes, target);
}

// The one iter that an index is; -1: anything else.
int PlainIter(const LinearForm& index) {
  int found = -1;
  for (size_t i = 0; i < index.coefficients.size(); ++i) {
    if (index.coefficients[i] == 0) continue;
    if (!index.affine || index.coefficients[i] != 1 || found >= 0) return -1;
    found = static_cast<int>(i);
  }
  return found;
}

// How much of an iter the loops from `first` on cover: the product of their extents.
int64_t Covered(const ProgramView& program, const BlockView& block, int iter, size_t first,
                const Extents& extents) {
  int64_t product = 1;
  for (size_t l = first; l < block.loops.size(); ++l) {
    if (block.iters[static_cast<size_t>(iter)].binding.uses(l))
      product *= ExtentOf(program.loops[static_cast<size_t>(block.loops[l])], extents);
  }
  return product;
}

// Extents of a producer's own loops where it is computed inside loops of `consumer`, whose sizes
// change: of each dimension it makes as much as the consumer takes at a time.
Extents ProducerExtents(const ProgramView& program, const BlockView& consumer,
                        const BlockView& producer, const Extents& extents) {
  size_t shared = 0;
  while (shared < consumer.loops.size() && shared < producer.loops.size() &&
         consumer.loops[shared] == producer.loops[shared]) {
    ++shared;
  }
  Extents changed;
  if (shared == 0 || producer.writes.empty()) return changed;
  const AccessView& write = producer.writes.front();
  for (const AccessView& read : consumer.reads) {
    if (read.buffer != write.buffer || read.indices.size() != write.indices.size()) continue;
    for (size_t d = 0; d < read.indices.size(); ++d) {
      const int taken = PlainIter(read.indices[d]);
      const int made = PlainIter(write.indices[d]);
      if (taken < 0 || made < 0) continue;
      const int64_t now = Covered(program, consumer, taken, shared, {});
      const int64_t then = Covered(program, consumer, taken, shared, extents);
      int loop = -1;
      int drivers = 0;
      for (size_t l = shared; l < producer.loops.size(); ++l) {
        if (!producer.iters[static_cast<size_t>(made)].binding.uses(l)) continue;
        loop = producer.loops[l];
        ++drivers;
      }
      if (drivers != 1) continue;  // cut by sizes of its own
      const LoopView& view = program.loops[static_cast<size_t>(loop)];
      if (view.extent == now) changed[view.name] = then;
    }
  }
  return changed;
}

bool OnlySizesDiffer(const Step& before, const Step& after) {
  if (before.op != "tile" || after.op != "tile") return false;
  Json other = after.args;
  other["factors"] = before.args["factors"];
  if (other != before.args || after.args["factors"].size() != before.args["factors"].size())
    return false;
  for (const auto& [loop, sizes] : before.args["factors"].items()) {
    const auto found = after.args["factors"].find(loop);
    if (found == after.args["factors"].end() || found->size() != sizes.size()) return false;
  }
  return true;
}

}  // namespace

double RegisterTileEfficiency(int64_t rows, int64_t vectors, const Target& target) {
  const auto r = static_cast<double>(rows);
  const auto v = static_cast<double>(vectors);
  const double accumulators = r * v;
  const double fma_cycles = accumulators / target.fma_units;
  // `vectors` loads of the vector operand and one broadcast a row share the machine's width with
  // the multiply-adds; the weight is fitted to timings of 6x4, 8x3, 12x2, 8x2, 4x4 and 16x1 tiles.
  const double load_share = (v + r) / accumulators;
  // A multiply-add takes four cycles, and the loop around it some.
  const double latency_cycles = 5.75;
  // One unit leaves the loads twice the time.
  const double load_weight = 0.12 * target.fma_units;
  double efficiency = std::min(1.0, fma_cycles / latency_cycles) / (1 + load_weight * load_share);
  // More live values than registers: accumulators move to the stack.
  const double live = accumulators + v + 1;
  if (live > target.vector_registers) efficiency *= 0.45 * target.vector_registers / live;
  return efficiency;
}

double RegisterTileGain(const ProgramView& program, const Target& target, const Step& before,
                        const Step& after) {
  if (!OnlySizesDiffer(before, after)) return 1;
  const int index = program.FindBlock(before.args.value("block", ""));
  if (index < 0) return 1;
  const BlockView& tiled = program.blocks[static_cast<size_t>(index)];
  const Extents extents = PartExtents(after, tiled.name);
  double gain = 1;
  const auto multiply = [&](const BlockView& block, const Extents& changed) {
    if (!block.multiply_add || changed.empty()) return;
    const double now = TileEfficiency(program, block, target, {});
    const double then = TileEfficiency(program, block, target, changed);
    if (now > 0 && then > 0) gain *= then / now;
  };
  multiply(tiled, extents);
  for (const int producer : tiled.producers) {
    const BlockView& block = program.blocks[static_cast<size_t>(producer)];
    multiply(block, ProducerExtents(program, tiled, block, extents));
  }
  return gain;
}

}  // namespace banyan
