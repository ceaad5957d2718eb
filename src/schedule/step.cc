#include "schedule/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/hash.h"
#include "schedule/step_schema.h"
#include "schedule/step_text.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

void PrintValue(const Json& value, std::string& out);

void PrintString(const std::string& text, std::string& out) {
  if (IsBareName(text)) {
    out += text;
  } else {
    out += Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
  }
}

void PrintValue(const Json& value, std::string& out) {
  if (value.is_string()) {
    PrintString(value.get_ref<const std::string&>(), out);
  } else if (value.is_array()) {
    out += '[';
    for (size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      PrintValue(value[i], out);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value.items()) {
      if (!first) out += ", ";
      first = false;
      PrintString(key, out);
      out += ": ";
      PrintValue(item, out);
    }
    out += '}';
  } else {
    out += value.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
}

std::string Operations() {
  std::string names;
  for (const auto* transformation : AllTransformations()) {
    if (!names.empty()) names += ", ";
    names += transformation->name();
  }
  return names;
}

}  // namespace

size_t Plan::CommonSteps(const Plan& other) const {
  const auto ends =
      std::mismatch(steps.begin(), steps.end(), other.steps.begin(), other.steps.end());
  return static_cast<size_t>(ends.first - steps.begin());
}

bool Plan::HasPrefix(const Plan& prefix) const {
  return prefix.steps.size() <= steps.size() &&
         std::equal(prefix.steps.begin(), prefix.steps.end(), steps.begin());
}

Plan Plan::Then(const std::vector<Step>& more) const {
  Plan plan = *this;
  plan.steps.insert(plan.steps.end(), more.begin(), more.end());
  return plan;
}

std::string PrintStep(const Step& step) {
  std::string out = step.op + "(";
  bool first = true;
  for (const auto& [key, value] : step.args.items()) {
    if (!first) out += ", ";
    first = false;
    out += key + "=";
    PrintValue(value, out);
  }
  return out + ")";
}

std::string PrintPlan(const Plan& plan) {
  std::string out;
  for (const auto& step : plan.steps) out += PrintStep(step) + "\n";
  return out;
}

Status NormalizeStep(Step& step, std::string* bad_key) {
  bad_key->clear();
  const Transformation* transformation = FindTransformation(step.op);
  if (transformation == nullptr) {
    std::vector<std::string> names;
    for (const auto* known : AllTransformations()) names.emplace_back(known->name());
    const std::string close = ClosestName(step.op, names);
    return InvalidArgument(fmt::format(
        "unknown transformation '{}'{}; known: {}", step.op,
        close.empty() ? "" : fmt::format(" (did you mean '{}'?)", close), Operations()));
  }
  SchemaMismatch mismatch;
  if (!NormalizeBySchema(transformation->schema(), step.args, &mismatch)) {
    *bad_key = mismatch.key;
    return InvalidArgument(fmt::format("{}: {}", step.op, mismatch.reason));
  }
  if (auto status = transformation->Canonicalize(step.args); !status.ok()) {
    return InvalidArgument(fmt::format("{}: {}", step.op, status.error().message));
  }
  return {};
}

Result<Step> CanonicalStep(Step step) {
  std::string key;
  BANYAN_RETURN_IF_ERROR(NormalizeStep(step, &key));
  return step;
}

Result<Step> StepFromJson(const Json& json) {
  if (!json.is_object() || !json.contains("op") || !json["op"].is_string()) {
    return InvalidArgument(
        "a step is an object with \"op\" (the transformation's name) and its arguments");
  }
  Step step;
  for (const auto& [key, value] : json.items()) {
    if (key == "op") {
      step.op = value.get<std::string>();
    } else {
      step.args[key] = value;
    }
  }
  return CanonicalStep(std::move(step));
}

Json StepToJson(const Step& step) {
  Json json = Json::object();
  json["op"] = step.op;
  for (const auto& [key, value] : step.args.items()) json[key] = value;
  return json;
}

Result<Plan> PlanFromJson(const Json& json) {
  if (!json.is_array()) return InvalidArgument("a plan is a list of steps");
  Plan plan;
  for (size_t i = 0; i < json.size(); ++i) {
    auto step = StepFromJson(json[i]);
    if (!step.ok()) {
      return InvalidArgument(fmt::format("step {}: {}", i + 1, step.error().message));
    }
    plan.steps.push_back(std::move(step).value());
  }
  return plan;
}

Json PlanToJson(const Plan& plan) {
  Json json = Json::array();
  for (const auto& step : plan.steps) json.push_back(StepToJson(step));
  return json;
}

Json StepJsonSchema() {
  Json branches = Json::array();
  for (const auto* transformation : AllTransformations()) {
    const Json& arguments = transformation->schema();
    Json branch = {{"type", "object"}, {"description", transformation->summary()}};
    branch["properties"]["op"] = {{"const", transformation->name()}};
    for (const auto& [key, value] : arguments["properties"].items()) {
      branch["properties"][key] = value;
    }
    branch["required"] = Json::array({"op"});
    if (arguments.contains("required")) {
      for (const auto& name : arguments["required"]) branch["required"].push_back(name);
    }
    branch["additionalProperties"] = false;
    branches.push_back(std::move(branch));
  }
  return {{"anyOf", std::move(branches)}};
}

Json PlanJsonSchema() {
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
          {"title", "plan"},
          {"type", "array"},
          {"items", StepJsonSchema()}};
}

uint64_t PlanTextHash(std::string_view canonical_text) { return Hash64(canonical_text); }

uint64_t PlanHash(const Plan& plan) { return PlanTextHash(PrintPlan(plan)); }

std::vector<uint64_t> PrefixHashes(const Plan& plan) {
  std::vector<uint64_t> hashes = {Hash64("")};
  std::string text;
  for (const Step& step : plan.steps) {
    text += PrintStep(step) + "\n";
    hashes.push_back(Hash64(text));
  }
  return hashes;
}

}  // namespace banyan
