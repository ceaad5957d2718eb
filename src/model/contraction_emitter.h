#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/contraction_sketch.h"

// What the emitters of contractions' schedules share: for the room's sources only.
namespace banyan {

// The buffer dimension an iter alone moves along, or -1.
inline int DimOf(const AccessView& access, int iter) {
  for (size_t d = 0; d < access.indices.size(); ++d) {
    if (access.indices[d].uses(static_cast<size_t>(iter))) return static_cast<int>(d);
  }
  return -1;
}

// A layout that moves one dimension to the end: ["d0", "d2", "d1"].
inline std::vector<std::string> MoveLast(size_t rank, int dim) {
  std::vector<std::string> layout;
  for (size_t d = 0; d < rank; ++d) {
    if (static_cast<int>(d) != dim) layout.push_back(fmt::format("d{}", d));
  }
  layout.push_back(fmt::format("d{}", dim));
  return layout;
}

// One emission: names, axes and operands of a block. Looks at what it is given, which must outlive
// it; for one thread.
class ContractionEmitter {
 public:
  ContractionEmitter(const ProgramView& program, const BlockAnalysis& analysis,
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

 protected:
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
};

// A register tile: rows x vectors.
void EmitTiled(const ProgramView& program, const BlockAnalysis& analysis,
               const ContractionChoice& choice, const ContractionNeighbours& neighbours,
               const Target& target, PlanBuilder* plan, const OuterChunk& outer);

}  // namespace banyan
