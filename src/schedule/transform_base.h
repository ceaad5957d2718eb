#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/transformation.h"

namespace banyan {

// Shared parts of the transformations (transform_*.cc); not for other rooms. Stateless,
// thread-safe.

// Implements what most transformations have in common: a schema given as text, drawing uniformly
// from the enumeration, neighbours by trying variants of the arguments.
class TransformationBase : public Transformation {
 public:
  TransformationBase(std::string_view name, std::string_view summary, const char* schema);

  std::string_view name() const final { return name_; }
  std::string_view summary() const final { return summary_; }
  const Json& schema() const final { return schema_; }
  Status Canonicalize(Json& args) const override;
  std::vector<Step> Enumerate(const ProgramView& program, const Target& target,
                              size_t limit) const override;
  std::optional<Step> Sample(const ProgramView& program, const Target& target,
                             Rng& rng) const override;
  std::vector<Step> Neighbours(const ProgramView& program, const Target& target,
                               const Step& step) const override;

 protected:
  // Argument sets worth offering, legal or not, in a stable order; Enumerate keeps the legal ones.
  virtual std::vector<Json> Proposals(const ProgramView& program, const Target& target) const = 0;
  // Arguments a small step away from `step`'s, legal or not.
  virtual std::vector<Json> Variants(const ProgramView& program, const Target& target,
                                     const Step& step) const;
  // The canonical ones among `candidates` that pass Check, without repetitions, in order.
  std::vector<Step> KeepLegal(const ProgramView& program, const Target& target,
                              std::vector<Json> candidates) const;

 private:
  std::string_view name_;
  std::string_view summary_;
  Json schema_;
};

// At most `limit` of `steps`, evenly spread, first and last kept.
std::vector<Step> ThinOut(std::vector<Step> steps, size_t limit);

// ---- names ------------------------------------------------------------------------------------
// "O.i.0" relative to block "O" is "i.0"; a loop of another block keeps its full name.
std::string RelativeName(const std::string& block, const std::string& loop);
void MakeRelative(const std::string& block, Json& names);  // an array of names, in place
// Index of the block; the error lists the blocks.
Result<int> NeedBlock(const ProgramView& program, const std::string& name);
// Index into ProgramView::loops; the error lists the loops of the block (or all).
Result<int> NeedLoop(const ProgramView& program, const std::string& name);
// A loop around `block`, given relative to it or in full.
Result<int> NeedLoopOf(const ProgramView& program, int block, const std::string& name);
// Position in BlockView::loops of a loop; -1: not around this block.
int PositionOf(const BlockView& block, int loop);
std::string BlockNames(const ProgramView& program);
std::string LoopNames(const ProgramView& program, int block);
// Whether the block runs inside the loop now.
Result<bool> RunsInside(LiveSchedule& schedule, const std::string& block, const std::string& loop);
// A name for a new block: no block may have it yet.
Status NeedNewName(const ProgramView& program, const std::string& name);

const std::string& Text(const Json& args, const char* key);
std::string TextOr(const Json& args, const char* key, const std::string& otherwise);
std::vector<std::string> Texts(const Json& args, const char* key);

// ---- parts ------------------------------------------------------------------------------------
inline const BlockView& BlockOf(const ProgramView& program, int block) {
  return program.blocks[static_cast<size_t>(block)];
}
inline const LoopView& LoopOf(const ProgramView& program, int loop) {
  return program.loops[static_cast<size_t>(loop)];
}

// ---- facts ------------------------------------------------------------------------------------
// Drives a reduction iter of the block at position `position` of its loops.
bool DrivesReduction(const BlockView& block, size_t position);
bool DrivesSpatial(const BlockView& block, size_t position);
int FirstReductionPosition(const BlockView& block);  // -1: none
// The vectorised loop that is `loop` or around it; -1: none.
int VectorizedAround(const ProgramView& program, int loop);
// The initialisation runs as a block of its own: TVM then refuses much.
bool IsDecomposed(const BlockView& block);
// Fails if several blocks write the buffer: TVM moves and copies only what one block makes.
Status NeedOneWriter(const ProgramView& program, int buffer);
// Fails if a loop of the block surrounds another block too.
Status NeedOwnLoops(const ProgramView& program, int block, const char* transformation);
int ElementBits(const ProgramView& program, const BlockView& block);
// Sensible sizes for one part of a loop of `extent`: divisors, powers of two and multiples of the
// vector length, below `extent`, ascending.
std::vector<int64_t> FactorCandidates(int64_t extent, int lanes);
// The next smaller and larger candidate.
std::vector<int64_t> FactorNeighbours(int64_t extent, int lanes, int64_t factor);
// Elements that an access of the block moves on when the loop at `position` advances. A form that
// is not affine counts as one in the last dimension (the inner part of a blocked layout), else as
// none.
int64_t StepOfAccess(const ProgramView& program, const BlockView& block, const AccessView& access,
                     size_t position);
// Statements of straight-line code that LLVM gets for the body of `block` when unrolled loops are
// unrolled and vectorised ones cut into registers (into scalars where an access is not contiguous);
// a loop that stays inside counts as several. `changed` is taken to have `kind`.
int64_t StraightLineOps(const ProgramView& program, const Target& target, int block, int changed,
                        LoopKind kind);

// Build time grows by about 0.7 ms a statement, more on a busy machine.
inline constexpr int64_t kMaxStraightLineOps = 512;
// A stack array of one core; above it the write-back buffer falls out of L1 and may overflow the
// stack.
inline constexpr int64_t kMaxLocalBytes = 32 << 10;

}  // namespace banyan
