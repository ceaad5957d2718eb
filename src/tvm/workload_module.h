#pragma once

#include <string>

#include "base/result.h"
#include "schedule/workload.h"
#include "tvm/ffi.h"

namespace banyan {

// Turns an IRModule into a Workload (all but `id` and `family`): checks that Banyan can schedule
// and measure its entry function, finds outputs, counts operations. Internal to the room (tvm-ffi
// shows).
//
// `entry`: the function's name; empty: "main", or the only one there is. The workload's module
// holds this function alone, as "main". kInvalidArgument, in one line, for what cannot be taken:
// symbolic shapes, parameters that are no tensors, no blocks, no output, in-place updates,
// unsupported types.
Result<Workload> WorkloadFromModule(const ffi::ObjectRef& module, const std::string& entry);

}  // namespace banyan
