#pragma once

#include <cstdint>

#include "schedule/program.h"
#include "schedule/step.h"
#include "schedule/target.h"

namespace banyan {

// Efficiency of a register tile in (0, 1]: multiply-adds against loads, latency and registers.
double RegisterTileEfficiency(int64_t rows, int64_t vectors, const Target& target);

// What the register tiles gain where the tile step `before` of a plan becomes `after`: the ratio of
// efficiencies, for the block itself and the producers computed inside it. `program` is what the
// plan with `before` makes: the tile of a block is its loops that are unrolled or vectorised inside
// the innermost serial one. 1: no multiply-add kept in registers, or more changes than sizes.
double RegisterTileGain(const ProgramView& program, const Target& target, const Step& before,
                        const Step& after);

}  // namespace banyan
