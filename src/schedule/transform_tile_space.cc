// The space of tiles: what tile enumerates, draws and varies.
#include <fmt/format.h>

#include <algorithm>

#include "schedule/transform_tile.h"

namespace banyan {
namespace {

std::string LoopAt(const ProgramView& program, const BlockView& block, size_t position) {
  return RelativeName(block.name, program.loops[static_cast<size_t>(block.loops[position])].name);
}

int64_t ExtentAt(const ProgramView& program, const BlockView& block, size_t position) {
  return program.loops[static_cast<size_t>(block.loops[position])].extent;
}

// The loop that walks the contiguous dimension of what the block writes; -1: none does.
int ContiguousLoop(const BlockView& block, const std::vector<size_t>& loops) {
  if (block.writes.empty() || block.writes[0].indices.empty()) return -1;
  const LinearForm& last = block.writes[0].indices.back();
  int best = -1;
  for (const size_t position : loops) {
    for (size_t k = 0; k < block.iters.size(); ++k) {
      if (last.uses(k) && block.iters[k].binding.uses(position)) best = static_cast<int>(position);
    }
  }
  return best;
}

std::vector<int64_t> UpTo(std::vector<int64_t> sizes, int64_t limit) {
  std::erase_if(sizes, [&](int64_t size) { return size > limit; });
  return sizes;
}

struct Part {
  std::string name;
  int level = 0;
};

// Outer spatial, outer reductions, ..., inner reductions, innermost spatial with `last` at the end.
Json LevelOrder(const std::vector<std::vector<std::string>>& spatial,
                const std::vector<std::vector<std::string>>& reduction, bool swap_outer,
                const std::string& last) {
  std::vector<std::string> outer;
  std::vector<std::string> middle;
  std::vector<std::string> inner;
  for (const auto& parts : spatial) {
    outer.push_back(parts.front());
    for (size_t i = 1; i + 1 < parts.size(); ++i) middle.push_back(parts[i]);
    if (parts.size() > 1) inner.push_back(parts.back());
  }
  if (swap_outer && outer.size() > 1) std::swap(outer[outer.size() - 1], outer[outer.size() - 2]);
  std::vector<std::string> order = outer;
  order.insert(order.end(), middle.begin(), middle.end());
  for (const auto& parts : reduction) order.push_back(parts.front());
  for (const auto& parts : reduction) order.insert(order.end(), parts.begin() + 1, parts.end());
  const auto found = std::find(inner.begin(), inner.end(), last);
  if (found != inner.end()) std::rotate(found, found + 1, inner.end());
  order.insert(order.end(), inner.begin(), inner.end());
  return Json(order);
}

std::vector<std::string> PartsOf(const std::string& loop, size_t levels) {
  if (levels == 0) return {loop};
  std::vector<std::string> parts;
  for (size_t i = 0; i <= levels; ++i) parts.push_back(fmt::format("{}.{}", loop, i));
  return parts;
}

// Tiles of (m, n, k) loops given by position, -1 where the block has none.
void AddRegisterTiles(const ProgramView& program, const Target& target, const BlockView& block,
                      int n, int m, int k, std::vector<Json>& all) {
  const int lanes = std::max(1, target.lanes(ElementBits(program, block)));
  auto sizes = [&](int position, int64_t limit) {
    if (position < 0) return std::vector<int64_t>{0};
    const int64_t extent = ExtentAt(program, block, static_cast<size_t>(position));
    return UpTo(FactorCandidates(extent, lanes), limit);
  };
  for (const int64_t n_size : sizes(n, int64_t{8} * lanes)) {
    if (n_size % lanes != 0 && n_size != sizes(n, int64_t{8} * lanes).back()) continue;
    for (const int64_t m_size : sizes(m, 32)) {
      for (const int64_t k_size : sizes(k, 16)) {
        for (const bool swap_outer : {false, true}) {
          if (swap_outer && m < 0) continue;
          Json factors = Json::object();
          std::vector<std::vector<std::string>> spatial;
          std::vector<std::vector<std::string>> reduction;
          std::string last;
          for (size_t i = 0; i < block.loops.size(); ++i) {
            const std::string name = LoopAt(program, block, i);
            const int at = static_cast<int>(i);
            const int64_t size = at == n ? n_size : (at == m ? m_size : (at == k ? k_size : 0));
            if (size > 0) factors[name] = Json::array({size});
            auto parts = PartsOf(name, size > 0 ? 1 : 0);
            if (at == n) last = parts.back();
            (DrivesReduction(block, i) ? reduction : spatial).push_back(std::move(parts));
          }
          if (factors.empty()) continue;
          Json order = LevelOrder(spatial, reduction, swap_outer, last);
          Json args = {{"block", block.name}, {"factors", std::move(factors)}};
          if (order.size() > 1) args["order"] = std::move(order);
          all.push_back(std::move(args));
        }
      }
    }
  }
}

// Replaces the parts of `loop` in an order by those it has with `levels` inner factors.
void RenameParts(Json& args, const std::string& loop, size_t old_levels, size_t levels) {
  if (!args.contains("order")) return;
  const auto old_parts = PartsOf(loop, old_levels);
  const auto parts = PartsOf(loop, levels);
  Json order = Json::array();
  for (const auto& item : args["order"]) {
    const auto name = item.get<std::string>();
    const auto found = std::find(old_parts.begin(), old_parts.end(), name);
    if (found == old_parts.end()) {
      order.push_back(name);
    } else if (found == old_parts.begin()) {
      order.push_back(parts.front());
    } else if (levels > 0 && found + 1 == old_parts.end()) {
      order.push_back(parts.back());
    }
  }
  if (old_levels == 0 && levels > 0) order.push_back(parts.back());
  if (order.size() > 1) {
    args["order"] = std::move(order);
  } else {
    args.erase("order");
  }
}

}  // namespace

std::vector<size_t> TileableLoops(const ProgramView& program, int block) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  std::vector<size_t> positions;
  for (size_t i = 0; i < view.loops.size(); ++i) {
    const auto& loop = program.loops[static_cast<size_t>(view.loops[i])];
    if (loop.kind == LoopKind::kSerial && loop.extent > 1) positions.push_back(i);
  }
  return positions;
}

std::vector<Json> TileProposals(const ProgramView& program, const Target& target, int index) {
  const auto& block = program.blocks[static_cast<size_t>(index)];
  const auto loops = TileableLoops(program, index);
  const int lanes = std::max(1, target.lanes(ElementBits(program, block)));
  std::vector<Json> all;
  for (const size_t position : loops) {
    const std::string name = LoopAt(program, block, position);
    for (const int64_t size : FactorCandidates(ExtentAt(program, block, position), lanes)) {
      all.push_back({{"block", block.name}, {"factors", {{name, Json::array({size})}}}});
    }
  }
  const int n = ContiguousLoop(block, loops);
  int m = -1;
  int k = -1;
  for (const size_t position : loops) {
    const int at = static_cast<int>(position);
    const int64_t extent = ExtentAt(program, block, position);
    if (DrivesReduction(block, position)) {
      if (k < 0 || extent > ExtentAt(program, block, static_cast<size_t>(k))) k = at;
    } else if (at != n) {
      if (m < 0 || extent >= ExtentAt(program, block, static_cast<size_t>(m))) m = at;
    }
  }
  AddRegisterTiles(program, target, block, n, m, k, all);
  return all;
}

Json RandomTile(const ProgramView& program, const Target& target, int index, Rng& rng) {
  const auto& block = program.blocks[static_cast<size_t>(index)];
  const auto loops = TileableLoops(program, index);
  const int lanes = std::max(1, target.lanes(ElementBits(program, block)));
  const int contiguous = ContiguousLoop(block, loops);
  Json factors = Json::object();
  std::vector<std::vector<std::string>> spatial;
  std::vector<std::vector<std::string>> reduction;
  std::string last;
  const size_t forced = loops[rng.Below(loops.size())];
  for (size_t i = 0; i < block.loops.size(); ++i) {
    const std::string name = LoopAt(program, block, i);
    size_t levels = 0;
    if (std::find(loops.begin(), loops.end(), i) != loops.end()) {
      const double draw = rng.Uniform();
      levels = draw < 0.25 ? 0 : (draw < 0.75 ? 1 : (draw < 0.95 ? 2 : 3));
      if (i == forced) levels = std::max<size_t>(levels, 1);
    }
    Json sizes = Json::array();
    int64_t rest = ExtentAt(program, block, i);
    for (size_t level = 0; level < levels; ++level) {
      const auto candidates = FactorCandidates(rest, lanes);
      if (candidates.empty()) break;
      const int64_t size = rng.Pick(candidates);
      sizes.insert(sizes.begin(), size);
      rest = (rest + size - 1) / size;
    }
    auto parts = PartsOf(name, sizes.size());
    if (static_cast<int>(i) == contiguous) last = parts.back();
    if (!sizes.empty()) factors[name] = std::move(sizes);
    (DrivesReduction(block, i) ? reduction : spatial).push_back(std::move(parts));
  }
  Json order = LevelOrder(spatial, reduction, rng.Chance(0.5), last);
  Json args = {{"block", block.name}, {"factors", std::move(factors)}};
  if (order.size() > 1 && rng.Chance(0.8)) args["order"] = std::move(order);
  return args;
}

std::vector<Json> TileVariants(const ProgramView& program, const Target& target, const Json& args) {
  std::vector<Json> all;
  auto found = NeedBlock(program, Text(args, "block"));
  if (!found.ok()) return all;
  const int index = *found;
  const auto& block = program.blocks[static_cast<size_t>(index)];
  const int lanes = std::max(1, target.lanes(ElementBits(program, block)));
  for (const auto& [loop, sizes] : args["factors"].items()) {
    auto known = NeedLoopOf(program, index, loop);
    if (!known.ok()) continue;
    const int64_t extent = program.loops[static_cast<size_t>(*known)].extent;
    for (size_t i = 0; i < sizes.size(); ++i) {
      for (const int64_t size : FactorNeighbours(extent, lanes, sizes[i].get<int64_t>())) {
        Json variant = args;
        variant["factors"][loop][i] = size;
        all.push_back(std::move(variant));
      }
    }
    if (args["factors"].size() > 1) {
      Json variant = args;
      RenameParts(variant, loop, sizes.size(), 0);
      variant["factors"].erase(loop);
      all.push_back(std::move(variant));
    }
  }
  for (const size_t position : TileableLoops(program, index)) {
    const std::string name = LoopAt(program, block, position);
    if (args["factors"].contains(name)) continue;
    const auto sizes = FactorCandidates(ExtentAt(program, block, position), lanes);
    if (sizes.empty()) continue;
    Json variant = args;
    variant["factors"][name] = Json::array({sizes[sizes.size() / 2]});
    RenameParts(variant, name, 0, 1);
    all.push_back(std::move(variant));
  }
  if (args.contains("order")) {
    for (size_t i = 1; i < args["order"].size(); ++i) {
      Json variant = args;
      std::swap(variant["order"][i - 1], variant["order"][i]);
      all.push_back(std::move(variant));
    }
  }
  return all;
}

}  // namespace banyan
