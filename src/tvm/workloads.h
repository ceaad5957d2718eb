#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/workload.h"

namespace banyan {

// A size or choice of a built-in workload.
struct WorkloadParameter {
  std::string name;
  std::string summary;  // "rows of the output"
  int64_t default_value = 1;
  std::string default_from;  // if set: the default is this other parameter's value
  int64_t low = 1;           // legal range, both included
  int64_t high = 65536;
};

// A family of built-in workloads: what `banyan workloads` lists.
struct WorkloadFamily {
  std::string name;
  std::string summary;     // one line
  std::string definition;  // the stages, as written in a paper
  std::string flops;       // formula in the parameters
  std::vector<WorkloadParameter> parameters;
  std::vector<std::string> dtypes;  // legal values of `dtype`, the default first
};

// In the order of presentation. Thread-safe, without TVM.
const std::vector<WorkloadFamily>& BuiltinWorkloads();

// Builds the program through TVM's tensor expressions. kNotFound for an unknown family,
// kInvalidArgument for an unknown parameter, a value out of its range or a tensor that is too
// large; the message names what is legal. Thread-safe; loads TVM.
Result<Workload> MakeBuiltinWorkload(const WorkloadSpec& spec);

}  // namespace banyan
