#pragma once

#include <string>
#include <vector>

namespace banyan {

// Which layer of the Reasoning Compiler paper a built-in workload stands for:
// docs/operator_families.md.
struct OperatorFamily {
  std::string workload;  // name of the built-in family
  std::string stands_for;
};
const std::vector<OperatorFamily>& OperatorFamilies();

// "Llama-4-Scout MLP layer, scaled down", for a workload as a person typed it; "built-in" for one
// of the others, "user's program" for a file.
std::string WorkloadType(const std::string& workload);
// The sizes of a canonical workload id: "T=128,H=512,I=2048,dtype=float32".
std::string WorkloadShape(const std::string& workload_id);

}  // namespace banyan
