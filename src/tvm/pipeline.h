#pragma once

#include <tvm/ffi/extra/module.h>

#include <string>

#include "schedule/target.h"
#include "tvm/ffi.h"

namespace banyan {

// From an IRModule to machine code, as `tvm.compile` of TVM's Python does it (s_tir/pipeline.py and
// tirx/build.py of the pinned TVM: the same passes in the same order). Internal to the room
// (tvm-ffi shows); throws ffi::Error: use within TryTvm. Thread-safe, except that TVM's pass
// context is one a thread.

ffi::ObjectRef ModuleFromJson(const std::string& json);  // throws if it is no IRModule
std::string ModuleToJson(const ffi::ObjectRef& module);

// TVM's target object, host included.
ffi::ObjectRef TargetObject(const Target& target);

// The lowered host module: packed API, intrinsics lowered, ready for code generation.
ffi::ObjectRef Lower(const ffi::ObjectRef& module, const ffi::ObjectRef& target);

// Machine code in memory. GetFunction(entry) of it compiles lazily with LLVM's JIT.
ffi::Module Compile(const ffi::ObjectRef& module, const ffi::ObjectRef& target);

}  // namespace banyan
