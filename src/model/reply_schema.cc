// The JSON schema of replies: within what OpenAI's strict mode, Anthropic's tools and Gemini's
// schemas all accept. So every property is required, no further ones are allowed, and ranges are
// said in descriptions.
#include "model/prompt.h"

namespace banyan {
namespace {

Json Typed(const char* type, const char* description) {
  return {{"type", type}, {"description", description}};
}

Json List(Json items, const char* description) {
  return {{"type", "array"}, {"description", description}, {"items", std::move(items)}};
}

Json Closed(Json properties) {
  Json required = Json::array();
  for (const auto& item : properties.items()) required.push_back(item.key());
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)},
          {"additionalProperties", false}};
}

}  // namespace

Json ReplyJsonSchema(ActionSpace space) {
  const Json next_model = Typed("string", "who should be asked next from here: a model's name");
  if (space == ActionSpace::kMutators) {
    Json properties = Json::object();
    properties["reasoning"] = Typed("string", "why these mutators");
    properties["mutators"] =
        List(Typed("string", "a mutator's name"), "applied in this order, at least one");
    properties["next_model"] = next_model;
    return Closed(std::move(properties));
  }
  Json proposal = Json::object();
  proposal["reason"] = Typed("string", "one line: what this does and why it is faster");
  proposal["keep_steps"] =
      Typed("integer", "how many steps of the plan so far are kept, from its first; 0: none");
  proposal["steps"] = List(Typed("string", "one step: op(argument=value, ...)"),
                           "the steps that follow the kept ones");
  proposal["confidence"] =
      Typed("number", "chance from 0 to 1 that this is faster than the plan so far");
  Json properties = Json::object();
  properties["analysis"] = Typed("string", "where the time goes and what follows, a few sentences");
  properties["proposals"] = List(Closed(std::move(proposal)), "different ideas, best first");
  properties["next_model"] = next_model;
  return Closed(std::move(properties));
}

}  // namespace banyan
