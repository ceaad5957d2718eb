#include "app/schemas.h"

#include <utility>

#include "measure/types.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr const char* kDraft = "https://json-schema.org/draft/2020-12/schema";

Json Object(Json properties, Json required) {
  return {
      {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}
Json NumberOrNothing() { return {{"type", Json::array({"number", "null"})}}; }
Json Samples() { return {{"type", "array"}, {"items", NumberOrNothing()}}; }
Json Integer() { return {{"type", "integer"}}; }
Json Text() { return {{"type", "string"}}; }

Json FailureKinds() {
  Json names = Json::array();
  for (int kind = 0; kind <= static_cast<int>(FailureKind::kNotMeasured); ++kind) {
    names.push_back(FailureKindName(static_cast<FailureKind>(kind)));
  }
  return {{"type", "string"}, {"enum", std::move(names)}};
}

// What the first event may bring besides.
Json OfEarlierRuns() {
  const Json example = Object({{"workload", Text()},
                               {"plan", {{"type", "array"}, {"items", {{"$ref", "#/$defs/step"}}}}},
                               {"speedup", NumberOrNothing()}},
                              Json::array({"workload", "plan", "speedup"}));
  const Json gain = Object({{"model", Text()},
                            {"phase", Text()},
                            {"gain", {{"type", "number"}}},
                            {"same_family", {{"type", "boolean"}}}},
                           Json::array({"model", "phase", "gain", "same_family"}));
  return {{"examples", {{"type", "array"}, {"items", example}}},
          {"gains", {{"type", "array"}, {"items", gain}}}};
}

Json ReplyBody() {
  Json proposal = Object({{"keep_steps", {{"type", "integer"}, {"minimum", 0}}},
                          {"steps", {{"type", "array"}, {"items", {{"$ref", "#/$defs/step"}}}}},
                          {"confidence", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}},
                          {"reason", Text()}},
                         Json::array({"steps"}));
  return Object({{"proposals", {{"type", "array"}, {"items", std::move(proposal)}}},
                 {"mutators", {{"type", "array"}, {"items", Text()}}},
                 {"next_model", Text()},
                 {"failure", Text()},
                 {"notes", {{"type", "array"}, {"items", Text()}}},
                 {"exchanges",
                  {{"type", "array"},
                   {"items", Object({{"request", Text()}, {"reply", Text()}},
                                    Json::array({"request", "reply"}))}}},
                 {"usage", Object({{"tokens_in", Integer()},
                                   {"tokens_out", Integer()},
                                   {"tokens_cached", Integer()},
                                   {"tokens_reasoning", Integer()},
                                   {"cost_usd", {{"type", "number"}}},
                                   {"seconds", {{"type", "number"}}}},
                                  Json::array())},
                 {"error", Text()}},
                Json::array({"proposals"}));
}

Json WithHead(const char* title, Json schema) {
  Json whole = {{"$schema", kDraft}, {"title", title}};
  whole.update(schema);
  whole["$defs"] = {{"step", StepSchema()}};
  return whole;
}

}  // namespace

Json StepSchema() {
  Json alternatives = Json::array();
  for (const Transformation* transformation : AllTransformations()) {
    const Json& arguments = transformation->schema();
    Json properties = {{"op", {{"const", std::string(transformation->name())}}}};
    if (arguments.contains("properties")) properties.update(arguments["properties"]);
    Json required = Json::array({"op"});
    if (arguments.contains("required")) {
      for (const Json& name : arguments["required"]) required.push_back(name);
    }
    Json alternative = Object(std::move(properties), std::move(required));
    alternative["description"] = std::string(transformation->summary());
    alternative["additionalProperties"] = false;
    alternatives.push_back(std::move(alternative));
  }
  return {{"oneOf", std::move(alternatives)}};
}

Json PlanSchema() {
  return WithHead("Banyan plan: steps in order",
                  {{"type", "array"}, {"items", {{"$ref", "#/$defs/step"}}}});
}

Json ReplySchema() { return WithHead("Banyan reply: what a model proposes", ReplyBody()); }

Json EventSchema() {
  const Json budget = Object({{"trials", Integer()},
                              {"calls", Integer()},
                              {"strong_calls", NumberOrNothing()},
                              {"tokens", NumberOrNothing()},
                              {"cost_usd", NumberOrNothing()},
                              {"seconds", NumberOrNothing()}},
                             Json::array({"trials", "calls"}));
  const Json reference = Object({{"default_latency_ms", NumberOrNothing()},
                                 {"samples_ms", Samples()},
                                 {"stand_in", {{"type", "boolean"}}},
                                 {"wall_s", {{"type", "number"}}}},
                                Json::array({"default_latency_ms", "samples_ms"}));
  const Json outcome = Object({{"trial_id", Integer()},
                               {"failure", FailureKinds()},
                               {"failure_text", Text()},
                               {"samples_ms", Samples()},
                               {"stopped_early", {{"type", "boolean"}}},
                               {"max_relative_error", NumberOrNothing()},
                               {"build_s", {{"type", "number"}}},
                               {"run_s", {{"type", "number"}}}},
                              Json::array({"trial_id", "failure", "samples_ms"}));
  const Json final_outcome = Object({{"trial_id", Integer()},
                                     {"failure", FailureKinds()},
                                     {"failure_text", Text()},
                                     {"samples_ms", Samples()}},
                                    Json::array({"trial_id", "failure", "samples_ms"}));
  const auto event = [](const char* name, Json properties) {
    Json all = {{"index", {{"type", "integer"}, {"minimum", 0}}},
                {"elapsed_s", {{"type", "number"}, {"minimum", 0}}},
                {"event", {{"const", name}}}};
    Json required = Json::array({"index", "elapsed_s", "event"});
    for (const auto& [key, schema] : properties.items()) required.push_back(key);
    all.update(properties);
    return Object(std::move(all), std::move(required));
  };
  Json alternatives = Json::array();
  Json first =
      event("reference",
            {{"reference", reference}, {"peak_gflops", NumberOrNothing()}, {"budget", budget}});
  first["properties"].update(OfEarlierRuns());
  alternatives.push_back(std::move(first));
  alternatives.push_back(event("reply", {{"call_id", Integer()}, {"reply", ReplyBody()}}));
  alternatives.push_back(event("outcome", {{"outcome", outcome}}));
  alternatives.push_back(event("limits", {{"call_id", Integer()},
                                          {"model", Integer()},
                                          {"tokens", Integer()},
                                          {"cost_usd", {{"type", "number"}}}}));
  alternatives.push_back(event("tick", Json::object()));
  alternatives.push_back(event("cancel", {{"reason", Text()}}));
  alternatives.push_back(event("finals", {{"finals", {{"type", "array"}, {"items", final_outcome}}},
                                          {"drift", NumberOrNothing()},
                                          {"peak_gflops", NumberOrNothing()}}));
  alternatives.push_back(event("resume", {{"budget", budget}}));
  alternatives.push_back(
      event("scores", {{"ticket", Integer()},
                       {"scores", {{"type", "array"}, {"items", NumberOrNothing()}}},
                       {"trust", {{"type", "number"}}}}));
  return WithHead("Banyan event: a line of --events", {{"oneOf", std::move(alternatives)}});
}

}  // namespace banyan
