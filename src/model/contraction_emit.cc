#include <fmt/format.h>

#include <algorithm>

#include "model/contraction_sketch.h"
#include "model/simple_sketch.h"

namespace banyan {
namespace {

std::string Relative(const std::string& loop, const std::string& block) {
  const std::string prefix = block + ".";
  return loop.rfind(prefix, 0) == 0 ? loop.substr(prefix.size()) : std::string();
}

// The buffer dimension an iter alone moves along, or -1.
int DimOf(const AccessView& access, int iter) {
  for (size_t d = 0; d < access.indices.size(); ++d) {
    if (access.indices[d].uses(static_cast<size_t>(iter))) return static_cast<int>(d);
  }
  return -1;
}

// A layout that moves one dimension to the end: ["d0", "d2", "d1"].
std::vector<std::string> MoveLast(size_t rank, int dim) {
  std::vector<std::string> layout;
  for (size_t d = 0; d < rank; ++d) {
    if (static_cast<int>(d) != dim) layout.push_back(fmt::format("d{}", d));
  }
  layout.push_back(fmt::format("d{}", dim));
  return layout;
}

// The state of one emission: names, axes and the loops in their final order.
class Emitter {
 public:
  Emitter(const ProgramView& program, const BlockAnalysis& analysis,
          const ContractionChoice& choice, const ContractionNeighbours& neighbours,
          const Target& target, PlanBuilder* plan, const OuterChunk& outer)
      : program_(program),
        analysis_(analysis),
        choice_(choice),
        neighbours_(neighbours),
        target_(target),
        plan_(plan),
        chunk_(outer),
        block_(program.blocks[static_cast<size_t>(analysis.block)]),
        name_(block_.name),
        write_(block_.writes.front()) {}

  void Tiled() {
    if (choice_.tail == TailMode::kPad) Pad();
    const std::string pack = StartPack();
    const std::string row_pack = StartRowPack();
    TileBlock();
    // What sums up over all chunks stays in place between them.
    if (!ChunkedReduction()) WriteBack();
    FinishPack(pack);
    FinishRowPack(row_pack);
    Paddings();
    plan_->Vectorize(Full(vector_inner_));
    if (!group_inner_.empty()) plan_->Unroll(Full(group_inner_));
    if (choice_.axes.row_iter >= 0 && choice_.rows > 1) plan_->Unroll(Full(row_inner_));
    for (const std::string& loop : unrolled_) plan_->Unroll(Full(loop));
    if (choice_.tail == TailMode::kPartition) Partition();
    Parallel();
    plan_->SplitInit(name_, Full(first_reduction_));
  }

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
  std::string Full(const std::string& relative) const { return name_ + "." + relative; }
  std::string Iter(int iter) const { return LoopOfIter(program_, block_, iter); }

  const AccessView& Operand(int operand) const {
    return block_.reads[static_cast<size_t>(analysis_.operands[static_cast<size_t>(operand)].read)];
  }
  const BufferView& OperandBuffer(int operand) const {
    return program_
        .buffers[static_cast<size_t>(analysis_.operands[static_cast<size_t>(operand)].buffer)];
  }
  int OutputBits() const {
    return program_.buffers[static_cast<size_t>(write_.buffer)].element_bits;
  }
  bool ChunkedReduction() const {
    return chunk_.iter >= 0 &&
           block_.iters[static_cast<size_t>(chunk_.iter)].kind == IterKind::kReduction;
  }
  bool PaddedIter(int iter) const {
    if (choice_.tail != TailMode::kPad) return false;
    const int64_t extent = block_.iters[static_cast<size_t>(iter)].extent;
    if (iter == choice_.axes.vector_iter) return extent % choice_.cols != 0;
    if (iter == choice_.axes.row_iter) return extent % choice_.rows != 0;
    if (iter == InnerReduction(block_, analysis_)) return extent % choice_.k_unroll != 0;
    return false;
  }
  bool PaddedAccess(const AccessView& access) const {
    for (size_t i = 0; i < block_.iters.size(); ++i) {
      if (PaddedIter(static_cast<int>(i)) && DimOf(access, static_cast<int>(i)) >= 0) return true;
    }
    return false;
  }

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

  void Pad() {
    std::vector<std::pair<std::string, int64_t>> multiples;
    for (size_t i = 0; i < block_.iters.size(); ++i) {
      if (!PaddedIter(static_cast<int>(i))) continue;
      multiples.emplace_back(block_.iters[i].name,
                             static_cast<int>(i) == choice_.axes.vector_iter ? choice_.cols
                             : static_cast<int>(i) == choice_.axes.row_iter  ? choice_.rows
                                                                             : choice_.k_unroll);
    }
    plan_->PadOperands(name_, multiples);
  }

  // The block that copies the vector operand, or an empty name.
  std::string StartPack() {
    if (choice_.pack == PackMode::kNone || choice_.axes.vector_operand < 0) return {};
    const AccessView& access = Operand(choice_.axes.vector_operand);
    const BufferView& buffer = OperandBuffer(choice_.axes.vector_operand);
    vector_dim_ = DimOf(access, choice_.axes.vector_iter);
    const bool strided = choice_.axes.vector_access == VectorAccess::kStrided;
    if (PaddedAccess(access)) {  // the padded copy is the pack
      if (strided)
        plan_->LayoutOf(buffer.name + "_pad", MoveLast(buffer.shape.size(), vector_dim_), "");
      return buffer.name + "_pad";
    }
    const std::string name = fmt::format("{}_in_{}", buffer.name, name_);
    std::vector<std::string> layout;
    if (choice_.pack == PackMode::kWhole) {
      for (size_t d = 0; d < buffer.shape.size(); ++d) {
        if (static_cast<int>(d) == vector_dim_) {
          layout.insert(layout.begin(), fmt::format("d{}/{}", d, choice_.cols));
        } else {
          layout.push_back(fmt::format("d{}", d));
        }
      }
      layout.push_back(fmt::format("d{}%{}", vector_dim_, choice_.cols));
    } else if (strided) {
      layout = MoveLast(buffer.shape.size(), vector_dim_);
    }
    plan_->Pack(name_, buffer.name, layout, {}, name);
    return name;
  }

  std::string StartRowPack() {
    if (!choice_.pack_rows || choice_.axes.row_operand < 0) return {};
    const AccessView& access = Operand(choice_.axes.row_operand);
    const BufferView& buffer = OperandBuffer(choice_.axes.row_operand);
    row_dim_ = DimOf(access, choice_.axes.row_iter);
    const std::string name = fmt::format("{}_in_{}", buffer.name, name_);
    std::vector<std::string> layout = {fmt::format("d{}/{}", row_dim_, choice_.rows)};
    for (size_t d = 0; d < buffer.shape.size(); ++d) {
      if (static_cast<int>(d) != row_dim_) layout.push_back(fmt::format("d{}", d));
    }
    layout.push_back(fmt::format("d{}%{}", row_dim_, choice_.rows));
    plan_->Pack(name_, buffer.name, layout, {}, name);
    return name;
  }

  void TileBlock() {
    const int n = choice_.axes.vector_iter;
    const int m = choice_.axes.row_iter;
    const std::string n_loop = Iter(n);
    PlanBuilder::Factors factors;
    const bool wide = choice_.panels > 1;
    std::vector<int64_t> widths;
    if (wide) widths.push_back(choice_.panels);
    if (choice_.groups > 1) widths.push_back(choice_.groups);
    widths.push_back(choice_.cols / choice_.groups);
    vector_inner_ = fmt::format("{}.{}", n_loop, widths.size());
    if (choice_.groups > 1) group_inner_ = fmt::format("{}.{}", n_loop, widths.size() - 1);
    factors.push_back({n_loop, std::move(widths)});
    const std::string n_outer = n_loop + ".0";
    pack_at_ = n_outer;
    std::string m_outer;
    if (m >= 0) {
      factors.push_back({Iter(m), {choice_.rows}});
      m_outer = Iter(m) + ".0";
      row_inner_ = Iter(m) + ".1";
    }
    // Loops that the vector operand moves with stay outside its panel, those that reuse it inside.
    std::vector<std::string> order;
    std::vector<std::string> inside;
    for (const int iter : analysis_.spatial) {
      if (iter == n || iter == m || Iter(iter).empty()) continue;
      const bool moves = choice_.axes.vector_operand >= 0 &&
                         analysis_.operands[static_cast<size_t>(choice_.axes.vector_operand)]
                             .uses[static_cast<size_t>(iter)];
      (moves || block_.iters[static_cast<size_t>(iter)].extent == 1 ? order : inside)
          .push_back(Iter(iter));
    }
    if (choice_.rows_outer) {
      if (m >= 0) inside.push_back(m_outer);
      order.insert(order.end(), inside.begin(), inside.end());
      order.push_back(n_outer);
    } else {
      order.push_back(n_outer);
      order.insert(order.end(), inside.begin(), inside.end());
      if (m >= 0) order.push_back(m_outer);
    }
    if (wide) order.push_back(n_loop + ".1");
    if (chunk_.iter >= 0) {
      const std::string first = Iter(chunk_.iter) + (ChunkedReduction() ? ".0" : "");
      order.erase(std::remove(order.begin(), order.end(), first), order.end());
      order.insert(order.begin(), first);
      if (ChunkedReduction()) first_reduction_ = first;
    }
    outer_ = order;
    const int inner = InnerReduction(block_, analysis_);
    std::string innermost;
    for (const int iter : analysis_.reduction) {
      std::string loop = Iter(iter);
      if (iter == chunk_.iter) {  // the innermost reduction, see CanChunk
        if (choice_.k_unroll > 1) {
          factors.push_back({loop, {chunk_.chunk / choice_.k_unroll, choice_.k_unroll}});
          innermost = loop + ".2";
        } else {
          factors.push_back({loop, {chunk_.chunk}});
        }
        order.push_back(loop + ".1");
        continue;
      }
      if (iter == inner && choice_.k_unroll > 1) {
        if (choice_.k_unroll < block_.iters[static_cast<size_t>(iter)].extent ||
            analysis_.reduction.size() == 1) {
          factors.push_back({loop, {choice_.k_unroll}});
          innermost = loop + ".1";
          loop += ".0";
        } else {
          innermost = loop;
          continue;
        }
      }
      order.push_back(loop);
      if (first_reduction_.empty()) first_reduction_ = loop;
    }
    if (!innermost.empty()) {
      order.push_back(innermost);
      unrolled_.push_back(innermost);
      if (first_reduction_.empty()) first_reduction_ = innermost;
    }
    if (m >= 0) order.push_back(row_inner_);
    if (!group_inner_.empty()) order.push_back(group_inner_);
    order.push_back(vector_inner_);
    plan_->Tile(name_, factors, order);
  }

  // Vectors along a loop of a copy that has `extent` iterations: as one if LLVM can keep that in
  // registers, else cut into whole registers.
  void VectorizeCopy(const std::string& copy, int dim, int64_t extent, int bits, bool unroll) {
    const int64_t lanes = std::max(1, target_.lanes(bits));
    const bool power = (extent & (extent - 1)) == 0;
    if (power && extent <= 4 * lanes) {
      plan_->Vectorize(CopyLoop(copy, dim));
    } else if (extent % lanes == 0) {
      plan_->Tile(copy, {{fmt::format("v{}", dim), {lanes}}}, {});
      plan_->Vectorize(CopyLoop(copy, dim) + ".1");
      if (unroll) plan_->Unroll(CopyLoop(copy, dim) + ".0");
    }
  }

  void WriteBack() {
    const std::string at = Full(outer_.back());
    const int n_dim = DimOf(write_, choice_.axes.vector_iter);
    const size_t rank = write_.indices.size();
    if (PaddedAccess(write_)) {
      const std::string& buffer = program_.buffers[static_cast<size_t>(write_.buffer)].name;
      if (neighbours_.epilogue.empty()) {
        plan_->FuseConsumer(buffer + "_pad", at);
      } else {
        plan_->InlineInto(buffer + "_pad", false);
        plan_->FuseConsumer(neighbours_.epilogue, at);
      }
      plan_->LayoutOf(
          name_,
          choice_.axes.output_contiguous ? std::vector<std::string>{} : MoveLast(rank, n_dim),
          "local");
      return;
    }
    const std::string copy = name_ + "_out";
    plan_->WriteBack(name_, at, copy);
    if (!choice_.axes.output_contiguous) plan_->LayoutOf(name_, MoveLast(rank, n_dim), "");
    if (!neighbours_.epilogue.empty()) plan_->InlineInto(neighbours_.epilogue, true);
    if (choice_.axes.output_contiguous) {
      if (choice_.tail == TailMode::kNone || program_.buffers.empty() ||
          block_.iters[static_cast<size_t>(choice_.axes.vector_iter)].extent % choice_.cols == 0)
        VectorizeCopy(copy, n_dim, choice_.cols, OutputBits(), true);
    }
    const int m_dim = choice_.axes.row_iter < 0 ? -1 : DimOf(write_, choice_.axes.row_iter);
    const bool rows_divide =
        choice_.axes.row_iter < 0 ||
        block_.iters[static_cast<size_t>(choice_.axes.row_iter)].extent % choice_.rows == 0;
    if (m_dim >= 0 && choice_.rows > 1 && rows_divide) plan_->Unroll(CopyLoop(copy, m_dim));
  }

  void FinishPack(const std::string& pack) {
    if (pack.empty()) return;
    const AccessView& access = Operand(choice_.axes.vector_operand);
    const BufferView& buffer = OperandBuffer(choice_.axes.vector_operand);
    const bool strided = choice_.axes.vector_access == VectorAccess::kStrided;
    const std::string n = fmt::format("v{}", vector_dim_);
    if (choice_.pack == PackMode::kPanel) plan_->FuseProducer(pack, Full(pack_at_));
    if (choice_.pack == PackMode::kWhole) {
      std::vector<std::string> order = {n + ".0"};
      for (size_t d = 0; d < buffer.shape.size(); ++d) {
        if (static_cast<int>(d) != vector_dim_) order.push_back(fmt::format("v{}", d));
      }
      order.push_back(n + ".1");
      const int64_t width = choice_.cols / choice_.groups;
      plan_->Tile(pack, {{n, {width}}}, order);
      plan_->Vectorize(pack + "." + n + ".1");
      return;
    }
    // Of a padded copy LLVM moves the condition out of the loop, as long as it is left alone.
    const bool padded = PaddedAccess(access);
    const int64_t width = choice_.cols * choice_.panels;
    if (!strided) {
      if (!padded) VectorizeCopy(pack, vector_dim_, width, buffer.element_bits, false);
      return;
    }
    // A transposing copy: square tiles, loads along the contiguous dimension.
    const int lanes = std::max(1, target_.lanes(buffer.element_bits));
    const int k_dim = static_cast<int>(buffer.shape.size()) - 1;
    const std::string k = fmt::format("v{}", k_dim);
    std::vector<std::string> order;
    for (size_t d = 0; d < buffer.shape.size(); ++d) {
      if (static_cast<int>(d) != vector_dim_ && static_cast<int>(d) != k_dim)
        order.push_back(fmt::format("v{}", d));
    }
    const bool square = buffer.shape[static_cast<size_t>(k_dim)] % lanes == 0 &&
                        choice_.cols % lanes == 0 && !padded;
    if (square) {
      order.insert(order.end(), {k + ".0", n + ".0", n + ".1", k + ".1"});
      plan_->Tile(pack, {{k, {lanes}}, {n, {lanes}}}, order);
      plan_->Vectorize(pack + "." + k + ".1");
      plan_->Unroll(pack + "." + n + ".1");
    } else {
      order.insert(order.end(), {k, n});
      plan_->Tile(pack, {}, order);
      if (!padded) VectorizeCopy(pack, vector_dim_, width, buffer.element_bits, false);
    }
  }

  void FinishRowPack(const std::string& pack) {
    if (pack.empty()) return;
    const std::string m = fmt::format("v{}", row_dim_);
    plan_->Tile(pack, {{m, {choice_.rows}}}, {});
    if ((choice_.rows & (choice_.rows - 1)) == 0) plan_->Vectorize(pack + "." + m + ".1");
  }

  // A padding block is made where no element is made twice: at the loops that address it by
  // themselves (not through a window), as long as these are the outermost ones; else beforehand.
  void Paddings() {
    for (const std::string& name : neighbours_.paddings) {
      const int padding = program_.FindBlock(name);
      const BlockView& view = program_.blocks[static_cast<size_t>(padding)];
      const int buffer = view.writes.front().buffer;
      std::string at;
      for (const OperandAnalysis& operand : analysis_.operands) {
        if (operand.buffer != buffer) continue;
        const AccessView& access = block_.reads[static_cast<size_t>(operand.read)];
        for (const std::string& loop : outer_) {
          const int iter = UnsplitIter(loop);
          if (iter < 0 || !Alone(access, iter)) break;
          if (block_.iters[static_cast<size_t>(iter)].extent > 1) at = loop;
        }
      }
      if (!at.empty()) {
        plan_->FuseProducer(name, Full(at));
        continue;
      }
      for (size_t i = 0; i + 1 < view.iters.size(); ++i) {
        if (view.iters[i].extent == 1) continue;
        const std::string loop = LoopOfIter(program_, view, static_cast<int>(i));
        if (!loop.empty()) plan_->SplitPadding(name, name + "." + loop);
        break;
      }
    }
  }

  int UnsplitIter(const std::string& loop) const {
    for (size_t i = 0; i < block_.iters.size(); ++i) {
      if (Iter(static_cast<int>(i)) == loop) return static_cast<int>(i);
    }
    return -1;
  }

  static bool Alone(const AccessView& access, int iter) {
    for (const LinearForm& index : access.indices) {
      if (!index.uses(static_cast<size_t>(iter))) continue;
      return index.affine &&
             std::count(index.coefficients.begin(), index.coefficients.end(), 0) + 1 ==
                 static_cast<std::ptrdiff_t>(index.coefficients.size());
    }
    return false;
  }

  void Partition() {
    const auto hint = [&](int iter, int64_t tile) {
      if (iter < 0 || block_.iters[static_cast<size_t>(iter)].extent % tile == 0) return;
      plan_->Annotate(Full(Iter(iter) + ".0"), "pragma_loop_partition_hint", 1);
    };
    hint(choice_.axes.row_iter, choice_.rows);
    hint(choice_.axes.vector_iter, choice_.cols);
  }

  // The outermost loop with work for every core, else the longest one.
  void Parallel() {
    if (target_.cores <= 1) return;
    std::string longest;
    int64_t most = 1;
    for (const std::string& loop : outer_) {
      const int64_t extent = OuterExtent(loop);
      if (extent > most) {
        longest = loop;
        most = extent;
      }
      if (extent >= target_.cores) break;
    }
    if (!longest.empty()) plan_->Parallelize(Full(longest));
  }

  int64_t OuterExtent(const std::string& loop) const {
    for (size_t i = 0; i < block_.iters.size(); ++i) {
      const std::string iter = Iter(static_cast<int>(i));
      if (loop == iter) return block_.iters[i].extent;
      if (loop != iter + ".0") continue;
      const int64_t tile = static_cast<int>(i) == choice_.axes.vector_iter
                               ? choice_.cols * choice_.panels
                               : choice_.rows;
      return (block_.iters[i].extent + tile - 1) / tile;
    }
    return 1;
  }

  const ProgramView& program_;
  const BlockAnalysis& analysis_;
  const ContractionChoice& choice_;
  const ContractionNeighbours& neighbours_;
  const Target& target_;
  PlanBuilder* plan_;
  const OuterChunk chunk_;
  const BlockView& block_;
  const std::string& name_;
  const AccessView& write_;
  std::string vector_inner_, group_inner_, row_inner_, pack_at_, first_reduction_;
  std::vector<std::string> outer_, unrolled_;
  int vector_dim_ = -1;
  int row_dim_ = -1;
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
  if (choice.dot || choice.reduce_inside || choice.tail != TailMode::kNone) return false;
  const bool reduction = block.iters[static_cast<size_t>(outer.iter)].kind == IterKind::kReduction;
  if (reduction && outer.iter != InnerReduction(block, analysis)) return false;
  if (choice.axes.row_iter < 0) return outer.chunk == 1 && outer.iter != choice.axes.vector_iter;
  if (!reduction)
    return outer.chunk == 1 && outer.iter != choice.axes.vector_iter &&
           outer.iter != choice.axes.row_iter;
  return outer.chunk % choice.k_unroll == 0 && outer.chunk > choice.k_unroll;
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
  Emitter emitter(program, analysis, choice, neighbours, target, plan, outer);
  if (choice.dot) {
    emitter.Dots();
  } else if (choice.axes.row_iter >= 0) {
    emitter.Tiled();
  } else if (choice.reduce_inside) {
    emitter.ReduceInside();
  } else {
    emitter.Sweep();
  }
}

}  // namespace banyan
