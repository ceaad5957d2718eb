#pragma once

#include <memory>

#include "measure/types.h"
#include "schedule/compiler.h"
#include "search/search_action.h"

namespace banyan {

// A compiler of MetaSchedule's states without TVM, for tests of the published methods: plans of
// `design_space` and `mutate` steps, whose programs are numbers. Of mutations a fifth fails, a
// fifth draws what was there before, and different ones may give one program. Apply and Extend
// agree.
std::unique_ptr<Compiler> MakeFakeMutatorCompiler();

// What a trial of a program without a picture measures: made up from its hash, 1 to 2 ms, or with
// this chance a build that fails.
TrialOutcome MeasureByHash(const SubmitTrial& trial, double failing);

}  // namespace banyan
