#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "schedule/compiler.h"
#include "schedule/step.h"

namespace banyan {

// A plan of a related workload brought to another one's sizes.
struct AdaptedPlan {
  Candidate candidate;
  size_t changed = 0;  // steps with other numbers
  size_t left_out = 0;
};

// The step with the sizes of its parts brought to the nearest that divide, each within a factor of
// two (else it stays: an uneven part costs less than another shape): factors of a tile, powers of
// two for the loops of `vectorized` (full names), and cuts of a map where `maps`. `program` is the
// one it would apply to.
Step FitSizes(const Step& step, const ProgramView& program, const std::set<std::string>& vectorized,
              bool maps);

// Applies `plan` step by step: as it is where it fits, else with the nearest sizes, else with a
// neighbour of the step, else without the step, and what hangs on it falls with it. nullopt: less
// than two thirds of the steps are left. Deterministic.
std::optional<AdaptedPlan> Adapt(Compiler* compiler, const Plan& plan);

}  // namespace banyan
