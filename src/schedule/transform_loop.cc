// What a loop becomes: vectorize, unroll, parallelize; and fuse_loops.
#include <fmt/format.h>

#include <algorithm>

#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

constexpr int64_t kMaxUnroll = 128;
// More accumulators than this many register files are stored in the loop, whatever LLVM does.
constexpr int64_t kMaxRegisterFiles = 4;

// The blocks under `loop`; fails where the loop cannot change its kind at all.
Result<std::vector<int>> BlocksOfSerialLoop(const ProgramView& program, int loop) {
  const auto& view = LoopOf(program, loop);
  if (view.kind != LoopKind::kSerial) {
    return IllegalStep(fmt::format("loop {} is {} already", view.name, LoopKindName(view.kind)));
  }
  if (view.extent <= 0) {
    return IllegalStep(fmt::format("loop {} has no constant extent", view.name));
  }
  if (const int outer = VectorizedAround(program, loop); outer >= 0) {
    return IllegalStep(fmt::format("loop {} is inside the vectorised loop {}", view.name,
                                   LoopOf(program, outer).name));
  }
  return program.BlocksUnder(loop);
}

Status CheckCodeSize(const ProgramView& program, const Target& target, int loop,
                     const std::vector<int>& blocks, LoopKind kind) {
  int64_t total = 0;
  for (const int block : blocks) total += StraightLineOps(program, target, block, loop, kind);
  if (total <= kMaxStraightLineOps) return {};
  return IllegalStep(
      fmt::format("the body would unroll to {} vector operations (limit {}): LLVM takes minutes "
                  "and spills; use "
                  "smaller inner tiles or unroll fewer loops",
                  total, kMaxStraightLineOps));
}

// Independent accumulators of a reduction: vector registers written inside its innermost rolled
// reduction loop by unrolled and vectorised spatial loops.
Status CheckAccumulators(const ProgramView& program, const Target& target, int loop, int index,
                         LoopKind kind) {
  const auto& block = BlockOf(program, index);
  if (!block.is_reduction) return {};
  const int64_t lanes = std::max(1, target.lanes(ElementBits(program, block)));
  int64_t registers = 1;
  for (size_t i = 0; i < block.loops.size(); ++i) {
    const auto& view = LoopOf(program, block.loops[i]);
    if (DrivesReduction(block, i)) continue;
    const LoopKind effective = block.loops[i] == loop ? kind : view.kind;
    if (effective == LoopKind::kUnrolled) registers *= std::max<int64_t>(1, view.extent);
    if (effective == LoopKind::kVectorized) registers *= (view.extent + lanes - 1) / lanes;
    if (registers > 1 << 20) break;
  }
  const int64_t limit = kMaxRegisterFiles * target.vector_registers;
  if (registers <= limit) return {};
  return IllegalStep(fmt::format(
      "{} would keep {} vector accumulators, the CPU has {} registers: use a smaller tile",
      block.name, registers, target.vector_registers));
}

Status CheckDataParallel(const ProgramView& program, int loop, int index, const char* verb) {
  const auto& block = BlockOf(program, index);
  const auto position = static_cast<size_t>(PositionOf(block, loop));
  if (DrivesReduction(block, position)) {
    return IllegalStep(
        fmt::format("{} is a reduction loop of {}: only loops of its result can be {} "
                    "(or rfactor it first)",
                    LoopOf(program, loop).name, block.name, verb));
  }
  for (const auto& iter : block.iters) {
    if (iter.kind == IterKind::kOpaque && iter.binding.uses(position)) {
      return IllegalStep(fmt::format("{} drives an opaque iteration of {}",
                                     LoopOf(program, loop).name, block.name));
    }
  }
  if (IsDecomposed(block)) {
    return IllegalStep(fmt::format(
        "the initialisation of {} is split off already: this must come before accumulate(init=...)",
        block.name));
  }
  return {};
}

class LoopKindBase : public TransformationBase {
 public:
  LoopKindBase(std::string_view name, std::string_view summary, const char* schema, LoopKind kind)
      : TransformationBase(name, summary, schema), kind_(kind) {}

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    return schedule.SetLoopKind(Text(step.args, "loop"), kind_);
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& loop : program.loops) {
      if (loop.kind == LoopKind::kSerial && loop.extent > 1) all.push_back({{"loop", loop.name}});
    }
    return all;
  }

  // The loops just outside and inside.
  std::vector<Json> Variants(const ProgramView& program, const Target&,
                             const Step& step) const override {
    std::vector<Json> all;
    const int loop = program.FindLoop(Text(step.args, "loop"));
    if (loop < 0) return all;
    for (const auto& block : program.blocks) {
      const int position = PositionOf(block, loop);
      if (position < 0) continue;
      for (const int next : {position - 1, position + 1}) {
        if (next < 0 || next >= static_cast<int>(block.loops.size())) continue;
        all.push_back({{"loop", LoopOf(program, block.loops[static_cast<size_t>(next)]).name}});
      }
    }
    return all;
  }

 private:
  LoopKind kind_;
};

constexpr char kLoopSchema[] = R"({
  "type": "object",
  "properties": {
    "loop": {"type": "string", "description": "full name of the loop: O.j.1"}
  },
  "required": ["loop"]
})";

class Vectorize final : public LoopKindBase {
 public:
  Vectorize()
      : LoopKindBase("vectorize", "run the innermost loop of a block as SIMD vectors", kLoopSchema,
                     LoopKind::kVectorized) {}

  Status Check(const ProgramView& program, const Target& target, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, Text(step.args, "loop")));
    BANYAN_ASSIGN_OR_RETURN(const auto blocks, BlocksOfSerialLoop(program, loop));
    const auto& view = LoopOf(program, loop);
    for (const int index : blocks) {
      const auto& block = BlockOf(program, index);
      if (block.opaque) return IllegalStep(fmt::format("block {} is opaque", block.name));
      BANYAN_RETURN_IF_ERROR(CheckDataParallel(program, loop, index, "vectorised"));
      const auto inner = static_cast<size_t>(PositionOf(block, loop)) + 1;
      for (size_t i = inner; i < block.loops.size(); ++i) {
        const auto& deeper = LoopOf(program, block.loops[i]);
        if (deeper.extent == 1) continue;
        return IllegalStep(
            fmt::format("{} is not the innermost loop of {} ({} is inside): order it last",
                        view.name, block.name, deeper.name));
      }
      const int bits = ElementBits(program, block);
      const int lanes = std::max(1, target.lanes(bits));
      const int64_t most = std::max<int64_t>(1, int64_t{8} * target.vector_bits / bits);
      if (view.extent > most) {
        return IllegalStep(fmt::format(
            "{} has {} iterations, at most {} become one vector: tile it by {}, {} or {} first",
            view.name, view.extent, most, lanes, 2 * lanes, 4 * lanes));
      }
      if (view.extent > lanes && (view.extent & (view.extent - 1)) != 0) {
        return IllegalStep(fmt::format(
            "{} has {} iterations, no power of two, which LLVM cannot keep in registers: tile it "
            "by {} or {} and unroll the part outside",
            view.name, view.extent, lanes, 2 * lanes));
      }
      BANYAN_RETURN_IF_ERROR(
          CheckAccumulators(program, target, loop, index, LoopKind::kVectorized));
    }
    return CheckCodeSize(program, target, loop, blocks, LoopKind::kVectorized);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("vectorise {}", Text(step.args, "loop"));
  }
};

class Unroll final : public LoopKindBase {
 public:
  Unroll()
      : LoopKindBase("unroll", "unroll a loop, so that its results stay in registers", kLoopSchema,
                     LoopKind::kUnrolled) {}

  Status Check(const ProgramView& program, const Target& target, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, Text(step.args, "loop")));
    BANYAN_ASSIGN_OR_RETURN(const auto blocks, BlocksOfSerialLoop(program, loop));
    const auto& view = LoopOf(program, loop);
    if (view.extent > kMaxUnroll) {
      return IllegalStep(
          fmt::format("{} has {} iterations, at most {} are unrolled: tile it by 4, 8 or 16 first",
                      view.name, view.extent, kMaxUnroll));
    }
    for (const int index : blocks) {
      BANYAN_RETURN_IF_ERROR(CheckAccumulators(program, target, loop, index, LoopKind::kUnrolled));
    }
    return CheckCodeSize(program, target, loop, blocks, LoopKind::kUnrolled);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("unroll {}", Text(step.args, "loop"));
  }
};

class Parallelize final : public LoopKindBase {
 public:
  Parallelize()
      : LoopKindBase("parallelize",
                     "share the iterations of an outer loop among the target's cores", kLoopSchema,
                     LoopKind::kParallel) {}

  Status Check(const ProgramView& program, const Target& target, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, Text(step.args, "loop")));
    BANYAN_ASSIGN_OR_RETURN(const auto blocks, BlocksOfSerialLoop(program, loop));
    const auto& view = LoopOf(program, loop);
    if (target.cores < 2) {
      return IllegalStep("the target has one core: threads would only cost time");
    }
    if (view.extent < 2) return IllegalStep(fmt::format("{} has one iteration", view.name));
    for (int outer = view.parent; outer >= 0; outer = LoopOf(program, outer).parent) {
      if (LoopOf(program, outer).kind != LoopKind::kParallel) continue;
      return IllegalStep(fmt::format("{} runs inside {}, which is parallel already", view.name,
                                     LoopOf(program, outer).name));
    }
    for (const int index : blocks) {
      BANYAN_RETURN_IF_ERROR(CheckDataParallel(program, loop, index, "parallel"));
    }
    return {};
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("run {} in parallel", Text(step.args, "loop"));
  }
};

// "O.b", "O.h" -> "O.b*h".
std::string FusedName(const std::vector<std::string>& loops) {
  std::string name = loops[0];
  const auto dot = name.find('.');
  const std::string block = dot == std::string::npos ? name : name.substr(0, dot);
  for (size_t i = 1; i < loops.size(); ++i) name += "*" + RelativeName(block, loops[i]);
  return name;
}

class FuseLoops final : public TransformationBase {
 public:
  FuseLoops()
      : TransformationBase("fuse_loops", "make one loop of several nested ones", R"({
  "type": "object",
  "properties": {
    "loops": {"type": "array", "minItems": 2, "maxItems": 8, "items": {"type": "string"},
      "description": "full names of directly nested loops, outermost first: [O.b, O.h]"},
    "name": {"type": "string", "description": "name of the new loop; if left out, O.b*h for O.b and O.h"}
  },
  "required": ["loops"]
})") {}

  Status Canonicalize(Json& args) const override {
    if (Text(args, "name") == FusedName(Texts(args, "loops"))) args.erase("name");
    return {};
  }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    const auto names = Texts(step.args, "loops");
    int previous = -1;
    for (const auto& name : names) {
      BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, name));
      const auto& view = LoopOf(program, loop);
      if (view.kind != LoopKind::kSerial) {
        return IllegalStep(fmt::format("loop {} is {} already", name, LoopKindName(view.kind)));
      }
      if (previous >= 0) {
        const auto& outer = LoopOf(program, previous);
        if (view.parent != previous) {
          return IllegalStep(fmt::format("{} is not directly inside {}", name, outer.name));
        }
        if (program.BlocksUnder(loop) != program.BlocksUnder(previous)) {
          return IllegalStep(fmt::format("{} has more inside than {}", outer.name, name));
        }
      }
      for (const int index : program.BlocksUnder(loop)) {
        const auto& block = BlockOf(program, index);
        if (previous < 0) continue;
        const auto at = static_cast<size_t>(PositionOf(block, loop));
        if (DrivesReduction(block, at) != DrivesReduction(block, at - 1)) {
          return IllegalStep(
              fmt::format("{} and {} of {} are of different kinds (result, reduction)",
                          LoopOf(program, previous).name, name, block.name));
        }
      }
      previous = loop;
    }
    const std::string name = TextOr(step.args, "name", FusedName(names));
    if (program.FindLoop(name) >= 0) {
      return IllegalStep(fmt::format("a loop '{}' exists already: give another name", name));
    }
    return {};
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const auto names = Texts(step.args, "loops");
    return schedule.Fuse(names, TextOr(step.args, "name", FusedName(names)));
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("fuse the loops {}", fmt::join(Texts(step.args, "loops"), ", "));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (size_t i = 0; i < program.loops.size(); ++i) {
      Json chain = Json::array({program.loops[i].name});
      // Upwards from loop i, so that every chain of up to four is offered once.
      for (int outer = program.loops[i].parent; outer >= 0 && chain.size() < 4;
           outer = LoopOf(program, outer).parent) {
        chain.insert(chain.begin(), LoopOf(program, outer).name);
        all.push_back({{"loops", chain}});
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target&,
                             const Step& step) const override {
    std::vector<Json> all;
    const auto names = Texts(step.args, "loops");
    auto offer = [&](std::vector<std::string> loops) {
      if (loops.size() > 1) all.push_back({{"loops", Json(loops)}});
    };
    offer({names.begin() + 1, names.end()});
    offer({names.begin(), names.end() - 1});
    const int first = program.FindLoop(names.front());
    if (first >= 0 && LoopOf(program, first).parent >= 0) {
      std::vector<std::string> longer = names;
      longer.insert(longer.begin(), LoopOf(program, LoopOf(program, first).parent).name);
      offer(std::move(longer));
    }
    for (const auto& loop : program.loops) {
      if (loop.parent < 0 || LoopOf(program, loop.parent).name != names.back()) continue;
      std::vector<std::string> longer = names;
      longer.push_back(loop.name);
      offer(std::move(longer));
    }
    return all;
  }
};

}  // namespace

const Transformation& VectorizeTransformation() {
  static const Vectorize kVectorize;
  return kVectorize;
}

const Transformation& UnrollTransformation() {
  static const Unroll kUnroll;
  return kUnroll;
}

const Transformation& ParallelizeTransformation() {
  static const Parallelize kParallelize;
  return kParallelize;
}

const Transformation& FuseLoopsTransformation() {
  static const FuseLoops kFuseLoops;
  return kFuseLoops;
}

}  // namespace banyan
