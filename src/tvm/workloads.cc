#include "tvm/workloads.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tvm/workload_families.h"
#include "tvm/workload_module.h"

namespace banyan {
namespace {

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

const FamilyDefinition* FindFamily(const std::string& name) {
  for (const FamilyDefinition& definition : FamilyDefinitions()) {
    if (definition.family.name == name) return &definition;
  }
  return nullptr;
}

Result<int64_t> ParseSize(const WorkloadFamily& family, const WorkloadParameter& parameter,
                          const std::string& text) {
  const std::string range =
      "[" + std::to_string(parameter.low) + ", " + std::to_string(parameter.high) + "]";
  char* end = nullptr;
  errno = 0;
  const int64_t value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < parameter.low ||
      value > parameter.high) {
    return InvalidArgument(family.name + ": " + parameter.name + "=" + text +
                           " is not an integer in " + range + " (" + parameter.summary + ")");
  }
  return value;
}

Result<WorkloadSizes> ResolveSizes(const FamilyDefinition& definition, const WorkloadSpec& spec) {
  const WorkloadFamily& family = definition.family;
  WorkloadSizes sizes;
  sizes.dtype = family.dtypes.front();
  for (const auto& [key, value] : spec.parameters) {
    if (key == "dtype") {
      if (std::find(family.dtypes.begin(), family.dtypes.end(), value) == family.dtypes.end()) {
        return InvalidArgument(family.name + ": dtype=" + value +
                               " is not offered; one of: " + Join(family.dtypes));
      }
      sizes.dtype = value;
      continue;
    }
    const auto parameter =
        std::find_if(family.parameters.begin(), family.parameters.end(),
                     [&key = key](const WorkloadParameter& p) { return p.name == key; });
    if (parameter == family.parameters.end()) {
      std::vector<std::string> names;
      for (const WorkloadParameter& p : family.parameters) names.push_back(p.name);
      names.emplace_back("dtype");
      return InvalidArgument(family.name + ": no parameter '" + key + "'; it has: " + Join(names));
    }
    BANYAN_ASSIGN_OR_RETURN(sizes.values[key], ParseSize(family, *parameter, value));
  }
  for (const WorkloadParameter& parameter : family.parameters) {
    if (sizes.values.count(parameter.name)) continue;
    const auto source = sizes.values.find(parameter.default_from);
    sizes.values[parameter.name] =
        source != sizes.values.end() ? source->second : parameter.default_value;
  }
  if (definition.check != nullptr) {
    const std::string reason = definition.check(sizes);
    if (!reason.empty()) return InvalidArgument(family.name + ": " + reason);
  }
  return sizes;
}

}  // namespace

const std::vector<WorkloadFamily>& BuiltinWorkloads() {
  static const std::vector<WorkloadFamily>& families = *[] {
    auto* list = new std::vector<WorkloadFamily>;
    for (const FamilyDefinition& definition : FamilyDefinitions())
      list->push_back(definition.family);
    return list;
  }();
  return families;
}

Result<Workload> MakeBuiltinWorkload(const WorkloadSpec& spec) {
  const FamilyDefinition* definition = FindFamily(spec.name);
  if (definition == nullptr) {
    std::vector<std::string> names;
    for (const WorkloadFamily& family : BuiltinWorkloads()) names.push_back(family.name);
    return NotFound("no workload '" + spec.name + "'; built in: " + Join(names) +
                    "; or the path of a .json or .py program");
  }
  BANYAN_ASSIGN_OR_RETURN(const WorkloadSizes sizes, ResolveSizes(*definition, spec));
  auto made =
      TryTvm([&] { return WorkloadFromModule(te::MakeModule(definition->define(sizes)), "main"); });
  if (!made.ok()) {
    // Built-in definitions are legal programs, so only the sizes can be at fault.
    Error error = made.error();
    error.message = spec.name + ": " + error.message;
    return error;
  }
  Workload workload = std::move(made).value();
  workload.family = spec.name;
  workload.id = spec.name + ":";
  for (const WorkloadParameter& parameter : definition->family.parameters) {
    workload.id += parameter.name + "=" + std::to_string(sizes.values.at(parameter.name)) + ",";
  }
  workload.id += "dtype=" + sizes.dtype;
  return workload;
}

}  // namespace banyan
