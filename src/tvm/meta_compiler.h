#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "schedule/compiler.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// The Compiler of the MetaSchedule action space, for the published methods: plans are
// design_space(...) and then mutate(...) steps (schedule/mutator_steps.h), other steps are
// kIllegalStep. What a candidate is, measures, hashes and exports is the program after TVM's
// postprocessors; its trace replays on the unscheduled program. Generates the design space here
// (some 0.1 s), so blocks. The cache is that of MakeScheduleCompiler. kInvalidArgument if the
// workload's text is no program, kUnsupported if TVM makes no design space for it.
Result<std::unique_ptr<Compiler>> MakeMetaScheduleCompiler(Workload workload, Target target,
                                                           size_t capacity = 256);

}  // namespace banyan
