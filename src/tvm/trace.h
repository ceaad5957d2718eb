#pragma once

#include <string>

#include "base/json.h"
#include "tvm/ffi.h"

namespace banyan {

// A value of TVM's JSON dialect (arrays, maps, strings, numbers, ir.IntImm, ir.FloatImm, None) as
// JSON. Throws ffi::Error for any other object.
Json JsonFromTvm(const ffi::Any& value);

// The trace of a schedule without its dead instructions.
ffi::ObjectRef SimplifiedTrace(const ffi::ObjectRef& schedule);
Json SimplifiedTraceJson(const ffi::ObjectRef& schedule);     // as MetaSchedule stores it
std::string TracePythonText(const ffi::ObjectRef& schedule);  // the same, a statement a line

std::string ScriptText(const ffi::ObjectRef& module);  // TVMScript

}  // namespace banyan
