#include <fmt/format.h>

#include <algorithm>

#include "model/contraction_emitter.h"

namespace banyan {
namespace {

class TiledEmitter : public ContractionEmitter {
 public:
  using ContractionEmitter::ContractionEmitter;

  void Emit() {
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

 private:
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
    const size_t before_tiles = order.size();
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
      const size_t place = choice_.depth > 0 ? before_tiles : 0;
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(place), first);
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

  std::string vector_inner_, group_inner_, row_inner_, pack_at_, first_reduction_;
  std::vector<std::string> outer_, unrolled_;
  int vector_dim_ = -1;
  int row_dim_ = -1;
};

}  // namespace

void EmitTiled(const ProgramView& program, const BlockAnalysis& analysis,
               const ContractionChoice& choice, const ContractionNeighbours& neighbours,
               const Target& target, PlanBuilder* plan, const OuterChunk& outer) {
  TiledEmitter(program, analysis, choice, neighbours, target, plan, outer).Emit();
}

}  // namespace banyan
