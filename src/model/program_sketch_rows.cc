// Where intermediates and inputs of contractions lie: operands in blocks, producers inside their
// consumers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "model/contraction_emitter.h"
#include "model/program_sketch.h"

namespace banyan {
namespace {

using Kind = BlockRole::Kind;

int ProducerOf(const ProgramView& program, int buffer) {
  int producer = -1;
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    for (const AccessView& write : program.blocks[b].writes) {
      if (write.buffer == buffer) producer = static_cast<int>(b);
    }
  }
  return producer;
}

// Blocks of `rows` x `width` of a buffer's dimensions `m` and `k`, other dimensions outside.
std::vector<std::string> BlockedLayout(size_t rank, int m, int64_t rows, int k, int64_t width) {
  std::vector<std::string> layout;
  for (size_t d = 0; d < rank; ++d) {
    if (static_cast<int>(d) != m && static_cast<int>(d) != k)
      layout.push_back(fmt::format("d{}", d));
  }
  layout.push_back(fmt::format("d{}/{}", m, rows));
  layout.push_back(width > 1 ? fmt::format("d{}/{}", k, width) : fmt::format("d{}", k));
  layout.push_back(fmt::format("d{}%{}", m, rows));
  if (width > 1) layout.push_back(fmt::format("d{}%{}", k, width));
  return layout;
}

// Its output may lie in any order: one block writes it, by steps that can be changed, and one reads
// it.
bool CanMoveOutput(const BlockView& block) {
  return !block.is_output && !block.opaque && block.writes.size() == 1 &&
         block.consumers.size() == 1;
}

bool IsPlainTile(const ContractionChoice& choice) {
  return choice.tail == TailMode::kNone && !choice.dot && !choice.reduce_inside &&
         choice.depth == 0 && choice.axes.row_iter >= 0;
}

}  // namespace

ProgramSketch::Writer ProgramSketch::WriterOf(int buffer, const SketchChoice& choice) const {
  const int found = ProducerOf(program_, buffer);
  if (found < 0) return {};
  auto producer = static_cast<size_t>(found);
  if (!CanMoveOutput(program_.blocks[producer])) return {};
  if (roles_[producer].kind == Kind::kSimple && !roles_[producer].simples.empty()) {
    const SimpleChoice& simple = roles_[producer].simples[option(producer, choice)];
    if (!analyses_[producer].reduction.empty()) return {};
    const bool whole = simple.kind == SimpleChoice::Kind::kVectorized && simple.unroll != 0;
    return {program_.blocks[producer].name, whole ? simple.width : 0};
  }
  if (roles_[producer].kind == Kind::kEpilogue)
    producer = static_cast<size_t>(program_.blocks[producer].producers.front());
  if (roles_[producer].kind != Kind::kContraction) return {};
  const ContractionChoice& tile = roles_[producer].contractions[option(producer, choice)];
  if (tile.dot || tile.reduce_inside || tile.axes.row_iter < 0 || tile.tail == TailMode::kPad)
    return {};
  if (tile.depth > 0) return {};  // its sums lie in place
  if (const FusionChain* chain = Fused(choice);
      chain != nullptr && chain->consumer == static_cast<int>(producer))
    return {};
  const bool whole = IsPlainTile(tile) && tile.axes.output_contiguous;
  return {program_.blocks[producer].name + "_out", whole ? tile.cols : 0};
}

void ProgramSketch::DropBlockedRows() {
  for (size_t b = 0; b < roles_.size(); ++b) {
    auto& options = roles_[b].contractions;
    const auto impossible = [&](const ContractionChoice& c) {
      if (c.row_blocks == RowBlocks::kNone) return false;
      const int buffer = analyses_[b].operands[static_cast<size_t>(c.axes.row_operand)].buffer;
      const int producer = ProducerOf(program_, buffer);
      if (producer < 0) return false;
      const auto p = static_cast<size_t>(producer);
      return !CanMoveOutput(program_.blocks[p]) ||
             (roles_[p].kind != Kind::kSimple && roles_[p].kind != Kind::kContraction &&
              roles_[p].kind != Kind::kEpilogue);
    };
    options.erase(std::remove_if(options.begin(), options.end(), impossible), options.end());
  }
}

void ProgramSketch::EmitBlockedRows(const SketchChoice& choice, PlanBuilder* packs,
                                    PlanBuilder* layouts) const {
  struct Copy {
    std::string block;
    std::vector<std::string> readers;
    int m = -1, k = -1;
    int64_t rows = 1, width = 1;
  };
  std::map<std::pair<int, std::vector<std::string>>, Copy> copies;
  for (size_t b = 0; b < roles_.size(); ++b) {
    if (roles_[b].kind != Kind::kContraction) continue;
    const ContractionChoice& c = roles_[b].contractions[option(b, choice)];
    if (c.row_blocks == RowBlocks::kNone) continue;
    const BlockView& block = program_.blocks[b];
    const OperandAnalysis& operand = analyses_[b].operands[static_cast<size_t>(c.axes.row_operand)];
    const AccessView& access = block.reads[static_cast<size_t>(operand.read)];
    const BufferView& buffer = program_.buffers[static_cast<size_t>(operand.buffer)];
    const int m = DimOf(access, c.axes.row_iter);
    const int k = DimOf(access, InnerReduction(block, analyses_[b]));
    const int64_t depth = buffer.shape[static_cast<size_t>(k)];
    const bool interleaved = c.row_blocks == RowBlocks::kInterleaved;
    int64_t width = interleaved ? 1 : target_.lanes(buffer.element_bits);
    if (ProducerOf(program_, operand.buffer) < 0) {
      const auto layout = BlockedLayout(buffer.shape.size(), m, c.rows, k, width);
      Copy& copy = copies[{operand.buffer, layout}];
      if (copy.block.empty()) {
        copy = {block.name, {}, m, k, c.rows, width};
      } else {
        copy.readers.push_back(block.name);
      }
      continue;
    }
    const Writer writer = WriterOf(operand.buffer, choice);
    if (writer.block.empty()) continue;
    if (!interleaved) {
      width = std::max(width, writer.width);  // its vectors stay in one piece
      if (writer.width == 0 || depth % width != 0 || width % c.k_unroll != 0 ||
          (writer.width & (writer.width - 1)) != 0)
        continue;
    }
    layouts->LayoutOf(writer.block, BlockedLayout(buffer.shape.size(), m, c.rows, k, width), "");
  }
  for (const auto& [key, copy] : copies) {
    const BufferView& buffer = program_.buffers[static_cast<size_t>(key.first)];
    const std::string name = fmt::format("{}_rows_{}", buffer.name, copy.block);
    packs->Pack(copy.block, buffer.name, key.second, copy.readers, name);
    const std::string m = fmt::format("v{}", copy.m);
    const std::string k = fmt::format("v{}", copy.k);
    std::vector<std::string> order;
    for (size_t d = 0; d < buffer.shape.size(); ++d) {
      if (static_cast<int>(d) != copy.m && static_cast<int>(d) != copy.k)
        order.push_back(fmt::format("v{}", d));
    }
    if (copy.width == 1) {
      order.insert(order.end(), {m + ".0", k, m + ".1"});
      packs->Tile(name, {{m, {copy.rows}}}, order);
      packs->Unroll(name + "." + m + ".1");
      continue;
    }
    order.insert(order.end(), {m + ".0", k + ".0", m + ".1", k + ".1"});
    packs->Tile(name, {{k, {copy.width}}, {m, {copy.rows}}}, order);
    packs->Vectorize(name + "." + k + ".1");
  }
}

void ProgramSketch::FindChains() {
  const auto may_lead = [&](int b) {
    const BlockRole& role = roles_[static_cast<size_t>(b)];
    return role.kind == Kind::kContraction && role.neighbours.epilogue.empty() &&
           role.neighbours.paddings.empty();
  };
  const auto movable = [&](int b) {
    const BlockView& block = program_.blocks[static_cast<size_t>(b)];
    if (block.is_output || block.opaque || !HasPlainLoops(program_, block)) return false;
    return may_lead(b) || (roles_[static_cast<size_t>(b)].kind == Kind::kSimple &&
                           analyses_[static_cast<size_t>(b)].reduction.empty());
  };
  chains_ = FindFusionChains(program_, analyses_, may_lead, movable, target_);
  for (const FusionChain& chain : chains_) moved_.push_back(MovedProgram(program_, chain));
}

const FusionChain* ProgramSketch::Fused(const SketchChoice& choice) const {
  const auto index = static_cast<size_t>(choice.back());
  if (index == 0 || index > chains_.size()) return nullptr;
  const FusionChain& chain = chains_[index - 1];
  const auto consumer = static_cast<size_t>(chain.consumer);
  if (!CanChunk(program_, analyses_[consumer],
                roles_[consumer].contractions[option(consumer, choice)], {chain.iter, chain.chunk}))
    return nullptr;
  for (const FusionChain::Member& member : chain.members) {
    const auto b = static_cast<size_t>(member.block);
    if (roles_[b].kind == Kind::kContraction) {
      const ContractionChoice& c = roles_[b].contractions[option(b, choice)];
      if (!IsPlainTile(c)) return nullptr;
      const int64_t tile = member.iter == c.axes.vector_iter ? c.cols * c.panels
                           : member.iter == c.axes.row_iter  ? c.rows
                                                             : 1;
      if (chain.chunk % tile != 0) return nullptr;
    } else if (!roles_[b].simples.empty()) {
      const SimpleChoice& simple = roles_[b].simples[option(b, choice)];
      if (simple.kind != SimpleChoice::Kind::kVectorized ||
          (simple.iter == member.iter && chain.chunk % simple.width != 0))
        return nullptr;
    }
  }
  return &chain;
}

}  // namespace banyan
