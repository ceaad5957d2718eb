// Where data lies: pack (an operand) and layout (an intermediate).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schedule/layout_map.h"
#include "schedule/regions.h"
#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

const BufferView& BufferOf(const ProgramView& program, int buffer) {
  return program.buffers[static_cast<size_t>(buffer)];
}

std::vector<int> ReadBuffers(const BlockView& block) {
  std::vector<int> buffers;
  for (const auto& access : block.reads) {
    if (access.buffer < 0 || (!block.writes.empty() && access.buffer == block.writes[0].buffer)) {
      continue;  // not an operand
    }
    if (std::find(buffers.begin(), buffers.end(), access.buffer) == buffers.end()) {
      buffers.push_back(access.buffer);
    }
  }
  return buffers;
}

bool ReadsBuffer(const BlockView& block, int buffer) {
  const auto buffers = ReadBuffers(block);
  return std::find(buffers.begin(), buffers.end(), buffer) != buffers.end();
}

std::string PackName(const Json& args) {
  return TextOr(args, "name", Text(args, "buffer") + "_pack");
}

class Pack final : public TransformationBase {
 public:
  Pack()
      : TransformationBase(
            "pack", "copy an operand of a block into a buffer of its own, in a better layout", R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block that reads the operand"},
    "buffer": {"type": "string", "description": "the operand's buffer"},
    "map": {"type": "array", "minItems": 1, "items": {"type": "string"},
      "description": "new dimensions, outermost first, from the old ones d0, d1, ...: [d1/16, d0, d1%16] lays panels of 16 columns; left out: the plain layout"},
    "at": {"type": "string", "description": "loop of the block inside which the copy is made piece by piece (relative to the block); left out: once, before the block"},
    "scope": {"type": "string", "enum": ["global", "local"], "default": "global", "description": "local: a small array on the stack"},
    "readers": {"type": "array", "items": {"type": "string"}, "description": "other blocks that read the copy too"},
    "pad": {"type": "boolean", "default": false, "description": "allow map to cut extents that do not divide; the rest is filled with zeros"},
    "name": {"type": "string", "description": "the copying block; its loops are NAME.v0, NAME.v1, ... by dimension of the operand; left out: BUFFER_pack"}
  },
  "required": ["block", "buffer"]
})") {}

  Status Canonicalize(Json& args) const override {
    if (args.contains("at")) args["at"] = RelativeName(Text(args, "block"), Text(args, "at"));
    if (Text(args, "name") == Text(args, "buffer") + "_pack") args.erase("name");
    if (args.contains("map")) {
      auto layout = ParseLayout(args["map"]);
      if (!layout.ok()) return layout.error();
      args["map"] = LayoutToJson(*layout);
    }
    if (args.contains("readers")) {
      auto readers = Texts(args, "readers");
      const std::set<std::string> sorted(readers.begin(), readers.end());
      if (sorted.empty()) {
        args.erase("readers");
      } else {
        args["readers"] = std::vector<std::string>(sorted.begin(), sorted.end());
      }
    }
    return {};
  }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    const Json& args = step.args;
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(args, "block")));
    const auto& block = BlockOf(program, index);
    if (block.opaque) return IllegalStep(fmt::format("block {} is opaque", block.name));
    const int buffer = program.FindBuffer(Text(args, "buffer"));
    if (buffer < 0 || !ReadsBuffer(block, buffer)) {
      std::vector<std::string> names;
      for (const int read : ReadBuffers(block)) names.push_back(BufferOf(program, read).name);
      return IllegalStep(
          fmt::format("{} does not read '{}'; it reads {}", block.name, Text(args, "buffer"),
                      names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "))));
    }
    BANYAN_RETURN_IF_ERROR(NeedNewName(program, PackName(args)));
    BANYAN_RETURN_IF_ERROR(NeedOneWriter(program, buffer));
    for (const auto& reader : Texts(args, "readers")) {
      BANYAN_ASSIGN_OR_RETURN(const int other, NeedBlock(program, reader));
      if (!ReadsBuffer(BlockOf(program, other), buffer)) {
        return IllegalStep(fmt::format("reader {} does not read {}", reader, Text(args, "buffer")));
      }
    }
    if (args.contains("map")) {
      auto layout =
          CheckLayout(args["map"], BufferOf(program, buffer).shape, args.value("pad", false));
      if (!layout.ok()) return layout.error();
    }
    const auto& scope = TextOr(args, "scope", "global");
    if (!args.contains("at")) {
      if (scope == "local" && BufferOf(program, buffer).bytes() > kMaxLocalBytes) {
        return IllegalStep(
            fmt::format("{} has {} bytes, too many for the stack: give `at` or scope=global",
                        Text(args, "buffer"), BufferOf(program, buffer).bytes()));
      }
      return {};
    }
    return CheckPlace(program, index, buffer, args);
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const Json& args = step.args;
    const std::string name = PackName(args);
    std::string at;
    if (args.contains("at")) {
      BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
      BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(*program, Text(args, "block")));
      BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(*program, block, Text(args, "at")));
      at = program->loops[static_cast<size_t>(loop)].name;
    }
    BANYAN_RETURN_IF_ERROR(schedule.CacheRead(Text(args, "block"), Text(args, "buffer"),
                                              TextOr(args, "scope", "global"),
                                              Texts(args, "readers"), name));
    if (args.contains("map")) {
      BANYAN_ASSIGN_OR_RETURN(const Layout layout, ParseLayout(args["map"]));
      BANYAN_RETURN_IF_ERROR(schedule.TransformLayout(name, layout, args.value("pad", false)));
    }
    if (at.empty()) return {};
    // An operand that is itself computed inside `at` is copied there at once.
    BANYAN_ASSIGN_OR_RETURN(const bool there, RunsInside(schedule, name, at));
    return there ? Status() : schedule.ComputeAt(name, at, true);
  }

  std::string Describe(const Step& step) const override {
    std::string text =
        fmt::format("copy {} for {}", Text(step.args, "buffer"), Text(step.args, "block"));
    if (step.args.contains("map")) {
      text += fmt::format(" into the layout ({})", fmt::join(Texts(step.args, "map"), ", "));
    }
    if (step.args.contains("at")) text += fmt::format(" inside its loop {}", Text(step.args, "at"));
    return text;
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target& target) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (block.opaque || !block.is_reduction) continue;
      for (const int buffer : ReadBuffers(block)) {
        AddProposals(program, target, block, BufferOf(program, buffer), all);
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target& target,
                             const Step& step) const override {
    std::vector<Json> all;
    const int block = program.FindBlock(Text(step.args, "block"));
    const int buffer = program.FindBuffer(Text(step.args, "buffer"));
    if (block < 0 || buffer < 0) return all;
    const auto& shape = BufferOf(program, buffer).shape;
    const int lanes = std::max(1, target.lanes(BufferOf(program, buffer).element_bits));
    if (step.args.contains("map")) {
      for (auto& map : LayoutVariants(step.args["map"], shape, lanes)) {
        Json args = step.args;
        args["map"] = std::move(map);
        all.push_back(std::move(args));
      }
      Json args = step.args;
      args.erase("map");
      all.push_back(std::move(args));
    } else {
      for (auto& map : LayoutProposals(shape, lanes)) {
        Json args = step.args;
        args["map"] = std::move(map);
        all.push_back(std::move(args));
      }
    }
    std::vector<std::string> places = {""};
    const auto& view = BlockOf(program, block);
    for (const int loop : view.loops) {
      places.push_back(RelativeName(view.name, program.loops[static_cast<size_t>(loop)].name));
    }
    const auto here = std::find(places.begin(), places.end(), Text(step.args, "at"));
    if (here == places.end()) return all;
    for (const std::ptrdiff_t next : {here - places.begin() - 1, here - places.begin() + 1}) {
      if (next < 0 || next >= static_cast<std::ptrdiff_t>(places.size())) continue;
      Json args = step.args;
      args.erase("at");
      if (next > 0) args["at"] = places[static_cast<size_t>(next)];
      all.push_back(std::move(args));
    }
    return all;
  }

 private:
  static Status CheckPlace(const ProgramView& program, int index, int buffer, const Json& args) {
    const auto& block = BlockOf(program, index);
    BANYAN_ASSIGN_OR_RETURN(const int loop, NeedLoopOf(program, index, Text(args, "at")));
    const int position = PositionOf(block, loop);
    int64_t outer = 1;
    for (int i = 0; i <= position; ++i) {
      const auto& around = program.loops[static_cast<size_t>(block.loops[static_cast<size_t>(i)])];
      if (around.kind == LoopKind::kVectorized || around.kind == LoopKind::kUnrolled) {
        return IllegalStep(fmt::format("{} is {}: choose a loop outside it", around.name,
                                       LoopKindName(around.kind)));
      }
      outer *= around.extent;
    }
    for (const auto& reader : Texts(args, "readers")) {
      const int other = program.FindBlock(reader);
      if (other >= 0 && PositionOf(BlockOf(program, other), loop) < 0) {
        return IllegalStep(
            fmt::format("reader {} does not run inside {}", reader, Text(args, "at")));
      }
    }
    int64_t piece = 1;
    for (const int64_t extent : TouchedRegion(program, index, buffer, true, position))
      piece *= extent;
    if (TextOr(args, "scope", "global") == "local" &&
        piece * BufferOf(program, buffer).element_bits / 8 > kMaxLocalBytes) {
      return IllegalStep(fmt::format(
          "the piece copied at {} has {} elements, too many for the stack: use scope=global",
          Text(args, "at"), piece));
    }
    if (piece * outer * 2 > program.Iterations(index)) {
      return IllegalStep(fmt::format(
          "at {} elements are copied about as often as they are used: choose a loop further out",
          Text(args, "at")));
    }
    return {};
  }

  static void AddProposals(const ProgramView& program, const Target& target, const BlockView& block,
                           const BufferView& buffer, std::vector<Json>& all) {
    const int lanes = std::max(1, target.lanes(buffer.element_bits));
    std::vector<Json> maps = {Json()};
    for (auto& map : LayoutProposals(buffer.shape, lanes)) maps.push_back(std::move(map));
    std::vector<std::string> places = {""};
    for (const int loop : block.loops) {
      places.push_back(RelativeName(block.name, program.loops[static_cast<size_t>(loop)].name));
    }
    std::string name = buffer.name + "_pack";
    for (int i = 2; program.FindBlock(name) >= 0; ++i)
      name = fmt::format("{}_pack{}", buffer.name, i);
    for (const auto& map : maps) {
      for (const auto& place : places) {
        Json args = {{"block", block.name}, {"buffer", buffer.name}, {"name", name}};
        if (!map.is_null()) args["map"] = map;
        if (!place.empty()) args["at"] = place;
        all.push_back(std::move(args));
      }
    }
  }
};

class LayoutOf final : public TransformationBase {
 public:
  LayoutOf()
      : TransformationBase("layout",
                           "change layout or scope of the intermediate that a block writes", R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block that writes the intermediate"},
    "map": {"type": "array", "minItems": 1, "items": {"type": "string"},
      "description": "new dimensions, outermost first, from the old ones d0, d1, ...: [d0/8, d1/64, d0%8, d1%64]"},
    "scope": {"type": "string", "enum": ["global", "local"], "description": "local: a small array on the stack, kept in registers where possible"},
    "pad": {"type": "boolean", "default": false, "description": "allow map to cut extents that do not divide; the rest is filled with zeros"}
  },
  "required": ["block"]
})") {}

  Status Canonicalize(Json& args) const override {
    if (!args.contains("map") && !args.contains("scope")) {
      return InvalidArgument("give map, scope or both");
    }
    if (args.contains("map")) {
      auto layout = ParseLayout(args["map"]);
      if (!layout.ok()) return layout.error();
      args["map"] = LayoutToJson(*layout);
    }
    return {};
  }

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(program, Text(step.args, "block")));
    const auto& block = BlockOf(program, index);
    if (block.opaque || block.writes.empty()) {
      return IllegalStep(fmt::format("block {} is opaque", block.name));
    }
    const auto& buffer = BufferOf(program, block.writes[0].buffer);
    if (buffer.is_parameter) {
      return IllegalStep(fmt::format("{} writes {}, an output of the program whose layout is fixed",
                                     block.name, buffer.name));
    }
    if (step.args.contains("map")) {
      auto layout = CheckLayout(step.args["map"], buffer.shape, step.args.value("pad", false));
      if (!layout.ok()) return layout.error();
    }
    if (!step.args.contains("scope")) return {};
    if (!step.args.contains("map") && buffer.scope == Text(step.args, "scope")) {
      return IllegalStep(fmt::format("{} is in scope {} already", buffer.name, buffer.scope));
    }
    if (Text(step.args, "scope") != "local") return {};
    int64_t piece = (buffer.element_bits + 7) / 8;
    for (const int64_t extent : TouchedRegion(program, index, block.writes[0].buffer, false,
                                              SharedDepth(program, block))) {
      piece *= extent;
    }
    if (piece <= kMaxLocalBytes) return {};
    return IllegalStep(
        fmt::format("{} holds {} bytes between {} and its consumers, too many for the stack: fuse "
                    "deeper first or keep scope=global",
                    buffer.name, piece, block.name));
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    const auto& block = Text(step.args, "block");
    if (step.args.contains("scope")) {
      BANYAN_RETURN_IF_ERROR(schedule.SetScope(block, Text(step.args, "scope")));
    }
    if (!step.args.contains("map")) return {};
    BANYAN_ASSIGN_OR_RETURN(const Layout layout, ParseLayout(step.args["map"]));
    return schedule.TransformLayout(block, layout, step.args.value("pad", false));
  }

  std::string Describe(const Step& step) const override {
    std::string text = fmt::format("keep the result of {}", Text(step.args, "block"));
    if (step.args.contains("map")) {
      text += fmt::format(" in the layout ({})", fmt::join(Texts(step.args, "map"), ", "));
    }
    if (step.args.contains("scope")) text += fmt::format(" in {} memory", Text(step.args, "scope"));
    return text;
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target& target) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (block.opaque || block.writes.empty() || block.is_init) continue;
      const auto& buffer = BufferOf(program, block.writes[0].buffer);
      if (buffer.is_parameter) continue;
      const int lanes = std::max(1, target.lanes(buffer.element_bits));
      for (auto& map : LayoutProposals(buffer.shape, lanes)) {
        all.push_back({{"block", block.name}, {"map", std::move(map)}});
      }
      for (const char* scope : {"global", "local"}) {
        all.push_back({{"block", block.name}, {"scope", scope}});
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target& target,
                             const Step& step) const override {
    std::vector<Json> all;
    const int block = program.FindBlock(Text(step.args, "block"));
    if (block < 0 || BlockOf(program, block).writes.empty()) return all;
    const auto& buffer = BufferOf(program, BlockOf(program, block).writes[0].buffer);
    const int lanes = std::max(1, target.lanes(buffer.element_bits));
    auto maps = step.args.contains("map") ? LayoutVariants(step.args["map"], buffer.shape, lanes)
                                          : LayoutProposals(buffer.shape, lanes);
    for (auto& map : maps) {
      Json args = step.args;
      args["map"] = std::move(map);
      all.push_back(std::move(args));
    }
    return all;
  }

 private:
  // Position of the innermost loop that the block shares with all its consumers; -1: none.
  static int SharedDepth(const ProgramView& program, const BlockView& block) {
    int depth = -1;
    for (size_t i = 0; i < block.loops.size(); ++i) {
      for (const int consumer : block.consumers) {
        if (PositionOf(BlockOf(program, consumer), block.loops[i]) < 0) return depth;
      }
      depth = static_cast<int>(i);
    }
    return depth;
  }
};

}  // namespace

const Transformation& PackTransformation() {
  static const Pack kPack;
  return kPack;
}

const Transformation& LayoutTransformation() {
  static const LayoutOf kLayout;
  return kLayout;
}

}  // namespace banyan
