#include "schedule/transform_tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schedule/transform_all.h"

namespace banyan {
namespace {

// Every other block under the outermost reordered loop must be under the innermost one too: loops
// change places only on a straight chain.
Status CheckChain(const ProgramView& program, int block, const std::vector<int>& origins) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  int first = static_cast<int>(view.loops.size());
  int last = -1;
  for (const int loop : origins) {
    first = std::min(first, PositionOf(view, loop));
    last = std::max(last, PositionOf(view, loop));
  }
  if (last <= first) return {};
  const int outer = view.loops[static_cast<size_t>(first)];
  const int inner = view.loops[static_cast<size_t>(last)];
  for (const int other : program.BlocksUnder(outer)) {
    if (PositionOf(program.blocks[static_cast<size_t>(other)], inner) >= 0) continue;
    return IllegalStep(
        fmt::format("block {} runs inside {} but outside {}: reorder only loops that surround the "
                    "same blocks",
                    program.blocks[static_cast<size_t>(other)].name,
                    program.loops[static_cast<size_t>(outer)].name,
                    program.loops[static_cast<size_t>(inner)].name));
  }
  return {};
}

struct OrderEntry {
  std::string full;
  int origin = -1;
};

Result<std::vector<std::string>> ResolveOrder(const ProgramView& program, int block,
                                              const std::vector<TilePlan::Split>& splits,
                                              const std::vector<std::string>& order) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  std::vector<OrderEntry> entries;
  std::vector<std::string> shown;
  for (const int loop : view.loops) {
    const auto& name = program.loops[static_cast<size_t>(loop)].name;
    const auto split = std::find_if(splits.begin(), splits.end(),
                                    [&](const auto& item) { return item.loop == loop; });
    if (split == splits.end()) {
      entries.push_back({name, loop});
    } else {
      for (const auto& part : split->parts) entries.push_back({part, loop});
    }
  }
  for (const auto& entry : entries) shown.push_back(RelativeName(view.name, entry.full));

  std::vector<std::string> names;
  std::vector<int> origins;
  for (const auto& wanted : order) {
    auto found = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
      return entry.full == view.name + "." + wanted;
    });
    if (found == entries.end()) {
      found = std::find_if(entries.begin(), entries.end(),
                           [&](const auto& entry) { return entry.full == wanted; });
    }
    if (found == entries.end()) {
      return IllegalStep(fmt::format("order names '{}', which is no loop of {} here; its loops: {}",
                                     wanted, view.name, fmt::join(shown, ", ")));
    }
    if (std::find(names.begin(), names.end(), found->full) != names.end()) {
      return IllegalStep(fmt::format("order names '{}' twice", wanted));
    }
    names.push_back(found->full);
    origins.push_back(found->origin);
  }
  BANYAN_RETURN_IF_ERROR(CheckChain(program, block, origins));
  return names;
}

Status CheckOpaque(const ProgramView& program, int block) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  if (!view.opaque) return {};
  return IllegalStep(
      fmt::format("block {} is opaque (not one store): only primitive applies", view.name));
}

class Tile final : public TransformationBase {
 public:
  Tile()
      : TransformationBase(
            "tile", "split loops of a block into blocks of given sizes and order the parts", R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block whose loops are tiled"},
    "factors": {"type": "object", "minProperties": 1,
      "additionalProperties": {"type": "array", "minItems": 1, "maxItems": 3,
                               "items": {"type": "integer", "minimum": 1, "maximum": 1048576}},
      "description": "loop -> sizes of its inner parts, outermost first; the outermost part L.0 is inferred: i: [4, 8] makes i.0 (the rest), i.1 of 4, i.2 of 8"},
    "order": {"type": "array", "minItems": 2, "items": {"type": "string"},
      "description": "loops of the block after splitting, outermost first, relative to the block: [i.0, k.0, i.1]; loops not named keep their places"}
  },
  "required": ["block", "factors"]
})") {}

  Status Canonicalize(Json& args) const override {
    BANYAN_RETURN_IF_ERROR(TransformationBase::Canonicalize(args));
    std::vector<std::pair<std::string, Json>> sorted;
    for (auto& [key, value] : args["factors"].items()) {
      sorted.emplace_back(RelativeName(Text(args, "block"), key), value);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Json factors = Json::object();
    for (auto& [key, value] : sorted) {
      if (factors.contains(key))
        return InvalidArgument(fmt::format("factors name '{}' twice", key));
      factors[key] = std::move(value);
    }
    args["factors"] = std::move(factors);
    return {};
  }

  Status Check(const ProgramView& program, const Target& target, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(program, Text(step.args, "block")));
    BANYAN_RETURN_IF_ERROR(CheckOpaque(program, block));
    BANYAN_ASSIGN_OR_RETURN(const TilePlan plan, MakeTilePlan(program, step.args));
    for (const auto& split : plan.splits) {
      BANYAN_RETURN_IF_ERROR(CheckSplit(program, target, split));
    }
    return {};
  }

  std::optional<Step> Sample(const ProgramView& program, const Target& target,
                             Rng& rng) const override {
    std::vector<int> blocks;
    for (size_t i = 0; i < program.blocks.size(); ++i) {
      if (program.blocks[i].opaque || TileableLoops(program, static_cast<int>(i)).empty()) continue;
      blocks.push_back(static_cast<int>(i));
    }
    if (blocks.empty()) return std::nullopt;
    for (int attempt = 0; attempt < 8; ++attempt) {
      std::vector<Json> one = {RandomTile(program, target, rng.Pick(blocks), rng)};
      auto legal = KeepLegal(program, target, std::move(one));
      if (!legal.empty()) return std::move(legal.front());
    }
    return TransformationBase::Sample(program, target, rng);
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
    BANYAN_ASSIGN_OR_RETURN(const TilePlan plan, MakeTilePlan(*program, step.args));
    return ApplyTilePlan(schedule, plan);
  }

  std::string Describe(const Step& step) const override {
    std::vector<std::string> parts;
    for (const auto& [loop, factors] : step.args["factors"].items()) {
      std::vector<int64_t> sizes;
      for (const auto& factor : factors) sizes.push_back(factor.get<int64_t>());
      parts.push_back(fmt::format("{} by {}", loop, fmt::join(sizes, "x")));
    }
    std::string text = fmt::format("tile {}: {}", Text(step.args, "block"), fmt::join(parts, ", "));
    const auto order = Texts(step.args, "order");
    if (!order.empty()) text += fmt::format("; loops in the order {}", fmt::join(order, ", "));
    return text;
  }

 protected:
  std::vector<Json> Proposals(const ProgramView& program, const Target& target) const override {
    std::vector<Json> all;
    for (size_t block = 0; block < program.blocks.size(); ++block) {
      if (program.blocks[block].opaque) continue;
      for (auto& args : TileProposals(program, target, static_cast<int>(block))) {
        all.push_back(std::move(args));
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView& program, const Target& target,
                             const Step& step) const override {
    return TileVariants(program, target, step.args);
  }

 private:
  static Status CheckSplit(const ProgramView& program, const Target& target,
                           const TilePlan::Split& split) {
    const auto& loop = program.loops[static_cast<size_t>(split.loop)];
    if (loop.extent <= 0) {
      return IllegalStep(fmt::format("loop {} has no constant extent", split.name));
    }
    if (loop.kind != LoopKind::kSerial) {
      return IllegalStep(fmt::format("loop {} is {} already: tile before that", split.name,
                                     LoopKindName(loop.kind)));
    }
    int64_t product = 1;
    for (const int64_t factor : split.factors) {
      if (factor > 0) product *= factor;
      if (product > loop.extent) break;
    }
    if (product > loop.extent) {
      return IllegalStep(fmt::format(
          "factors of {} multiply to more than its extent {}; try {}", split.name, loop.extent,
          fmt::join(FactorCandidates(loop.extent, target.lanes(32)), ", ")));
    }
    return {};
  }
};

class Reorder final : public TransformationBase {
 public:
  Reorder()
      : TransformationBase("reorder", "change the order of loops of a block", R"({
  "type": "object",
  "properties": {
    "block": {"type": "string", "description": "the block whose loops change places"},
    "order": {"type": "array", "minItems": 2, "items": {"type": "string"},
      "description": "some of its loops, outermost first, relative to the block; loops not named keep their places"}
  },
  "required": ["block", "order"]
})") {}

  Status Check(const ProgramView& program, const Target&, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(program, Text(step.args, "block")));
    BANYAN_RETURN_IF_ERROR(CheckOpaque(program, block));
    BANYAN_ASSIGN_OR_RETURN(const TilePlan plan, MakeTilePlan(program, step.args));
    int last = -1;
    bool changes = false;
    for (const auto& name : plan.order) {
      const int position =
          PositionOf(program.blocks[static_cast<size_t>(block)], program.FindLoop(name));
      changes = changes || position < last;
      last = position;
    }
    if (!changes) return IllegalStep("the loops are in this order already");
    return {};
  }

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
    BANYAN_ASSIGN_OR_RETURN(const TilePlan plan, MakeTilePlan(*program, step.args));
    return ApplyTilePlan(schedule, plan);
  }

  std::string Describe(const Step& step) const override {
    return fmt::format("run the loops of {} in the order {}", Text(step.args, "block"),
                       fmt::join(Texts(step.args, "order"), ", "));
  }

 protected:
  // Any two loops change places.
  std::vector<Json> Proposals(const ProgramView& program, const Target&) const override {
    std::vector<Json> all;
    for (const auto& block : program.blocks) {
      if (block.opaque) continue;
      for (size_t i = 0; i < block.loops.size(); ++i) {
        for (size_t j = i + 1; j < block.loops.size(); ++j) {
          Json order = Json::array();
          for (size_t k = i; k <= j; ++k) {
            const size_t at = k == i ? j : (k == j ? i : k);
            const auto& loop = program.loops[static_cast<size_t>(block.loops[at])];
            order.push_back(RelativeName(block.name, loop.name));
          }
          all.push_back({{"block", block.name}, {"order", std::move(order)}});
        }
      }
    }
    return all;
  }

  std::vector<Json> Variants(const ProgramView&, const Target&, const Step& step) const override {
    std::vector<Json> all;
    const Json& order = step.args["order"];
    for (size_t i = 1; i < order.size(); ++i) {
      Json args = step.args;
      std::swap(args["order"][i - 1], args["order"][i]);
      all.push_back(std::move(args));
    }
    if (order.size() > 2) {
      for (size_t i = 0; i < order.size(); ++i) {
        Json args = step.args;
        args["order"].erase(i);
        all.push_back(std::move(args));
      }
    }
    return all;
  }
};

}  // namespace

Result<TilePlan> MakeTilePlan(const ProgramView& program, const Json& args) {
  BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(program, Text(args, "block")));
  TilePlan plan;
  if (args.contains("factors")) {
    for (const auto& [key, factors] : args["factors"].items()) {
      TilePlan::Split split;
      BANYAN_ASSIGN_OR_RETURN(split.loop, NeedLoopOf(program, block, key));
      split.name = program.loops[static_cast<size_t>(split.loop)].name;
      split.factors.push_back(0);
      for (const auto& factor : factors) split.factors.push_back(factor.get<int64_t>());
      for (size_t i = 0; i < split.factors.size(); ++i) {
        split.parts.push_back(fmt::format("{}.{}", split.name, i));
      }
      plan.splits.push_back(std::move(split));
    }
  }
  if (args.contains("order")) {
    BANYAN_ASSIGN_OR_RETURN(plan.order,
                            ResolveOrder(program, block, plan.splits, Texts(args, "order")));
  }
  return plan;
}

Status ApplyTilePlan(LiveSchedule& schedule, const TilePlan& plan) {
  for (const auto& split : plan.splits) {
    BANYAN_RETURN_IF_ERROR(schedule.Split(split.name, split.factors, split.parts));
  }
  return plan.order.empty() ? Status() : schedule.Reorder(plan.order);
}

const Transformation& TileTransformation() {
  static const Tile kTile;
  return kTile;
}

const Transformation& ReorderTransformation() {
  static const Reorder kReorder;
  return kReorder;
}

}  // namespace banyan
