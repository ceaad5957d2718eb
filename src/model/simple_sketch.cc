#include "model/simple_sketch.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/contraction_sketch.h"

namespace banyan {
namespace {

struct Widths {
  int64_t width = 1;
  bool divides = true;
};

// Vector widths for an extent, best first: whole registers that divide, parts of one that do, and
// last whole registers with a rest.
std::vector<Widths> WidthCandidates(int64_t extent, int lanes) {
  std::vector<Widths> widths;
  for (const int64_t vectors : {2, 1, 4}) {
    if (extent % (vectors * lanes) == 0) widths.push_back({vectors * lanes, true});
  }
  if (widths.empty()) {
    for (int64_t part = lanes / 2; part >= 4; part /= 2) {
      if (extent % part == 0) {
        widths.push_back({part, true});
        break;
      }
    }
    if (extent > 2 * lanes) widths.push_back({lanes, false});
  }
  return widths;
}

// The spatial iter along which the block's result is contiguous, or -1.
int ContiguousIter(const ProgramView& program, const BlockView& block,
                   const BlockAnalysis& analysis) {
  const AccessView& write = block.writes.front();
  const BufferView& output = program.buffers[static_cast<size_t>(write.buffer)];
  for (const int iter : analysis.spatial) {
    if (block.iters[static_cast<size_t>(iter)].extent > 1 &&
        AccessAlong(write, output, iter) == VectorAccess::kContiguous)
      return iter;
  }
  return -1;
}

// A spatial iter other than `iter` along which an operand is contiguous that is not so along
// `iter`, both of some length; -1: none.
int AcrossIter(const ProgramView& program, const BlockView& block, const BlockAnalysis& analysis,
               int iter) {
  constexpr int64_t kShort = 32;
  if (block.iters[static_cast<size_t>(iter)].extent < kShort) return -1;
  for (const OperandAnalysis& operand : analysis.operands) {
    const AccessView& read = block.reads[static_cast<size_t>(operand.read)];
    const BufferView& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
    if (!operand.simple || AccessAlong(read, buffer, iter) != VectorAccess::kStrided) continue;
    for (const int other : analysis.spatial) {
      if (other != iter && block.iters[static_cast<size_t>(other)].extent >= kShort &&
          AccessAlong(read, buffer, other) == VectorAccess::kContiguous)
        return other;
    }
  }
  return -1;
}

// All accesses run through their buffers in the same order as the result: the loops may be fused.
bool SameOrder(const ProgramView& program, const BlockView& block) {
  const AccessView& write = block.writes.front();
  const auto identity = [&](const AccessView& access) {
    const BufferView& buffer = program.buffers[static_cast<size_t>(access.buffer)];
    if (access.indices.size() != block.iters.size()) return false;
    for (size_t d = 0; d < access.indices.size(); ++d) {
      const LinearForm& index = access.indices[d];
      if (!index.affine || index.constant != 0 || buffer.shape[d] != block.iters[d].extent)
        return false;
      for (size_t k = 0; k < index.coefficients.size(); ++k) {
        if (index.coefficients[k] != (k == d ? 1 : 0)) return false;
      }
    }
    return true;
  };
  return identity(write) && std::all_of(block.reads.begin(), block.reads.end(), identity);
}

int64_t TotalExtent(const BlockView& block) {
  int64_t total = 1;
  for (const IterView& iter : block.iters) total *= iter.extent;
  return total;
}

void ParallelOutermost(const ProgramView& program, const BlockView& block, const Target& target,
                       const std::vector<std::string>& order, PlanBuilder* plan) {
  if (target.cores <= 1) return;
  for (const std::string& loop : order) {
    for (size_t i = 0; i < block.iters.size(); ++i) {
      if (LoopOfIter(program, block, static_cast<int>(i)) == loop && block.iters[i].extent > 1 &&
          block.iters[i].kind == IterKind::kSpatial) {
        plan->Parallelize(block.name + "." + loop);
        return;
      }
    }
  }
}

}  // namespace

std::string SimpleChoice::Describe(const BlockView& block) const {
  switch (kind) {
    case Kind::kUntouched:
      return fmt::format("{}: as it is", block.name);
    case Kind::kVectorized:
      return fmt::format("{}: vectors of {} along {}", block.name, width,
                         block.iters[static_cast<size_t>(iter)].name);
    case Kind::kFlattened:
      return fmt::format("{}: loops fused, vectors of {}", block.name, width);
    case Kind::kUnrolled:
      return fmt::format("{}: reduction unrolled", block.name);
    case Kind::kTransposed:
      return fmt::format("{}: tiles of {} x {}", block.name, width, width);
    case Kind::kPartialSums:
      return fmt::format("{}: partial sums in {} lanes along {}", block.name, width,
                         block.iters[static_cast<size_t>(iter)].name);
  }
  return {};
}

std::vector<SimpleChoice> RankSimpleChoices(const ProgramView& program,
                                            const BlockAnalysis& analysis, const Target& target) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  std::vector<SimpleChoice> choices = {SimpleChoice{}};
  // LLVM does well alone, unless results lie across the order of the loops.
  choices.front().score = 0.35;
  if (analysis.block_class == BlockClass::kOpaque || block.writes.size() != 1 ||
      !HasPlainLoops(program, block))
    return choices;
  const BufferView& output = program.buffers[static_cast<size_t>(block.writes.front().buffer)];
  const int lanes = std::max(1, target.lanes(output.element_bits));
  // Vectors of exp, erf, ... become one call a lane with the packing on top: scalar code is faster.
  const int iter = block.has_call ? -1 : ContiguousIter(program, block, analysis);
  if (iter >= 0) {
    // The share of operands that vectors can load as they lie.
    double good = 1;
    for (const OperandAnalysis& operand : analysis.operands) {
      const BufferView& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
      if (AccessAlong(block.reads[static_cast<size_t>(operand.read)], buffer, iter) ==
          VectorAccess::kStrided)
        good *= 0.3;
    }
    double rank = 1;
    for (const Widths& widths :
         WidthCandidates(block.iters[static_cast<size_t>(iter)].extent, lanes)) {
      SimpleChoice choice;
      choice.kind = SimpleChoice::Kind::kVectorized;
      choice.iter = iter;
      choice.width = widths.width;
      choice.unroll = widths.divides ? 1 : 0;  // 0: the loop is partitioned
      choice.score = good * rank * (widths.divides ? 1 : 0.6) * (block.has_condition ? 0.5 : 1);
      choices.push_back(choice);
      rank *= 0.95;
    }
  }
  if (analysis.reduction.empty() && iter >= 0) {
    const int across = AcrossIter(program, block, analysis, iter);
    if (across >= 0) {
      SimpleChoice choice;
      choice.kind = SimpleChoice::Kind::kTransposed;
      choice.iter = iter;
      choice.other = across;
      choice.width = lanes;
      choice.score = 1.1;
      choices.push_back(choice);
    }
  }
  if (analysis.reduction.empty() && !block.has_call && block.iters.size() > 1 &&
      SameOrder(program, block)) {
    for (const Widths& widths : WidthCandidates(TotalExtent(block), lanes)) {
      if (!widths.divides) continue;
      SimpleChoice choice;
      choice.kind = SimpleChoice::Kind::kFlattened;
      choice.width = widths.width;
      choice.score = 0.8;
      choices.push_back(choice);
      break;
    }
  }
  if (!analysis.reduction.empty() && analysis.reduction_extent > 1 &&
      analysis.reduction_extent <= 32) {
    SimpleChoice choice;
    choice.kind = SimpleChoice::Kind::kUnrolled;
    choice.score = 0.36;
    choices.push_back(choice);
  }
  if (!analysis.reduction.empty() && !block.combiner.empty() && block.has_init) {
    const int k = InnerReduction(block, analysis);
    const int64_t extent = block.iters[static_cast<size_t>(k)].extent;
    bool contiguous = !analysis.operands.empty();
    for (const OperandAnalysis& operand : analysis.operands) {
      const BufferView& buffer = program.buffers[static_cast<size_t>(operand.buffer)];
      contiguous = contiguous && AccessAlong(block.reads[static_cast<size_t>(operand.read)], buffer,
                                             k) != VectorAccess::kStrided;
    }
    double rank = 1.2;
    for (const int64_t vectors : {2, 4, 1}) {
      if (!contiguous || extent % (vectors * lanes) != 0) continue;
      SimpleChoice choice;
      choice.kind = SimpleChoice::Kind::kPartialSums;
      choice.iter = k;
      choice.width = vectors * lanes;
      choice.score = rank;
      choices.push_back(choice);
      rank *= 0.95;
    }
  }
  std::stable_sort(choices.begin(), choices.end(),
                   [](const SimpleChoice& a, const SimpleChoice& b) { return a.score > b.score; });
  return choices;
}

void EmitSimple(const ProgramView& program, const BlockAnalysis& analysis,
                const SimpleChoice& choice, const Target& target, PlanBuilder* plan) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  const std::string& name = block.name;
  const auto loop = [&](int iter) { return LoopOfIter(program, block, iter); };
  switch (choice.kind) {
    case SimpleChoice::Kind::kUntouched:
      return;
    case SimpleChoice::Kind::kVectorized: {
      const std::string v = loop(choice.iter);
      std::vector<std::string> order;
      for (const int iter : analysis.spatial) {
        if (iter != choice.iter && !loop(iter).empty()) order.push_back(loop(iter));
      }
      PlanBuilder::Factors factors = {{v, {choice.width}}};
      std::string first_reduction;
      if (analysis.reduction.empty()) {
        order.push_back(v + ".0");
      } else {
        // Memory in its own order: the reduction outside, the results staying in cache.
        const int inner = InnerReduction(block, analysis);
        const std::string k = loop(inner);
        const bool split = block.iters[static_cast<size_t>(inner)].extent % 4 == 0;
        for (const int iter : analysis.reduction)
          order.push_back(loop(iter) + (iter == inner && split ? ".0" : ""));
        first_reduction = order[order.size() - analysis.reduction.size()];
        if (split) factors.push_back({k, {4}});
        order.push_back(v + ".0");
        if (split) {
          order.push_back(k + ".1");
          plan->Unroll(name + "." + k + ".1");
        }
      }
      order.push_back(v + ".1");
      plan->Tile(name, factors, order);
      plan->Vectorize(name + "." + v + ".1");
      if (choice.unroll == 0)
        plan->Annotate(name + "." + v + ".0", "pragma_loop_partition_hint", 1);
      ParallelOutermost(program, block, target, order, plan);
      if (!first_reduction.empty()) plan->SplitInit(name, name + "." + first_reduction);
      return;
    }
    case SimpleChoice::Kind::kFlattened: {
      std::vector<std::string> loops;
      for (size_t i = 0; i < block.iters.size(); ++i)
        loops.push_back(name + "." + loop(static_cast<int>(i)));
      plan->FuseLoops(loops, name + ".flat");
      plan->Tile(name, {{"flat", {choice.width}}}, {});
      plan->Vectorize(name + ".flat.1");
      if (target.cores > 1) plan->Parallelize(name + ".flat.0");
      return;
    }
    case SimpleChoice::Kind::kUnrolled: {
      for (const int iter : analysis.reduction) plan->Unroll(name + "." + loop(iter));
      std::vector<std::string> order;
      for (const int iter : analysis.spatial) order.push_back(loop(iter));
      ParallelOutermost(program, block, target, order, plan);
      return;
    }
    case SimpleChoice::Kind::kTransposed: {
      const std::string v = loop(choice.iter);
      const std::string u = loop(choice.other);
      std::vector<std::string> order;
      for (const int iter : analysis.spatial) {
        if (iter != choice.iter && iter != choice.other) order.push_back(loop(iter));
      }
      order.insert(order.end(), {u + ".0", v + ".0", u + ".1", v + ".1"});
      plan->Tile(name, {{u, {choice.width}}, {v, {choice.width}}}, order);
      const auto divides = [&](int iter) {
        return block.iters[static_cast<size_t>(iter)].extent % choice.width == 0;
      };
      if (divides(choice.iter) && divides(choice.other)) plan->Vectorize(name + "." + v + ".1");
      if (target.cores > 1) plan->Parallelize(name + "." + order.front());
      return;
    }
    case SimpleChoice::Kind::kPartialSums:
      EmitPartialSums(program, analysis, choice.iter, choice.width, target, plan);
      return;
  }
}

PartialSums StartPartialSums(const ProgramView& program, const BlockAnalysis& analysis,
                             int reduction_iter, int64_t width, PlanBuilder* plan, int lanes_axis) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  const std::string k = LoopOfIter(program, block, reduction_iter);
  PartialSums sums;
  sums.partial = block.name + "_partial";
  plan->Tile(block.name, {{k, {width}}}, {});
  plan->RFactor(block.name + "." + k + ".1", lanes_axis, sums.partial);
  for (const int iter : analysis.spatial)
    sums.spatial.push_back(block.iters[static_cast<size_t>(iter)].name);
  // rfactor keeps iters, but calls those of the split loop after its variables.
  const auto variable = [&](int iter) {
    const int loop = program.FindLoop(block.name + "." + LoopOfIter(program, block, iter));
    return "v" + program.loops[static_cast<size_t>(loop)].variable;
  };
  for (const int iter : analysis.reduction)
    sums.reduction.push_back(iter == reduction_iter ? variable(iter) + "_0"
                                                    : block.iters[static_cast<size_t>(iter)].name);
  sums.lanes = variable(reduction_iter) + "_1";
  sums.rest = sums.lanes;
  return sums;
}

void FinishPartialSums(const PartialSums& sums, bool local, PlanBuilder* plan) {
  if (local) plan->LayoutOf(sums.partial, {}, "local");
  plan->Vectorize(sums.partial + "." + sums.lanes);
  plan->SplitInit(sums.partial, sums.partial + "." + sums.reduction.front());
}

void OrderMovedPartialSums(const PartialSums& sums, PlanBuilder* plan) {
  std::vector<std::string> order = sums.reduction;
  order.push_back(sums.lanes);
  plan->Tile(sums.partial, {}, order);
}

void EmitPartialSums(const ProgramView& program, const BlockAnalysis& analysis, int reduction_iter,
                     int64_t width, const Target& target, PlanBuilder* plan) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  const PartialSums sums = StartPartialSums(program, analysis, reduction_iter, width, plan);
  if (!sums.spatial.empty()) {
    // The nest of partial sums is a copy of the block's: spatial loops first, if they are not
    // already.
    std::vector<int> wanted = analysis.spatial;
    wanted.insert(wanted.end(), analysis.reduction.begin(), analysis.reduction.end());
    std::vector<int> present(block.iters.size(), 0);
    for (size_t i = 0; i < block.iters.size(); ++i) {
      const std::string loop = LoopOfIter(program, block, static_cast<int>(i));
      for (size_t l = 0; l < block.loops.size(); ++l) {
        if (program.loops[static_cast<size_t>(block.loops[l])].name == block.name + "." + loop)
          present[l] = static_cast<int>(i);
      }
    }
    if (present != wanted || wanted.back() != reduction_iter) {
      std::vector<std::string> order = sums.spatial;
      order.insert(order.end(), sums.reduction.begin(), sums.reduction.end());
      order.push_back(sums.lanes);
      plan->Tile(sums.partial, {}, order);
    }
    plan->FuseConsumer(block.name, sums.partial + "." + sums.spatial.back());
    plan->Unroll(block.name + "." + sums.rest);
    for (size_t i = 0; target.cores > 1 && i < sums.spatial.size(); ++i) {
      if (block.iters[static_cast<size_t>(analysis.spatial[i])].extent == 1) continue;
      plan->Parallelize(sums.partial + "." + sums.spatial[i]);
      break;
    }
  }
  FinishPartialSums(sums, !sums.spatial.empty(), plan);
}

}  // namespace banyan
