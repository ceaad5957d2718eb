// padding (of a block's domain or operands) and rfactor.
#include <fmt/format.h>

#include <algorithm>

#include "schedule/regions.h"
#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

std::string PadName(const Json& args) {
  return TextOr(args, "name", Text(args, "block") + "_fill");
}

class Padding final : public TransformationBase {
 public:
  Padding()
      : TransformationBase("padding",
                           "take the condition of a padding out of its inner loops, or pad "
                           "operands to whole tiles",
                           R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "split_off: the block that pads; pad_operands: the product whose operands are padded"},
    "mode": {"type": "string", "enum": ["split_off", "pad_operands"], "default": "split_off",
      "description": "split_off: first fill with the padding value, then copy the inside, without a condition; pad_operands: compute on operands padded with zeros"},
    "at": {"type": "string", "description": "split_off: loop of the block inside which the fill runs first"},
    "multiples": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 4096},
      "description": "pad_operands: iteration of the block -> its extent is rounded up to a multiple: {i: 8, j: 32}"},
    "name": {"type": "string", "description": "split_off: the block that fills; left out: BLOCK_fill"}
  },
  "required": ["block"]
})") {}

  Status Canonicalize(Json& args) const override {
    const bool split = TextOr(args, "mode", "split_off") == "split_off";
    if (split && !args.contains("at")) return InvalidArgument("mode split_off needs at=LOOP");
    if (!split && !args.contains("multiples")) {
      return InvalidArgument("mode pad_operands needs multiples={ITER: N}");
    }
    if (split) {
      args.erase("multiples");
      args["at"] = RelativeName(Text(args, "block"), Text(args, "at"));
      if (Text(args, "name") == Text(args, "block") + "_fill") args.erase("name");
      return {};
    }
    args.erase("at");
    args.erase("name");
    std::vector<std::pair<std::string, Json>> sorted;
    for (auto& [key, value] : args["multiples"].items()) {
      if (value != 1) sorted.emplace_back(RelativeName(Text(args, "block"), key), value);
    }
    if (sorted.empty()) return InvalidArgument("multiples are all 1: nothing would be padded");
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Json multiples = Json::object();
    for (auto& [key, value] : sorted) {
      if (multiples.contains(key))
        return InvalidArgument(fmt::format("multiples name '{}' twice", key));
      multiples[key] = std::move(value);
    }
    args["multiples"] = std::move(multiples);
    return {};
  }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(step.args, "block")));
    const auto& block = BlockOf(program, index);
    if (block.opaque) return IllegalStep(fmt::format("block {} is opaque", block.name));
    if (TextOr(step.args, "mode", "split_off") == "pad_operands") {
      BANYAN_RETURN_IF_ERROR(NeedOwnLoops(program, index, "pad"));
      return CheckMultiples(block, step);
    }
    if (!block.has_condition || block.is_reduction) {
      return IllegalStep(
          fmt::format("{} does not pad (its value does not depend on a condition)", block.name));
    }
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(program, index, Text(step.args, "at")));
    const auto& view = program.loops[static_cast<size_t>(loop)];
    if (view.kind == LoopKind::kVectorized || view.kind == LoopKind::kUnrolled) {
      return IllegalStep(
          fmt::format("{} is {}: choose a loop outside it", view.name, LoopKindName(view.kind)));
    }
    if (program.BlocksUnder(loop).size() != 1) {
      return IllegalStep(fmt::format("{} surrounds other blocks too: choose a loop of {} alone",
                                     view.name, block.name));
    }
    return NeedNewName(program, PadName(step.args));
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const auto& name = Text(step.args, "block");
    BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(*program, name));
    if (TextOr(step.args, "mode", "split_off") == "split_off") {
      BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(*program, index, Text(step.args, "at")));
      return schedule.DecomposePadding(name, program->loops[static_cast<size_t>(loop)].name,
                                       PadName(step.args));
    }
    std::vector<int64_t> multiples;
    for (const auto& iter : BlockOf(*program, index).iters) {
      multiples.push_back(step.args["multiples"].value(iter.name, int64_t{1}));
    }
    return schedule.PadEinsum(name, multiples);
  }

  std::string Describe(const Step& step) const override {
    if (TextOr(step.args, "mode", "split_off") == "split_off") {
      return fmt::format("fill the padding of {} at {} and copy the inside without a condition",
                         Text(step.args, "block"), Text(step.args, "at"));
    }
    return fmt::format("pad the operands of {} with zeros to whole tiles",
                       Text(step.args, "block"));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target& target) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (block.opaque) continue;
      if (block.has_condition && !block.is_reduction) {
        for (const int loop : block.loops) {
          all.push_back(
              {{"block", block.name}, {"at", program.loops[static_cast<size_t>(loop)].name}});
        }
      }
      if (!block.multiply_add) continue;
      const int lanes = std::max(1, target.lanes(ElementBits(program, block)));
      for (const auto& iter : block.iters) {
        for (const int64_t multiple : {4, 8, lanes, 2 * lanes}) {
          if (iter.extent % multiple == 0 || iter.extent < multiple) continue;
          all.push_back({{"block", block.name},
                         {"mode", "pad_operands"},
                         {"multiples", {{iter.name, multiple}}}});
        }
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target&,
                             const Step& step) const override {
    std::vector<Json> all;
    const int index = program.FindBlock(Text(step.args, "block"));
    if (index < 0) return all;
    if (step.args.contains("multiples")) {
      for (const auto& [iter, multiple] : step.args["multiples"].items()) {
        for (const int64_t next : {multiple.get<int64_t>() / 2, multiple.get<int64_t>() * 2}) {
          if (next < 2) continue;
          Json args = step.args;
          args["multiples"][iter] = next;
          all.push_back(std::move(args));
        }
      }
      return all;
    }
    const auto& block = BlockOf(program, index);
    auto loop = NeedLoopOf(program, index, Text(step.args, "at"));
    if (!loop.ok()) return all;
    for (const int next : {PositionOf(block, *loop) - 1, PositionOf(block, *loop) + 1}) {
      if (next < 0 || next >= static_cast<int>(block.loops.size())) continue;
      Json args = step.args;
      args["at"] = program.loops[static_cast<size_t>(block.loops[static_cast<size_t>(next)])].name;
      all.push_back(std::move(args));
    }
    return all;
  }

 private:
  static Status CheckMultiples(const BlockView& block, const Step& step) {
    if (!block.multiply_add || IsDecomposed(block)) {
      return IllegalStep(
          fmt::format("{} is no sum of products with its own initialisation", block.name));
    }
    bool changes = false;
    for (const auto& [name, multiple] : step.args["multiples"].items()) {
      const int iter = block.FindIter(name);
      if (iter < 0) {
        std::vector<std::string> names;
        for (const auto& known : block.iters) names.push_back(known.name);
        return IllegalStep(fmt::format("{} has no iteration '{}'; it has {}", block.name, name,
                                       fmt::join(names, ", ")));
      }
      const int64_t extent = block.iters[static_cast<size_t>(iter)].extent;
      // Zeros add nothing only to a plain product: (x - mean)^2 of a padded x is not zero.
      if (block.iters[static_cast<size_t>(iter)].kind == IterKind::kReduction &&
          block.flops_per_iteration > 2) {
        return IllegalStep(fmt::format(
            "{} sums more than a plain product, so zeros appended along {} would change it",
            block.name, name));
      }
      changes = changes || extent % multiple.get<int64_t>() != 0;
      if (multiple.get<int64_t>() > 2 * extent) {
        return IllegalStep(fmt::format("{} is more than twice the extent {} of {}",
                                       multiple.get<int64_t>(), extent, name));
      }
    }
    if (!changes) return IllegalStep("all extents are such multiples already");
    return {};
  }
};

// The block whose reduction `loop` drives; -1: none.
int ReducedBlock(const ProgramView& program, int loop) {
  for (size_t i = 0; i < program.blocks.size(); ++i) {
    const int position = PositionOf(program.blocks[i], loop);
    if (position >= 0 && DrivesReduction(program.blocks[i], static_cast<size_t>(position))) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

class RFactor final : public TransformationBase {
 public:
  RFactor()
      : TransformationBase(
            "rfactor",
            "make a reduction loop a dimension of a partial result, summed up afterwards", R"({
  "type": "object",
  "properties": {
    "loop": {"type": "string", "description": "full name of a reduction loop: O.k.1"},
    "axis": {"type": "integer", "minimum": 0, "default": 0, "description": "where the new dimension stands in the partial result; the result's rank: last"},
    "name": {"type": "string", "description": "the block of partial results; left out: BLOCK_rf"}
  },
  "required": ["loop"]
})") {}

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(program, Text(step.args, "loop")));
    const int index = ReducedBlock(program, loop);
    if (index < 0)
      return IllegalStep(fmt::format("{} is no reduction loop", Text(step.args, "loop")));
    const auto& block = BlockOf(program, index);
    if (IsDecomposed(block)) {
      return IllegalStep(fmt::format("the initialisation of {} is split off already", block.name));
    }
    if (HasSpatialGuard(program, index)) {
      return IllegalStep(
          fmt::format("a loop of the result of {} is split so that it does not divide: rfactor "
                      "before tiling it",
                      block.name));
    }
    if (block.combiner.empty()) {
      return IllegalStep(fmt::format("the reduction of {} has no known combiner", block.name));
    }
    for (const int around : block.loops) {
      const auto& view = program.loops[static_cast<size_t>(around)];
      if (view.kind != LoopKind::kSerial) {
        return IllegalStep(
            fmt::format("{} is {}: rfactor before that", view.name, LoopKindName(view.kind)));
      }
    }
    BANYAN_RETURN_IF_ERROR(NeedOwnLoops(program, index, "rfactor"));
    const auto rank = block.writes.empty() ? size_t{0} : block.writes[0].indices.size();
    if (step.args.value("axis", int64_t{0}) > static_cast<int64_t>(rank)) {
      return IllegalStep(fmt::format("axis must be 0 to {}", rank));
    }
    return NeedNewName(program, TextOr(step.args, "name", block.name + "_rf"));
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoop(*program, Text(step.args, "loop")));
    const int index = ReducedBlock(*program, loop);
    if (index < 0)
      return IllegalStep(fmt::format("{} is no reduction loop", Text(step.args, "loop")));
    return schedule.RFactor(Text(step.args, "loop"),
                            static_cast<int>(step.args.value("axis", int64_t{0})),
                            TextOr(step.args, "name", BlockOf(*program, index).name + "_rf"));
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("sum along {} into separate partial results first", Text(step.args, "loop"));
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (size_t i = 0; i < program.loops.size(); ++i) {
      const int index = ReducedBlock(program, static_cast<int>(i));
      if (index < 0 || program.loops[i].extent < 2) continue;
      const auto& block = BlockOf(program, index);
      const auto rank = block.writes.empty() ? size_t{0} : block.writes[0].indices.size();
      all.push_back({{"loop", program.loops[i].name}});
      if (rank > 0) all.push_back({{"loop", program.loops[i].name}, {"axis", rank}});
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView&, const Target&, const Step& step) const override {
    std::vector<Json> all;
    const int64_t axis = step.args.value("axis", int64_t{0});
    for (const int64_t next : {axis - 1, axis + 1}) {
      if (next < 0) continue;
      Json args = step.args;
      args["axis"] = next;
      all.push_back(std::move(args));
    }
    return all;
  }
};

}  // namespace

const Transformation& PaddingTransformation() {
  static const Padding kPadding;
  return kPadding;
}

const Transformation& RFactorTransformation() {
  static const RFactor kRFactor;
  return kRFactor;
}

}  // namespace banyan
