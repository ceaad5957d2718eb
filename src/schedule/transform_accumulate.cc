// accumulate: where a reduction's result grows, is written back, and is initialised.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "schedule/regions.h"
#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

std::string WriteName(const Json& args) {
  return TextOr(args, "name", Text(args, "block") + "_write");
}

std::string InitName(const Json& args) { return Text(args, "block") + "_init"; }

// Puts the loops of a new initialisation into the order of memory, so that LLVM makes one fill of
// it. In the order of the tiles it unrolls them to thousands of scattered stores and then takes
// many seconds to compile those.
Status OrderAsStored(LiveSchedule& schedule, const std::string& init) {
  BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
  BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(*program, init));
  const BlockView& block = BlockOf(*program, index);
  if (block.opaque || block.writes.size() != 1) return {};
  const auto affine = [](const LinearForm& form) { return form.affine; };
  const AccessView& store = block.writes.front();
  if (!std::all_of(store.indices.begin(), store.indices.end(), affine) ||
      !std::all_of(block.iters.begin(), block.iters.end(),
                   [&](const IterView& iter) { return affine(iter.binding); })) {
    return {};
  }
  // Its own loops as they stand, with the elements that the store moves on.
  std::vector<std::pair<int64_t, std::string>> loops;
  bool serial = false;
  for (size_t i = 0; i < block.loops.size(); ++i) {
    const LoopView& loop = LoopOf(*program, block.loops[i]);
    if (program->BlocksUnder(block.loops[i]).size() > 1) continue;
    loops.emplace_back(StepOfAccess(*program, block, store, i), loop.name);
    serial |= loop.kind == LoopKind::kSerial;
  }
  auto ordered = loops;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (!serial || ordered == loops) return {};
  const LoopKind innermost = LoopOf(*program, block.loops.back()).kind;
  if (innermost == LoopKind::kVectorized && ordered.back() != loops.back()) return {};
  std::vector<std::string> names;
  names.reserve(ordered.size());
  for (auto& [step, name] : ordered) names.push_back(std::move(name));
  return schedule.Reorder(names);
}

class Accumulate final : public TransformationBase {
 public:
  Accumulate()
      : TransformationBase("accumulate",
                           "sum a reduction in registers and write the result back at a loop; "
                           "split its initialisation off",
                           R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the reduction"},
    "at": {"type": "string", "description": "loop of the block, outside all its reduction loops: inside it the result is summed in `scope` and then copied to its buffer by a new block"},
    "scope": {"type": "string", "enum": ["local", "global"], "default": "local"},
    "init": {"type": "string", "description": "loop of the block, the outermost reduction loop or one outside it: before it the result is set to its initial value by a new block BLOCK_init; vectorize, pack and fuse the block before that"},
    "name": {"type": "string", "description": "the copying block; its loops are NAME.v0, NAME.v1, ... by dimension of the result; left out: BLOCK_write"}
  },
  "required": ["block"]
})") {}

  Status Canonicalize(Json& args) const override {
    if (!args.contains("at") && !args.contains("init")) {
      return InvalidArgument(
          "give at (where the result is written back), init (where it is initialised) or both");
    }
    for (const char* key : {"at", "init"}) {
      if (args.contains(key)) args[key] = RelativeName(Text(args, "block"), Text(args, key));
    }
    if (!args.contains("at")) {
      args.erase("name");
      args.erase("scope");
    }
    if (Text(args, "name") == Text(args, "block") + "_write") args.erase("name");
    return {};
  }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    const Json& args = step.args;
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(args, "block")));
    const auto& block = program.blocks[static_cast<size_t>(index)];
    if (!block.is_reduction || block.opaque) {
      return IllegalStep(fmt::format("{} is no reduction", block.name));
    }
    if (IsDecomposed(block)) {
      return IllegalStep(fmt::format(
          "the initialisation of {} is split off already; give `at` in a step before it",
          block.name));
    }
    if (args.contains("at")) BANYAN_RETURN_IF_ERROR(CheckWriteBack(program, index, args));
    if (args.contains("init")) BANYAN_RETURN_IF_ERROR(CheckInit(program, index, args));
    return {};
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const Json& args = step.args;
    const auto& name = Text(args, "block");
    BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
    BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(*program, name));
    auto full = [&](const char* key) -> Result<std::string> {
      BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(*program, block, Text(args, key)));
      return program->loops[static_cast<size_t>(loop)].name;
    };
    if (args.contains("at")) {
      BANYAN_ASSIGN_OR_RETURN(const std::string at, full("at"));
      const std::string copy = WriteName(args);
      BANYAN_RETURN_IF_ERROR(schedule.CacheWrite(name, TextOr(args, "scope", "local"), copy));
      // TVM copies at once inside the loops that the block shares with its consumers.
      BANYAN_ASSIGN_OR_RETURN(const bool there, RunsInside(schedule, copy, at));
      if (!there) BANYAN_RETURN_IF_ERROR(schedule.ReverseComputeAt(copy, at, true));
    }
    if (!args.contains("init")) return {};
    BANYAN_ASSIGN_OR_RETURN(const std::string init, full("init"));
    BANYAN_RETURN_IF_ERROR(schedule.DecomposeReduction(name, init, InitName(args)));
    return OrderAsStored(schedule, InitName(args));
  }

  std::string Describe(const Step& step) const override {
    std::vector<std::string> parts;
    const auto& block = Text(step.args, "block");
    if (step.args.contains("at")) {
      parts.push_back(fmt::format("sum {} in {} memory and write it back at {}", block,
                                  TextOr(step.args, "scope", "local"), Text(step.args, "at")));
    }
    if (step.args.contains("init")) {
      parts.push_back(fmt::format("initialise {} before {}", block, Text(step.args, "init")));
    }
    return fmt::format("{}", fmt::join(parts, "; "));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (!block.is_reduction || !block.has_init) continue;
      const int first = FirstReductionPosition(block);
      for (int i = 0; i <= first; ++i) {
        const std::string loop = LoopAt(program, block, i);
        all.push_back({{"block", block.name}, {"init", loop}});
        if (i == first) continue;
        all.push_back({{"block", block.name}, {"at", loop}});
        all.push_back(
            {{"block", block.name}, {"at", loop}, {"init", LoopAt(program, block, first)}});
      }
    }
    return all;
  }

  // Each loop one step out or in, and the other scope.
  std::vector<Json> Variants(const ProgramView& program, const Target&,
                             const Step& step) const override {
    std::vector<Json> all;
    const int index = program.FindBlock(Text(step.args, "block"));
    if (index < 0) return all;
    const auto& block = program.blocks[static_cast<size_t>(index)];
    for (const char* key : {"at", "init"}) {
      if (!step.args.contains(key)) continue;
      auto loop = NeedLoopOf(program, index, Text(step.args, key));
      if (!loop.ok()) continue;
      const int position = PositionOf(block, *loop);
      for (const int next : {position - 1, position + 1}) {
        if (next < 0 || next >= static_cast<int>(block.loops.size())) continue;
        Json args = step.args;
        args[key] = LoopAt(program, block, next);
        all.push_back(std::move(args));
      }
    }
    if (step.args.contains("at")) {
      Json args = step.args;
      args["scope"] = TextOr(args, "scope", "local") == "local" ? "global" : "local";
      all.push_back(std::move(args));
    }
    return all;
  }

 private:
  static std::string LoopAt(const ProgramView& program, const BlockView& block, int position) {
    const int loop = block.loops[static_cast<size_t>(position)];
    return RelativeName(block.name, program.loops[static_cast<size_t>(loop)].name);
  }

  static std::string LoopsUpTo(const ProgramView& program, const BlockView& block, int end) {
    std::vector<std::string> names;
    for (int i = 0; i < end; ++i) names.push_back(LoopAt(program, block, i));
    return names.empty() ? "none: reorder a loop of the result outside"
                         : fmt::format("{}", fmt::join(names, ", "));
  }

  static Status CheckWriteBack(const ProgramView& program, int index, const Json& args) {
    const auto& block = program.blocks[static_cast<size_t>(index)];
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(program, index, Text(args, "at")));
    const int position = PositionOf(block, loop);
    const int first = FirstReductionPosition(block);
    if (first >= 0 && position >= first) {
      return IllegalStep(fmt::format(
          "at={} lies inside the reduction, where the sum is not finished; loops outside it: {}",
          Text(args, "at"), LoopsUpTo(program, block, first)));
    }
    const auto& view = program.loops[static_cast<size_t>(loop)];
    if (view.kind == LoopKind::kVectorized || view.kind == LoopKind::kUnrolled) {
      return IllegalStep(
          fmt::format("{} is {}: choose a loop outside it", view.name, LoopKindName(view.kind)));
    }
    if (!CoversWithoutGaps(program, index, position)) {
      return IllegalStep(
          fmt::format("the loops inside at={} leave gaps in what they compute: keep the inner "
                      "parts of each tiled "
                      "loop inside and whole",
                      Text(args, "at")));
    }
    for (const auto& write : block.writes) {
      for (const auto& form : write.indices) {
        if (form.affine) continue;
        return IllegalStep(
            fmt::format("the result of {} has a blocked layout already: accumulate first, then "
                        "layout(block={}, ...)",
                        block.name, WriteName(args)));
      }
    }
    BANYAN_RETURN_IF_ERROR(NeedNewName(program, WriteName(args)));
    if (TextOr(args, "scope", "local") != "local" || block.writes.empty()) return {};
    int64_t bytes = (ElementBits(program, block) + 7) / 8;
    for (const int64_t extent :
         TouchedRegion(program, index, block.writes[0].buffer, false, position)) {
      bytes *= extent;
    }
    if (bytes <= kMaxLocalBytes) return {};
    return IllegalStep(fmt::format(
        "the result summed at {} has {} bytes (limit {} on the stack): choose a loop further in, "
        "tile first, or scope=global",
        Text(args, "at"), bytes, kMaxLocalBytes));
  }

  static Status CheckInit(const ProgramView& program, int index, const Json& args) {
    const auto& block = program.blocks[static_cast<size_t>(index)];
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(program, index, Text(args, "init")));
    const int first = FirstReductionPosition(block);
    if (first >= 0 && PositionOf(block, loop) > first) {
      return IllegalStep(fmt::format("init={} lies inside the reduction loop {}; legal: {}",
                                     Text(args, "init"), LoopAt(program, block, first),
                                     LoopsUpTo(program, block, first + 1)));
    }
    return NeedNewName(program, InitName(args));
  }
};

}  // namespace

const Transformation& AccumulateTransformation() {
  static const Accumulate kAccumulate;
  return kAccumulate;
}

}  // namespace banyan
