#include "schedule/description_json.h"

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/hash.h"

namespace banyan {
namespace {

Error Malformed(const char* what) {
  return InvalidArgument(std::string("the description of the ") + what +
                         " lacks a field or has one of a wrong type");
}

// Reads one field of a description; a wrong type makes `ok` false.
template <typename T>
void Read(const Json& json, const char* key, T* out, bool* ok) {
  const auto it = json.find(key);
  if (it == json.end()) {
    *ok = false;
    return;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    if (!it->is_string()) return void(*ok = false);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!it->is_boolean()) return void(*ok = false);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!it->is_number()) return void(*ok = false);
  } else {
    if (!it->is_number_integer()) return void(*ok = false);
  }
  *out = it->get<T>();
}

void ReadHash(const Json& json, const char* key, uint64_t* out, bool* ok) {
  std::string text;
  Read(json, key, &text, ok);
  if (!*ok) return;
  const std::optional<uint64_t> hash = ParseHashHex(text);
  if (!hash) return void(*ok = false);
  *out = *hash;
}

}  // namespace

Json ToJson(const Workload& workload) {
  Json parameters = Json::array();
  for (const TensorSpec& tensor : workload.parameters) {
    parameters.push_back({{"name", tensor.name},
                          {"shape", tensor.shape},
                          {"dtype", tensor.dtype},
                          {"is_output", tensor.is_output}});
  }
  return {{"id", workload.id},
          {"family", workload.family},
          {"entry", workload.entry},
          {"parameters", std::move(parameters)},
          {"flops", workload.flops},
          {"reduction_length", workload.reduction_length},
          {"hash", HashHex(workload.hash)},
          {"structure", HashHex(workload.structure)}};
}

Result<Workload> WorkloadFromJson(const Json& json) {
  Workload workload;
  bool ok = json.is_object();
  if (!ok) return Malformed("workload");
  Read(json, "id", &workload.id, &ok);
  Read(json, "family", &workload.family, &ok);
  Read(json, "entry", &workload.entry, &ok);
  Read(json, "flops", &workload.flops, &ok);
  Read(json, "reduction_length", &workload.reduction_length, &ok);
  ReadHash(json, "hash", &workload.hash, &ok);
  if (json.contains("structure")) ReadHash(json, "structure", &workload.structure, &ok);
  const auto parameters = json.find("parameters");
  if (parameters == json.end() || !parameters->is_array()) return Malformed("workload");
  for (const Json& item : *parameters) {
    if (!item.is_object()) return Malformed("workload");
    TensorSpec tensor;
    Read(item, "name", &tensor.name, &ok);
    Read(item, "dtype", &tensor.dtype, &ok);
    Read(item, "is_output", &tensor.is_output, &ok);
    const auto shape = item.find("shape");
    if (shape == item.end() || !shape->is_array()) return Malformed("workload");
    for (const Json& extent : *shape) {
      if (!extent.is_number_integer()) return Malformed("workload");
      tensor.shape.push_back(extent.get<int64_t>());
    }
    workload.parameters.push_back(std::move(tensor));
  }
  if (!ok) return Malformed("workload");
  return workload;
}

Json ToJson(const Target& target) {
  return {{"json", target.json},
          {"cpu", target.cpu},
          {"cpu_model", target.cpu_model},
          {"cores", target.cores},
          {"vector_bits", target.vector_bits},
          {"vector_registers", target.vector_registers},
          {"fma_units", target.fma_units},
          {"l1_bytes", target.l1_bytes},
          {"l1_ways", target.l1_ways},
          {"l2_bytes", target.l2_bytes},
          {"l3_bytes", target.l3_bytes},
          {"line_bytes", target.line_bytes},
          {"fingerprint", HashHex(target.fingerprint)}};
}

Result<Target> TargetFromJson(const Json& json) {
  Target target;
  bool ok = json.is_object();
  if (!ok) return Malformed("target");
  Read(json, "json", &target.json, &ok);
  Read(json, "cpu", &target.cpu, &ok);
  Read(json, "cpu_model", &target.cpu_model, &ok);
  Read(json, "cores", &target.cores, &ok);
  Read(json, "vector_bits", &target.vector_bits, &ok);
  Read(json, "vector_registers", &target.vector_registers, &ok);
  Read(json, "fma_units", &target.fma_units, &ok);
  Read(json, "l1_bytes", &target.l1_bytes, &ok);
  Read(json, "l1_ways", &target.l1_ways, &ok);
  Read(json, "l2_bytes", &target.l2_bytes, &ok);
  Read(json, "l3_bytes", &target.l3_bytes, &ok);
  Read(json, "line_bytes", &target.line_bytes, &ok);
  ReadHash(json, "fingerprint", &target.fingerprint, &ok);
  if (!ok) return Malformed("target");
  return target;
}

}  // namespace banyan
