#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "model/access_analysis.h"
#include "model/contraction_sketch.h"
#include "model/fusion_chain.h"
#include "model/simple_sketch.h"
#include "schedule/program.h"
#include "schedule/step.h"
#include "schedule/target.h"

namespace banyan {

// Stages that share their row loops ("reduce a row, map it": softmax, normalisation), run row by
// row inside the last of them.
struct RowGroup {
  int last = -1;             // block
  int row_iters = 0;         // leading iters of `last` that are rows
  std::vector<int> members;  // blocks computed at the row, in program order, without `last`
};

// What happens to a block in a sketch.
struct BlockRole {
  enum class Kind { kContraction, kSimple, kInlined, kEpilogue, kPadding, kRowMember };
  Kind kind = Kind::kSimple;
  double share = 0;  // of the program's estimated time, to decide where variation pays
  std::vector<ContractionChoice> contractions;  // options, best first, for kContraction
  std::vector<SimpleChoice> simples;            // options for kSimple and kRowMember
  ContractionNeighbours neighbours;             // for kContraction
};

// A whole program's schedule as one number a block: which of its options; and last, which chain of
// producers is computed inside its consumer (0: none). The order of options is fixed, so that a
// choice can be found again. Options beyond a block's list are clamped.
using SketchChoice = std::vector<int>;

// The roles of a program's blocks and the plans they make. Looks at `program` and `target`, which
// must outlive it. Keeps the steps of options it has written once: for one thread.
class ProgramSketch {
 public:
  ProgramSketch(const ProgramView& program, const Target& target);

  size_t blocks() const { return roles_.size(); }
  const BlockRole& role(size_t block) const { return roles_[block]; }
  size_t options(size_t block) const;
  // Best option for every block, nothing fused.
  SketchChoice Best() const { return SketchChoice(roles_.size() + 1, 0); }
  // Choices in which all contractions follow the same idea (tile shape, packing, padding, fusion).
  // The first is Best(), then the best of each family (packed or not, rows in blocks or not, fused
  // or not) that may be as fast, then by expected time, ideas that are like earlier ones put back.
  std::vector<SketchChoice> Styles(size_t most) const;
  // Choices one block away, most promising first.
  std::vector<SketchChoice> Neighbours(const SketchChoice& choice, size_t most) const;

  Plan MakePlan(const SketchChoice& choice) const;
  // Estimated time relative to Best(); 1: as good.
  double RelativeTime(const SketchChoice& choice) const;
  std::string Describe(const SketchChoice& choice) const;

 private:
  void AssignRoles();
  void FindRowGroups();
  void FindChains();
  // Options that need their row operand in blocks, where it cannot be.
  void DropBlockedRows();
  // The block that writes `buffer` last and the width of its vectors; 0: it may have none, or a
  // rest beside them; no block: not known to be one.
  struct Writer {
    std::string block;
    int64_t width = 0;
  };
  Writer WriterOf(int buffer, const SketchChoice& choice) const;
  void EmitBlockedRows(const SketchChoice& choice, PlanBuilder* packs, PlanBuilder* layouts) const;
  // The chain that is fused, if all blocks' options allow it; null: none.
  const FusionChain* Fused(const SketchChoice& choice) const;
  void EmitRowGroup(const RowGroup& group, const SketchChoice& choice, PlanBuilder* plan) const;
  size_t option(size_t block, const SketchChoice& choice) const;  // clamped
  int LikeOption(size_t block, const ContractionChoice& wanted,
                 const ContractionChoice& usual) const;
  const PlanBuilder& BlockSteps(size_t block, size_t option, int chain) const;
  double OptionTime(size_t block, int option) const;

  const ProgramView& program_;
  const Target& target_;
  std::vector<BlockAnalysis> analyses_;
  std::vector<BlockRole> roles_;
  std::vector<RowGroup> row_groups_;
  std::vector<FusionChain> chains_;
  std::vector<ProgramView> moved_;  // the program with a chain's members moved, by chain
  mutable std::map<std::tuple<size_t, size_t, int>, PlanBuilder>
      steps_;  // by block, option and chain
};

}  // namespace banyan
