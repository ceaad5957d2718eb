#pragma once

#include <memory>

#include "schedule/compiler.h"

namespace banyan {

// A compiler of MetaSchedule's states without TVM, for tests of the published methods: plans of
// `design_space` and `mutate` steps, whose programs are numbers. Of mutations a fifth fails, a
// fifth draws what was there before, and different ones may give one program. Apply and Extend
// agree.
std::unique_ptr<Compiler> MakeFakeMutatorCompiler();

}  // namespace banyan
