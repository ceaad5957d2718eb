#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/workload.h"

namespace banyan {

// Tensors as flat doubles, in parameter order.
using Values = std::vector<std::vector<double>>;

// Made-up inputs: small numbers that every dtype holds exactly, so that sums of products are exact
// too.
Values ExactInputs(const Workload& workload, uint64_t seed);

// Compiles `module_json` for this machine and runs it once; the values of the outputs, in order.
Result<Values> RunProgram(const Workload& workload, const std::string& module_json,
                          const Values& inputs);

}  // namespace banyan
