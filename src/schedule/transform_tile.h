#pragma once

#include <string>
#include <vector>

#include "schedule/transform_base.h"

namespace banyan {

// What a tile (or, without splits, a reorder) will do to a program, with full loop names.
struct TilePlan {
  struct Split {
    int loop = -1;
    std::string name;
    std::vector<int64_t> factors;  // 0 first: inferred
    std::vector<std::string> parts;
  };
  std::vector<Split> splits;
  std::vector<std::string> order;
};

Result<TilePlan> MakeTilePlan(const ProgramView& program, const Json& args);
Status ApplyTilePlan(LiveSchedule& schedule, const TilePlan& plan);

// Tiles worth offering for `block` (an index): single splits, and register tiles of the loop along
// the output's contiguous dimension, one other spatial loop and one reduction loop.
std::vector<Json> TileProposals(const ProgramView& program, const Target& target, int block);
// A tile of random loops, levels, factors and order; may be illegal.
Json RandomTile(const ProgramView& program, const Target& target, int block, Rng& rng);
std::vector<Json> TileVariants(const ProgramView& program, const Target& target, const Json& args);
// Serial loops of more than one iteration, positions in the block's loops.
std::vector<size_t> TileableLoops(const ProgramView& program, int block);

}  // namespace banyan
