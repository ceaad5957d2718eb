#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace banyan {

// One parameter of the entry function, in calling order.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype;  // TVM's text: "float32", "int32", ...
  bool is_output = false;

  int64_t elements() const;
  int64_t bytes() const;
};

// What a person typed: "mlp", "mlp:T=128,H=512" or a path of a program. Sizes keep their order.
struct WorkloadSpec {
  std::string name;
  std::vector<std::pair<std::string, std::string>> parameters;
};

// "name[:KEY=VALUE,...]"; fails on an empty name, a missing '=' or a repeated key.
Result<WorkloadSpec> ParseWorkloadSpec(std::string_view text);

// A tensor program to optimise: an IRModule with one entry function, and how its inputs are made
// (uniform floats in [-1, 1), integers in [-8, 8), from the run's seed). A value; thread-safe.
struct Workload {
  std::string
      id;  // canonical text, e.g. "mlp:T=128,H=512,I=2048,dtype=float32", or the file's name
  std::string family;       // built-in family ("mlp"), or "user"
  std::string module_json;  // the IRModule as TVM's JSON graph
  std::string entry = "main";
  std::vector<TensorSpec> parameters;
  double flops = 0;  // arithmetic operations of the program as written
  int64_t reduction_length =
      1;              // of the longest chain of reductions to one output element; sets tolerances
  uint64_t hash = 0;  // structural hash: equal programs are equal workloads
  // Equal for workloads that differ in sizes only (schedule/structure.h); 0: not known.
  uint64_t structure = 0;
};

}  // namespace banyan
