#include "study/families.h"

namespace banyan {

const std::vector<OperatorFamily>& OperatorFamilies() {
  static const auto* const kFamilies = new std::vector<OperatorFamily>{
      {"attention", "Llama-3-8B attention layer, FLUX attention at other sizes"},
      {"conv", "FLUX convolution layer"},
      {"mlp", "Llama-4-Scout MLP layer"},
      {"moe", "DeepSeek-R1 MoE layer"},
      {"matmul", "sanity check"},
      {"conv-small", "sanity check"},
  };
  return *kFamilies;
}

std::string WorkloadType(const std::string& workload) {
  if (workload.find('/') != std::string::npos || workload.find(".py") != std::string::npos ||
      workload.find(".json") != std::string::npos) {
    return "user's program";
  }
  const std::string name = workload.substr(0, workload.find(':'));
  for (const OperatorFamily& family : OperatorFamilies()) {
    if (family.workload == name) return family.stands_for;
  }
  return "built-in";
}

std::string WorkloadShape(const std::string& workload_id) {
  const size_t colon = workload_id.find(':');
  const bool sized = colon != std::string::npos && workload_id.find('=') != std::string::npos;
  return sized ? workload_id.substr(colon + 1) : std::string();
}

}  // namespace banyan
