#include <fmt/format.h>

#include <algorithm>

#include "model/contraction_emitter.h"
#include "model/simple_sketch.h"

namespace banyan {
namespace {

std::string Relative(const std::string& loop, const std::string& block) {
  const std::string prefix = block + ".";
  return loop.rfind(prefix, 0) == 0 ? loop.substr(prefix.size()) : std::string();
}

// Schedules without a register tile: sweeps and dot products.
class VectorEmitter : public ContractionEmitter {
 public:
  using ContractionEmitter::ContractionEmitter;

  // Matrix times vector, the matrix contiguous along the result: sweep it once in its own order and
  // accumulate in place; the result stays in L1.
  void Sweep() {
    const int n_iter = choice_.axes.vector_iter;
    const int inner = InnerReduction(block_, analysis_);
    const std::string k = Iter(inner);
    const std::string n = Iter(n_iter);
    std::vector<std::string> order = OuterLoops({n_iter});
    if (chunk_.iter >= 0) {
      order.erase(std::remove(order.begin(), order.end(), Iter(chunk_.iter)), order.end());
      order.insert(order.begin(), Iter(chunk_.iter));
    }
    std::string parallel = target_.cores > 1 ? FirstParallel({n_iter}) : std::string();
    // Without an outer loop, each core sweeps columns of its own.
    const int64_t vectors = block_.iters[static_cast<size_t>(n_iter)].extent / choice_.cols;
    const bool chunks = target_.cores > 1 && parallel.empty() && choice_.tail == TailMode::kNone &&
                        vectors % target_.cores == 0 && vectors > target_.cores;
    PlanBuilder::Factors factors = {{n, {choice_.cols}}};
    std::string n_outer = n + ".0";
    std::string n_inner = n + ".1";
    if (chunks) {
      factors = {{n, {vectors / target_.cores, choice_.cols}}};
      order.push_back(n_outer);
      parallel = n_outer;
      n_outer = n + ".1";
      n_inner = n + ".2";
    }
    const bool split_k = choice_.k_unroll > 1 && !ChunkedReduction();
    const size_t first = ChunkedReduction() ? 0 : order.size();
    for (const int iter : analysis_.reduction) {
      if (iter != inner) order.push_back(Iter(iter));
    }
    if (split_k) factors.push_back({k, {choice_.k_unroll}});
    if (!ChunkedReduction()) order.push_back(split_k ? k + ".0" : k);
    const std::string first_reduction = order[first];
    order.push_back(n_outer);
    if (split_k) order.push_back(k + ".1");
    order.push_back(n_inner);
    plan_->Tile(name_, factors, order);
    plan_->Vectorize(Full(n_inner));
    if (split_k) plan_->Unroll(Full(k + ".1"));
    if (choice_.tail == TailMode::kPartition)
      plan_->Annotate(Full(n_outer), "pragma_loop_partition_hint", 1);
    if (!parallel.empty()) plan_->Parallelize(Full(parallel));
    plan_->SplitInit(name_, Full(first_reduction));
  }

  // Few columns: the tile's partial sums stay in registers, lanes last, and are added up row by
  // row.
  void Dots() {
    const int k = analysis_.reduction.front();
    const int lanes = std::max(1, target_.lanes(OutputBits()));
    const AccessView& columns = Operand(choice_.axes.vector_operand);
    const BufferView& buffer = OperandBuffer(choice_.axes.vector_operand);
    if (AccessAlong(columns, buffer, k) == VectorAccess::kStrided) {
      const std::string pack = fmt::format("{}_in_{}", buffer.name, name_);
      plan_->Pack(name_, buffer.name, MoveLast(buffer.shape.size(), DimOf(columns, k)), {}, pack);
    }
    const PartialSums sums = StartPartialSums(program_, analysis_, k, lanes, plan_,
                                              static_cast<int>(write_.indices.size()));
    const auto partial = [&](const std::string& loop) { return sums.partial + "." + loop; };
    const std::string& row = block_.iters[static_cast<size_t>(choice_.axes.row_iter)].name;
    const std::string& column = block_.iters[static_cast<size_t>(choice_.axes.vector_iter)].name;
    std::vector<std::string> order;
    for (const std::string& loop : sums.spatial) {
      if (loop != row && loop != column) order.push_back(loop);
    }
    const std::string outer = choice_.rows > 1 ? row + ".0" : row;
    order.push_back(outer);
    order.push_back(sums.reduction.front());
    if (choice_.rows > 1) order.push_back(row + ".1");
    order.push_back(column);
    order.push_back(sums.lanes);
    plan_->Tile(
        sums.partial,
        choice_.rows > 1 ? PlanBuilder::Factors{{row, {choice_.rows}}} : PlanBuilder::Factors{},
        order);
    plan_->FuseConsumer(name_, partial(outer));
    if (choice_.rows > 1) plan_->Unroll(partial(row + ".1"));
    plan_->Unroll(partial(column));
    if (choice_.rows > 1) plan_->Unroll(Full(row));
    plan_->Unroll(Full(column));
    plan_->Unroll(Full(sums.rest));
    if (target_.cores > 1) {
      const std::string batch = FirstParallel({choice_.axes.row_iter, choice_.axes.vector_iter});
      const auto m = static_cast<size_t>(choice_.axes.row_iter);
      if (!batch.empty()) plan_->Parallelize(partial(batch));
      if (batch.empty() && block_.iters[m].extent > choice_.rows)
        plan_->Parallelize(partial(outer));
    }
    FinishPartialSums(sums, true, plan_);
  }

  // Matrix times vector, the matrix contiguous along the reduction: lanes hold partial sums.
  void ReduceInside() {
    const int k = InnerReduction(block_, analysis_);
    if (choice_.tail == TailMode::kPad)
      plan_->PadOperands(name_, {{block_.iters[static_cast<size_t>(k)].name, choice_.cols}});
    EmitPartialSums(program_, analysis_, k, choice_.cols, target_, plan_);
    const std::string rows = OuterRows();
    const int operand = choice_.axes.vector_operand;
    const int buffer = analysis_.operands[static_cast<size_t>(operand)].buffer;
    if (choice_.tail == TailMode::kPad && !rows.empty() &&
        PadNameIsFree(program_, buffer))  // each row is copied just before its use
      plan_->FuseProducer(OperandBuffer(operand).name + "_pad", name_ + "_partial." + rows);
  }

 private:
  std::vector<std::string> OuterLoops(const std::vector<int>& except) const {
    std::vector<std::string> loops;
    for (const int iter : analysis_.spatial) {
      if (std::find(except.begin(), except.end(), iter) == except.end())
        loops.push_back(Iter(iter));
    }
    return loops;
  }

  // The innermost loop of the result, by its iter's name; empty: a single number.
  std::string OuterRows() const {
    if (analysis_.spatial.empty()) return {};
    return block_.iters[static_cast<size_t>(analysis_.spatial.back())].name;
  }

  // The first loop of a spatial iter with work for every core; empty: none.
  std::string FirstParallel(const std::vector<int>& except) const {
    for (const int iter : analysis_.spatial) {
      if (block_.iters[static_cast<size_t>(iter)].extent >= target_.cores &&
          std::find(except.begin(), except.end(), iter) == except.end())
        return Iter(iter);
    }
    return {};
  }
};

}  // namespace

std::string CopyLoop(const std::string& block, int dim) {
  return fmt::format("{}.v{}", block, dim);
}

std::string LoopOfIter(const ProgramView& program, const BlockView& block, int iter) {
  const IterView& view = block.iters[static_cast<size_t>(iter)];
  std::string found;
  for (size_t l = 0; l < block.loops.size() && l < view.binding.coefficients.size(); ++l) {
    if (view.binding.coefficients[l] == 0) continue;
    const LoopView& loop = program.loops[static_cast<size_t>(block.loops[l])];
    if (!found.empty() || view.binding.coefficients[l] != 1 || loop.extent != view.extent)
      return {};
    found = Relative(loop.name, block.name);
  }
  return found;
}

bool HasPlainLoops(const ProgramView& program, const BlockView& block) {
  if (block.loops.size() != block.iters.size()) return false;
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (LoopOfIter(program, block, static_cast<int>(i)).empty()) return false;
  }
  return !block.has_predicate;
}

bool CanChunk(const ProgramView& program, const BlockAnalysis& analysis,
              const ContractionChoice& choice, const OuterChunk& outer) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  if (choice.dot || choice.reduce_inside || choice.depth > 0) return false;
  if (choice.tail != TailMode::kNone) return false;
  const bool reduction = block.iters[static_cast<size_t>(outer.iter)].kind == IterKind::kReduction;
  if (reduction && outer.iter != InnerReduction(block, analysis)) return false;
  if (choice.axes.row_iter < 0) return outer.chunk == 1 && outer.iter != choice.axes.vector_iter;
  if (!reduction)
    return outer.chunk == 1 && outer.iter != choice.axes.vector_iter &&
           outer.iter != choice.axes.row_iter;
  // Sums in place inside a loop over several column tiles take LLVM tens of seconds.
  return choice.panels == 1 && outer.chunk % choice.k_unroll == 0 && outer.chunk > choice.k_unroll;
}

std::string ChunkLoop(const ProgramView& program, const BlockAnalysis& analysis,
                      const OuterChunk& outer) {
  const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
  const std::string loop = block.name + "." + LoopOfIter(program, block, outer.iter);
  return outer.chunk > 1 ? loop + ".0" : loop;
}

void EmitContraction(const ProgramView& program, const BlockAnalysis& analysis,
                     const ContractionChoice& choice, const ContractionNeighbours& neighbours,
                     const Target& target, PlanBuilder* plan, const OuterChunk& outer) {
  VectorEmitter emitter(program, analysis, choice, neighbours, target, plan, outer);
  if (choice.dot) {
    emitter.Dots();
  } else if (choice.axes.row_iter >= 0) {
    EmitTiled(program, analysis, choice, neighbours, target, plan, outer);
  } else if (choice.reduce_inside) {
    emitter.ReduceInside();
  } else {
    emitter.Sweep();
  }
}

}  // namespace banyan
