#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/access_analysis.h"
#include "schedule/program.h"
#include "schedule/target.h"

namespace banyan {

// Producers of a contraction that can be computed piece by piece inside one of its loops, nothing
// twice: they all move with that loop along an iter of their own. An intermediate then is as large
// as a piece, and stays in the cache.
struct FusionChain {
  struct Member {
    int block = -1;
    int iter = -1;  // moves with the consumer's
  };
  int consumer = -1;
  int iter = -1;      // of the consumer: a reduction, or an iter that nothing is reused along
  int64_t chunk = 1;  // steps of `iter` a piece holds
  std::vector<Member> members;  // in program order
  double flops = 0;             // of the members

  bool Has(int block) const;
};

// Chains of a program, those with most work first, chunks chosen so that the intermediates of a
// piece stay in L2. `movable` says which blocks may be members.
std::vector<FusionChain> FindFusionChains(const ProgramView& program,
                                          const std::vector<BlockAnalysis>& analyses,
                                          const std::function<bool(int)>& may_lead,
                                          const std::function<bool(int)>& movable,
                                          const Target& target);

// The program as the members see it once they were moved: the iter that moves has a chunk's
// extent, loops that run once are gone.
ProgramView MovedProgram(const ProgramView& program, const FusionChain& chain);

}  // namespace banyan
