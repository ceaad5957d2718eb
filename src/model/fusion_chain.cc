#include "model/fusion_chain.h"

#include <algorithm>
#include <optional>

#include "model/contraction_sketch.h"

namespace banyan {
namespace {

// The dimension that `iter` alone moves along, one element a step; nullopt: there is none, or the
// iter occurs elsewhere too.
std::optional<size_t> PlainDim(const AccessView& access, int iter) {
  std::optional<size_t> dim;
  for (size_t d = 0; d < access.indices.size(); ++d) {
    const LinearForm& index = access.indices[d];
    if (!index.uses(static_cast<size_t>(iter))) continue;
    const auto others = std::count_if(index.coefficients.begin(), index.coefficients.end(),
                                      [](int64_t coefficient) { return coefficient != 0; });
    if (dim || !index.affine || index.constant != 0 || others != 1 ||
        index.coefficients[static_cast<size_t>(iter)] != 1)
      return std::nullopt;
    dim = d;
  }
  return dim;
}

// The iter of `block` that writes dimension `dim` of its result, in steps of one; -1: none.
int WriterOf(const BlockView& block, size_t dim) {
  if (block.writes.size() != 1 || dim >= block.writes.front().indices.size()) return -1;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (block.iters[i].kind == IterKind::kSpatial &&
        PlainDim(block.writes.front(), static_cast<int>(i)) == dim)
      return static_cast<int>(i);
  }
  return -1;
}

FusionChain TraceChain(const ProgramView& program, const std::vector<BlockAnalysis>& analyses,
                       const std::function<bool(int)>& movable, int consumer, int iter) {
  FusionChain chain;
  chain.consumer = consumer;
  chain.iter = iter;
  std::vector<int> moves(program.blocks.size(), -1);  // the iter of a block that moves
  moves[static_cast<size_t>(consumer)] = iter;
  for (int b = consumer - 1; b >= 0; --b) {
    const BlockView& block = program.blocks[static_cast<size_t>(b)];
    if (!movable(b) || block.writes.size() != 1 || block.consumers.empty()) continue;
    int found = -2;  // not known yet
    for (const int c : block.consumers) {
      const int moving = moves[static_cast<size_t>(c)];
      if (moving < 0) found = -1;
      for (const AccessView& read : program.blocks[static_cast<size_t>(c)].reads) {
        if (read.buffer != block.writes.front().buffer || found == -1) continue;
        const auto dim = PlainDim(read, moving);
        const int writer = dim ? WriterOf(block, *dim) : -1;
        found = found == -2 || found == writer ? writer : -1;
      }
    }
    if (found < 0 ||
        block.iters[static_cast<size_t>(found)].extent !=
            program.blocks[static_cast<size_t>(consumer)].iters[static_cast<size_t>(iter)].extent)
      continue;
    moves[static_cast<size_t>(b)] = found;
    chain.members.insert(chain.members.begin(), {b, found});
    chain.flops += analyses[static_cast<size_t>(b)].flops;
  }
  return chain;
}

// Bytes that one step of the moving iter adds to the members' results.
int64_t StepBytes(const ProgramView& program, const FusionChain& chain) {
  int64_t bytes = 0;
  for (const FusionChain::Member& member : chain.members) {
    const BlockView& block = program.blocks[static_cast<size_t>(member.block)];
    bytes += program.buffers[static_cast<size_t>(block.writes.front().buffer)].bytes() /
             block.iters[static_cast<size_t>(member.iter)].extent;
  }
  return bytes;
}

}  // namespace

bool FusionChain::Has(int block) const {
  return std::any_of(members.begin(), members.end(),
                     [&](const Member& member) { return member.block == block; });
}

std::vector<FusionChain> FindFusionChains(const ProgramView& program,
                                          const std::vector<BlockAnalysis>& analyses,
                                          const std::function<bool(int)>& may_lead,
                                          const std::function<bool(int)>& movable,
                                          const Target& target) {
  constexpr int64_t kVectorsInChunk = 4;  // the widest register tile
  std::vector<FusionChain> chains;
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    if (!may_lead(static_cast<int>(b))) continue;
    const BlockView& block = program.blocks[b];
    const BlockAnalysis& analysis = analyses[b];
    for (size_t i = 0; i < block.iters.size(); ++i) {
      const auto iter = static_cast<int>(i);
      const int64_t extent = block.iters[i].extent;
      const bool reduction = block.iters[i].kind == IterKind::kReduction;
      if (extent == 1 || (!reduction && !analysis.is_batch(iter))) continue;
      FusionChain chain = TraceChain(program, analyses, movable, static_cast<int>(b), iter);
      if (chain.flops < analysis.flops / 4) continue;
      // One step is a piece where nothing is reused along the iter, or where it is outer in the
      // members' results, which together are too large for the cache.
      const int64_t most = target.l2_bytes / 2 / std::max<int64_t>(1, StepBytes(program, chain));
      const bool steps = std::all_of(
          chain.members.begin(), chain.members.end(), [&](const FusionChain::Member& member) {
            const BlockView& other = program.blocks[static_cast<size_t>(member.block)];
            const BlockAnalysis& use = analyses[static_cast<size_t>(member.block)];
            const AccessView& write = other.writes.front();
            const bool outer = !write.indices.back().uses(static_cast<size_t>(member.iter));
            return use.block_class != BlockClass::kContraction || use.is_batch(member.iter) ||
                   (outer && most < extent);
          });
      if (steps) {
        chains.push_back(std::move(chain));
        continue;
      }
      if (!reduction) continue;
      const BufferView& result = program.buffers[static_cast<size_t>(block.writes.front().buffer)];
      const int64_t unit = kVectorsInChunk * std::max(1, target.lanes(result.element_bits));
      int offered = 0;
      for (int64_t chunk = most / unit * unit; chunk >= unit && offered < 2; chunk -= unit) {
        if (extent % chunk != 0 || chunk == extent) continue;
        chain.chunk = chunk;
        chains.push_back(chain);
        ++offered;
      }
    }
  }
  std::stable_sort(chains.begin(), chains.end(),
                   [](const FusionChain& x, const FusionChain& y) { return x.flops > y.flops; });
  return chains;
}

ProgramView MovedProgram(const ProgramView& program, const FusionChain& chain) {
  ProgramView moved = program;
  for (const FusionChain::Member& member : chain.members) {
    BlockView& block = moved.blocks[static_cast<size_t>(member.block)];
    const std::string name = LoopOfIter(program, block, member.iter);
    const int loop = program.FindLoop(block.name + "." + name);
    block.iters[static_cast<size_t>(member.iter)].extent = chain.chunk;
    moved.loops[static_cast<size_t>(loop)].extent = chain.chunk;
    for (size_t l = block.loops.size(); l-- > 0;) {
      if (moved.loops[static_cast<size_t>(block.loops[l])].extent != 1) continue;
      block.loops.erase(block.loops.begin() + static_cast<std::ptrdiff_t>(l));
      for (IterView& iter : block.iters) {
        if (l < iter.binding.coefficients.size())
          iter.binding.coefficients.erase(iter.binding.coefficients.begin() +
                                          static_cast<std::ptrdiff_t>(l));
      }
    }
  }
  return moved;
}

}  // namespace banyan
