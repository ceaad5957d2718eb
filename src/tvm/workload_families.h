#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tvm/te.h"
#include "tvm/workloads.h"

namespace banyan {

// Sizes by name, validated and complete, and the element type.
struct WorkloadSizes {
  std::map<std::string, int64_t> values;
  std::string dtype;

  int64_t operator[](const char* name) const { return values.at(name); }
};

// A family with its definition in tensor expressions. Internal to the room (tvm-ffi shows).
struct FamilyDefinition {
  WorkloadFamily family;
  // Parameters of the function: inputs, then the output. Throws ffi::Error.
  std::vector<te::Tensor> (*define)(const WorkloadSizes& sizes);
  // Why the sizes do not go together; empty: they do. nullptr: they always do.
  std::string (*check)(const WorkloadSizes& sizes);
};

const std::vector<FamilyDefinition>& FamilyDefinitions();

}  // namespace banyan
