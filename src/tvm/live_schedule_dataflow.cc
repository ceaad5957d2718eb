#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "tvm/live_schedule_tvm.h"

// What must hold after blocks or loops moved. TVM checks most of it before it moves them; what it
// misses gives wrong results: found by random walks over the primitives
// (live_schedule_slow_test.cc).
namespace banyan {
namespace {

bool Accesses(const std::vector<AccessView>& accesses, int buffer) {
  return std::any_of(accesses.begin(), accesses.end(),
                     [&](const AccessView& access) { return access.buffer == buffer; });
}

// Whether the loop at position `k` of the block's drives an iter (of `kind`, if `only`).
bool Drives(const BlockView& block, size_t k, bool only_reduction) {
  return std::any_of(block.iters.begin(), block.iters.end(), [&](const IterView& iter) {
    return iter.binding.uses(k) && (!only_reduction || iter.kind == IterKind::kReduction);
  });
}

// The position of the first loop whose iterations add to the same results: from the first loop that
// drives a reduction iter on, or, after decompose_reduction, the first that is not around the
// initialisation.
size_t FirstAddingLoop(const ProgramView& program, const BlockView& block) {
  size_t first = 0;
  while (first < block.loops.size() && !Drives(block, first, true)) ++first;
  for (const BlockView& init : program.blocks) {
    if (!init.is_init || !Accesses(init.writes, block.writes[0].buffer)) continue;
    for (size_t k = 0; k < first; ++k) {
      if (std::find(init.loops.begin(), init.loops.end(), block.loops[k]) == init.loops.end()) {
        first = k;
      }
    }
  }
  return first;
}

// Whether different iterations of the loops from `first` on are different iterations of the block:
// each loop drives one iter, and in each iter the loops are the digits of one number.
bool RunsOnce(const ProgramView& program, const BlockView& block, size_t first) {
  for (const IterView& iter : block.iters) {
    if (!iter.binding.affine) return false;
    std::vector<std::pair<int64_t, int64_t>> digits;  // coefficient, extent
    for (size_t k = first; k < block.loops.size(); ++k) {
      const int64_t extent = program.loops[static_cast<size_t>(block.loops[k])].extent;
      if (iter.binding.uses(k) && extent > 1)
        digits.emplace_back(std::abs(iter.binding.coefficients[k]), extent);
    }
    std::sort(digits.begin(), digits.end());
    int64_t span = 1;
    for (const auto& [coefficient, extent] : digits) {
      if (coefficient < span) return false;
      span = coefficient * extent;
    }
  }
  return true;
}

// The same where TVM has found the binding to reach every element (`affine`): then the numbers
// decide.
bool ReachesOnce(const ProgramView& program, const BlockView& block, bool affine, size_t first) {
  if (RunsOnce(program, block, first)) return true;
  if (!affine) return false;
  if (block.has_predicate)
    return true;  // more iterations than elements, but the surplus is cut off
  int64_t iterations = 1;
  for (size_t k = 0; k < block.loops.size(); ++k) {
    if (Drives(block, k, false))
      iterations *= program.loops[static_cast<size_t>(block.loops[k])].extent;
  }
  int64_t elements = 1;
  for (const IterView& iter : block.iters) elements *= iter.extent;
  return iterations <= elements;
}

// A reduction that runs an iteration twice adds it twice.
std::string RepeatedReduction(const ProgramView& program, const BlockView& block, bool affine) {
  const size_t first = FirstAddingLoop(program, block);
  for (size_t k = first; k < block.loops.size(); ++k) {
    const LoopView& loop = program.loops[static_cast<size_t>(block.loops[k])];
    if (loop.extent > 1 && !Drives(block, k, false)) {
      return fmt::format(
          "loop {} repeats block {} after its initialisation: it would add up more than once",
          loop.name, block.name);
    }
  }
  if (!ReachesOnce(program, block, affine, first)) {
    return fmt::format("block {} would add up some elements more than once at that place",
                       block.name);
  }
  return {};
}

// Indices into FlagsOf.
constexpr size_t kAffineBinding = 0;
constexpr size_t kRegionCover = 1;

}  // namespace

// What TVM keeps of a block: affine binding, region cover, stage pipeline.
std::vector<bool> TvmLiveSchedule::FlagsOf(size_t block) const {
  const auto state = CallTvm<ffi::ObjectRef>("s_tir.schedule.ScheduleGetState", schedule_);
  const auto sref =
      CallTvm<ffi::ObjectRef>("s_tir.schedule.ScheduleGetSRef", schedule_, names_.block_rv(block));
  std::vector<bool> flags;
  for (const ffi::ObjectRef& flag : CallTvm<ffi::Array<ffi::ObjectRef>>(
           "s_tir.schedule.ScheduleStateGetCachedFlags", state, sref)) {
    int64_t value = 0;
    flags.push_back(ir::IntOf(flag.get(), &value) && value != 0);
  }
  return flags;
}

// TVM estimates the elements that a consumer is to take from its producer's loop, never too few.
// One taken in two iterations is taken once before it is made.
void TvmLiveSchedule::CheckRunsOnce(const std::string& block) {
  const size_t index = BlockIndex(block);
  if (ReachesOnce(View(), View().blocks[index], FlagsOf(index)[kAffineBinding], 0)) return;
  Refuse(
      fmt::format("block {} would run on elements that are not computed yet at that place", block));
}

void TvmLiveSchedule::CheckDataflow() {
  const ProgramView& program = View();
  for (size_t reader = 0; reader < program.blocks.size(); ++reader) {
    if (!skeleton_.blocks[reader].leaf) continue;
    for (const int writer : program.blocks[reader].producers) {
      if (!skeleton_.blocks[static_cast<size_t>(writer)].leaf) continue;
      if (writer > static_cast<int>(reader)) {
        Refuse(fmt::format("block {} would run before block {}, whose result it reads",
                           program.blocks[reader].name,
                           program.blocks[static_cast<size_t>(writer)].name));
      }
    }
  }
  for (size_t b = 0; b < program.blocks.size(); ++b) {
    const BlockView& block = program.blocks[b];
    const std::vector<bool> flags = FlagsOf(b);
    if (!flags[kRegionCover]) {
      Refuse(fmt::format("block {} would read what its producers have not computed at that place",
                         block.name));
    }
    if (!block.is_reduction || block.opaque) continue;
    if (std::string reason = RepeatedReduction(program, block, flags[kAffineBinding]);
        !reason.empty()) {
      Refuse(std::move(reason));
    }
  }
}

}  // namespace banyan
