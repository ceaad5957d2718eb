#include "model/mutator_expert.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/access_analysis.h"
#include "model/contraction_sketch.h"
#include "model/register_tile.h"
#include "schedule/program.h"

namespace banyan {
namespace {

constexpr const char* kTileSize = "tile_size";
constexpr const char* kComputeLocation = "compute_location";
constexpr const char* kParallel = "parallel";
constexpr const char* kUnroll = "unroll";

bool Offered(const ModelRequest& request, const std::string& name) {
  return std::find(request.mutators.begin(), request.mutators.end(), name) !=
         request.mutators.end();
}

// Names that the last failures on this branch say cannot do anything: "... NAME finds nothing to
// change here" (a tile size that gave up says "with this draw").
bool FoundNothing(const ModelRequest& request, const std::string& name) {
  constexpr size_t kRecent = 8;
  const size_t recent = std::min(kRecent, request.failures.size());
  return std::any_of(
      request.failures.begin(), request.failures.begin() + static_cast<std::ptrdiff_t>(recent),
      [&](const std::string& failure) {
        return failure.find(name + " finds nothing to change here") != std::string::npos;
      });
}

// ---- who goes on ------------------------------------------------------------------------------

double HitRate(const ModelStanding& model) {
  // One hit in two calls before there is a record.
  return (static_cast<double>(model.hits) + 1) /
         (static_cast<double>(model.calls + model.alterations) + 2);
}

// By parameters where they are known, else by role; the first of equals. nullptr: no pool.
const ModelStanding* Largest(const ModelRequest& request) {
  const ModelStanding* largest = nullptr;
  for (const ModelStanding& model : request.pool) {
    const auto rank = [](const ModelStanding& m) {
      return std::make_pair(m.info.role == ModelRole::kStrong, m.info.parameters_b);
    };
    if (largest == nullptr || rank(model) > rank(*largest)) largest = &model;
  }
  return largest;
}

const ModelStanding* BestLight(const ModelRequest& request) {
  const ModelStanding* best = nullptr;
  for (const ModelStanding& model : request.pool) {
    if (model.info.role != ModelRole::kLight) continue;
    if (best == nullptr || HitRate(model) > HitRate(*best)) best = &model;
  }
  return best;
}

// Fewer than one call in five went to the largest model: what the baselines' prompts ask for.
bool LargestIsOwed(const ModelRequest& request, const ModelStanding& largest) {
  int64_t calls = 1;  // this one
  for (const ModelStanding& model : request.pool) calls += model.calls + model.alterations;
  const int64_t its =
      largest.calls + largest.alterations + (largest.info.name == request.model ? 1 : 0);
  return 5 * its < calls;
}

std::string NextModel(const ModelRequest& request, bool structure_missing) {
  const ModelStanding* largest = Largest(request);
  if (largest == nullptr) return request.model;
  const ModelStanding* light = BestLight(request);
  if (light == nullptr || structure_missing || LargestIsOwed(request, *largest))
    return largest->info.name;
  return light->info.name;
}

// ---- what the picture says --------------------------------------------------------------------

// What the innermost loops of a sum of products hold in registers.
struct InnerTile {
  int64_t rows = 1;     // loops below the sum that no vector runs along
  int64_t columns = 1;  // the vectorised loop and those of its iter
  int64_t vector = 0;   // extent of the vectorised loop; 0: there is none
};

bool Drives(const BlockView& block, size_t position, IterKind kind) {
  return std::any_of(block.iters.begin(), block.iters.end(), [&](const IterView& iter) {
    return iter.kind == kind && iter.binding.uses(position);
  });
}

InnerTile TileOf(const ProgramView& program, const BlockView& block) {
  InnerTile tile;
  size_t vector_position = block.loops.size();
  for (size_t p = 0; p < block.loops.size(); ++p) {
    const LoopView& loop = program.loops[static_cast<size_t>(block.loops[p])];
    if (loop.kind == LoopKind::kVectorized) {
      vector_position = p;
      tile.vector = loop.extent;
    }
  }
  const auto along_vector = [&](size_t position) {
    return std::any_of(block.iters.begin(), block.iters.end(), [&](const IterView& iter) {
      return iter.binding.uses(position) && iter.binding.uses(vector_position);
    });
  };
  // From the innermost loop outwards to the first that runs over the sum.
  for (size_t p = block.loops.size(); p > 0; --p) {
    const LoopView& loop = program.loops[static_cast<size_t>(block.loops[p - 1])];
    if (loop.extent > 1 && Drives(block, p - 1, IterKind::kReduction)) break;
    if (p - 1 == vector_position || along_vector(p - 1)) {
      tile.columns *= loop.extent;
    } else {
      tile.rows *= loop.extent;
    }
  }
  return tile;
}

// Estimated share of the multiply-add peak that the tile allows, (0, 1].
double TileEfficiency(const InnerTile& tile, int element_bits, const Target& target) {
  const int64_t lanes = std::max(1, target.lanes(element_bits));
  if (tile.vector == 0) return 1.0 / static_cast<double>(lanes);  // scalars
  const int64_t vectors = (tile.columns + lanes - 1) / lanes;
  const double used = static_cast<double>(tile.columns) / static_cast<double>(vectors * lanes);
  // A tall tile is cut by LLVM's spills in the same way as a wide one.
  return std::max(0.01, used * RegisterTileEfficiency(tile.rows, vectors, target));
}

// The best any tile of this target reaches.
double BestEfficiency(const Target& target) {
  double best = 0;
  for (int64_t rows = 1; rows <= 16; ++rows) {
    for (int64_t vectors = 1; vectors <= 4; ++vectors)
      best = std::max(best, RegisterTileEfficiency(rows, vectors, target));
  }
  return best;
}

// What is wrong with the leaf, over its blocks.
struct Findings {
  double tile_gap = 1;  // estimated time over that of the best tile, weighted by operations; >= 1
  bool short_body = false;  // the one that matters has few operations between its branches
  int apart = 0;            // copies and elementwise blocks that share no loop with a reader
  bool idle_cores = false;
};

bool SharesOuterLoop(const ProgramView& program, const BlockView& a, const BlockView& b) {
  // Loops of extent 1 hold nothing together.
  for (const int loop : a.loops) {
    if (program.loops[static_cast<size_t>(loop)].extent > 1 &&
        std::find(b.loops.begin(), b.loops.end(), loop) != b.loops.end())
      return true;
  }
  return false;
}

// A copy, padding or elementwise block that its readers share no loop with. TVM leaves only the
// places of such blocks open: what a reduction writes back or feeds is placed with its tiles.
bool RunsApart(const ProgramView& program, const BlockView& block) {
  if (block.is_init || block.is_reduction || block.opaque || block.loops.empty()) return false;
  const auto at = [&](int other) -> const BlockView& {
    return program.blocks[static_cast<size_t>(other)];
  };
  const bool after_reduction = std::any_of(block.producers.begin(), block.producers.end(),
                                           [&](int producer) { return at(producer).is_reduction; });
  return !after_reduction && !block.consumers.empty() &&
         std::all_of(block.consumers.begin(), block.consumers.end(),
                     [&](int consumer) { return !SharesOuterLoop(program, block, at(consumer)); });
}

bool LeavesCoresIdle(const ProgramView& program, const BlockView& block, int cores) {
  if (cores <= 1) return false;
  int64_t tasks = 1;
  for (const int loop : block.loops) {
    const LoopView& view = program.loops[static_cast<size_t>(loop)];
    if (view.kind == LoopKind::kParallel) tasks *= view.extent;
  }
  // Uneven shares leave cores idle at the end.
  const int64_t rounds = (tasks + cores - 1) / cores;
  return static_cast<double>(tasks) / static_cast<double>(rounds * cores) < 0.8;
}

Findings Look(const ProgramView& program, const Target& target) {
  Findings found;
  const double best = BestEfficiency(target);
  double time = 0;
  double best_time = 0;
  double most_flops = 0;
  for (const BlockAnalysis& analysis : AnalyseProgram(program)) {
    const BlockView& block = program.blocks[static_cast<size_t>(analysis.block)];
    found.apart += RunsApart(program, block) ? 1 : 0;
    if (analysis.block_class != BlockClass::kContraction || block.writes.empty()) continue;
    const InnerTile tile = TileOf(program, block);
    const int bits = program.buffers[static_cast<size_t>(block.writes.front().buffer)].element_bits;
    time += analysis.flops / TileEfficiency(tile, bits, target);
    best_time += analysis.flops / best;
    if (analysis.flops > most_flops) {
      most_flops = analysis.flops;
      constexpr int64_t kShortBody = 8;  // multiply-adds between two branches
      const int64_t lanes = std::max(1, target.lanes(bits));
      found.short_body = tile.rows * ((tile.columns + lanes - 1) / lanes) < kShortBody;
      found.idle_cores = LeavesCoresIdle(program, block, target.cores);
    }
  }
  if (best_time > 0) found.tile_gap = std::max(1.0, time / best_time);
  return found;
}

// The names worth applying, in order.
std::vector<std::string> Reasoned(const Findings& found) {
  std::vector<std::string> names;
  if (found.idle_cores) names.emplace_back(kParallel);
  // A mutation redraws one tile of one block: the further off, the more of them.
  const size_t tiles = found.tile_gap > 4 ? 3 : found.tile_gap > 1.5 ? 2 : 1;
  names.insert(names.end(), tiles, kTileSize);
  if (found.apart > 0) names.emplace_back(kComputeLocation);
  if (found.short_body) names.emplace_back(kUnroll);
  return names;
}

ModelReply NoNames() {
  ModelReply reply;
  reply.failure = CallFailure::kInternal;
  reply.error = "the request offers no mutators";
  return reply;
}

// Without the names that are not offered or can do nothing here.
std::vector<std::string> Usable(const ModelRequest& request, std::vector<std::string> names) {
  std::erase_if(names, [&](const std::string& name) {
    return !Offered(request, name) || FoundNothing(request, name);
  });
  return names;
}

// The first offered name that may do something; the first offered one if all seem spent.
std::string Fallback(const ModelRequest& request, const std::vector<std::string>& order) {
  const std::vector<std::string> wanted = Usable(request, order);
  if (!wanted.empty()) return wanted.front();
  const std::vector<std::string> all = Usable(request, request.mutators);
  return all.empty() ? request.mutators.front() : all.front();
}

}  // namespace

ModelReply AnalyticMutators(const ModelRequest& request) {
  if (request.mutators.empty()) return NoNames();
  ModelReply reply;
  if (!request.leaf.program || !request.target) {
    reply.failure = CallFailure::kInternal;
    reply.error = "the request carries no program";
    return reply;
  }
  const Findings found = Look(*request.leaf.program, *request.target);
  reply.mutators = Usable(request, Reasoned(found));
  if (reply.mutators.empty()) {
    std::vector<std::string> order = {kTileSize, kUnroll, kComputeLocation};
    if (request.target->cores > 1) order.emplace_back(kParallel);
    reply.mutators = {Fallback(request, order)};
  }
  // To redo a step that made things worse: not the same names again.
  if (request.review && request.review->mutators == reply.mutators) {
    if (reply.mutators.size() > 1) {
      reply.mutators.pop_back();
    } else {
      reply.mutators.push_back(reply.mutators.front());
    }
  }
  constexpr double kStructureMissing = 2;
  reply.next_model = NextModel(request, found.tile_gap > kStructureMissing);
  return reply;
}

ModelReply HeuristicMutators(const ModelRequest& request) {
  if (request.mutators.empty()) return NoNames();
  ModelReply reply;
  Rng rng(request.seed, "heuristic mutators", request.call_id);
  reply.mutators = {Fallback(request, {kTileSize, kUnroll, kComputeLocation})};
  if (rng.Chance(0.5)) {
    std::vector<std::string> others = {kTileSize, kUnroll, kComputeLocation};
    if (request.target && request.target->cores > 1) others.emplace_back(kParallel);
    others = Usable(request, std::move(others));
    if (!others.empty()) reply.mutators.push_back(rng.Pick(others));
  }
  // Its own steps are cheap; after a poor record it asks for help.
  const auto own =
      std::find_if(request.pool.begin(), request.pool.end(),
                   [&](const ModelStanding& model) { return model.info.name == request.model; });
  const bool struggling = own != request.pool.end() && own->calls >= 3 && HitRate(*own) < 0.35;
  reply.next_model = NextModel(request, struggling);
  return reply;
}

ModelReply RandomMutators(const ModelRequest& request) {
  if (request.mutators.empty()) return NoNames();
  ModelReply reply;
  Rng rng(request.seed, "random mutators", request.call_id);
  reply.mutators = {rng.Pick(request.mutators)};
  reply.next_model = request.pool.empty() ? request.model : rng.Pick(request.pool).info.name;
  return reply;
}

}  // namespace banyan
