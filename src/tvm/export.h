#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// Writes a scheduled program (an IRModule as TVM's JSON) for use from C, without TVM and without
// Python: NAME.o (the kernel), NAME.h (its C function), NAME_runtime.c (the few runtime functions
// that the kernel calls), example.c (runs it on given or made-up data) and a Makefile. `name` must
// be a C identifier. Returns the paths written. Blocks; overwrites.
Result<std::vector<std::string>> ExportC(const Workload& workload, const Target& target,
                                         const std::string& module_json, const std::string& name,
                                         const std::string& folder);

// A C identifier for a workload: "mlp:T=128,..." -> "banyan_mlp", "my prog.py" -> "banyan_my_prog".
std::string ExportName(const Workload& workload);

}  // namespace banyan
