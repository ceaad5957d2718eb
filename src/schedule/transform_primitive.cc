// primitive: any single TVM schedule primitive, for what the other transformations cannot say.
#include <fmt/format.h>

#include <map>

#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

// Primitives that make or rename loops and blocks: only the named transformations keep track of
// them.
const std::map<std::string, std::string>& Covered() {
  static const std::map<std::string, std::string> kCovered = {{"Split", "tile"},
                                                              {"Fuse", "fuse_loops"},
                                                              {"Reorder", "reorder"},
                                                              {"Vectorize", "vectorize"},
                                                              {"Unroll", "unroll"},
                                                              {"Parallel", "parallelize"},
                                                              {"CacheRead", "pack"},
                                                              {"CacheWrite", "accumulate"},
                                                              {"ComputeAt", "fuse_producer"},
                                                              {"ReverseComputeAt", "fuse_consumer"},
                                                              {"ComputeInline", "inline"},
                                                              {"ReverseComputeInline", "inline"},
                                                              {"DecomposeReduction", "accumulate"},
                                                              {"DecomposePadding", "padding"},
                                                              {"PadEinsum", "padding"},
                                                              {"RFactor", "rfactor"},
                                                              {"SetScope", "layout"},
                                                              {"TransformLayout", "layout"}};
  return kCovered;
}

class Primitive final : public TransformationBase {
 public:
  Primitive()
      : TransformationBase(
            "primitive", "any single TVM schedule primitive that has no transformation of its own",
            R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "description": "TVM's name: Annotate, StorageAlign, AddUnitLoop, ..."},
    "args": {"type": "array", "maxItems": 16, "description": "its arguments by position; names of blocks and loops stand for them: [O.i.0, pragma_loop_partition_hint, 1]"}
  },
  "required": ["name", "args"]
})") {}

  Status Canonicalize(Json&) const override { return {}; }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    const auto& name = Text(step.args, "name");
    const auto covered = Covered().find(name);
    if (covered != Covered().end()) {
      return IllegalStep(fmt::format("use {} instead of {}", covered->second, name));
    }
    const Json& args = step.args["args"];
    if (name == "Annotate") {
      if (args.size() != 3 || !args[0].is_string() || !args[1].is_string()) {
        return IllegalStep("Annotate takes [loop or block, key, value]");
      }
      const auto& place = args[0].get_ref<const std::string&>();
      if (program.FindBlock(place) >= 0) return {};
      auto loop = NeedLoop(program, place);
      if (!loop.ok()) return loop.error();
    }
    if (name == "AddUnitLoop") {
      if (args.size() != 2 || !args[0].is_string() || !args[1].is_string()) {
        return IllegalStep("AddUnitLoop takes [block, name of the new loop]");
      }
      auto block = NeedBlock(program, args[0].get_ref<const std::string&>());
      if (!block.ok()) return block.error();
    }
    return {};
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const auto& name = Text(step.args, "name");
    const Json& args = step.args["args"];
    if (name == "Annotate" && args.size() == 3 && args[0].is_string() && args[1].is_string()) {
      return schedule.Annotate(args[0].get<std::string>(), args[1].get<std::string>(), args[2]);
    }
    if (name == "AddUnitLoop" && args.size() == 2 && args[0].is_string() && args[1].is_string()) {
      return schedule.AddUnitLoop(args[0].get<std::string>(), args[1].get<std::string>());
    }
    return schedule.Primitive(name, args);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("TVM's {}", Text(step.args, "name"));
  }

 protected:
  // Cutting the guarded last pass of a loop off is the one primitive worth drawing blindly.
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (!block.has_predicate || block.opaque) continue;
      for (const int index : block.loops) {
        const auto& loop = program.loops[static_cast<size_t>(index)];
        if (loop.kind != LoopKind::kSerial || loop.extent < 2) continue;
        all.push_back({{"name", "Annotate"},
                       {"args", Json::array({loop.name, "pragma_loop_partition_hint", 1})}});
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target& target,
                             const Step& step) const override {
    return Text(step.args, "name") == "Annotate" ? Proposals(program, target) : std::vector<Json>();
  }
};

}  // namespace

const Transformation& PrimitiveTransformation() {
  static const Primitive kPrimitive;
  return kPrimitive;
}

}  // namespace banyan
