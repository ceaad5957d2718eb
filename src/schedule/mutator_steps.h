#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/step.h"

namespace banyan {

// The MetaSchedule action space as plans. A state of that space is a random sample of TVM's design
// space followed by mutators, each a name and a draw, from which TVM takes the parameters:
//   design_space(sample=17)
//   mutate(mutator=tile_size, draw=12345)
// Plans hold these steps like any other (text, JSON, hash, store), but only the compiler of
// tvm/meta_compiler.h applies them, and AllTransformations does not offer them.

// Samples and draws are below this; a larger number given to the functions below is reduced.
inline constexpr uint64_t kMutatorDraws = uint64_t{1} << 31;

// TVM's mutators for a CPU, by plain names: tile_size, compute_location, parallel, unroll.
const std::vector<std::string>& MutatorNames();

Step DesignSpaceStep(uint64_t sample);
Step MutateStep(const std::string& mutator, uint64_t draw);

bool IsDesignSpaceStep(const Step& step);
bool IsMutateStep(const Step& step);
// The number of a canonical step of either kind.
uint64_t DrawOf(const Step& step);
// The mutators of a plan in order; other steps are left out.
std::vector<std::string> MutatorsOf(const Plan& plan);

}  // namespace banyan
