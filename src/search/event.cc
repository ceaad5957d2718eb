#include "search/event.h"

#include <array>

#include "search/json_fields.h"

namespace banyan {
namespace {

// In the order of Event's variant.
constexpr std::array<const char*, 9> kNames = {"reference", "reply",  "outcome", "tick",  "cancel",
                                               "finals",    "resume", "scores",  "limits"};

Json ExampleToJson(const ExamplePlan& example) {
  return {{"workload", example.workload},
          {"plan", PlanToJson(example.plan)},
          {"speedup", NumberOrNull(example.speedup)}};
}
Json GainToJson(const PastGain& gain) {
  return {{"model", gain.model},
          {"phase", PhaseName(gain.phase)},
          {"gain", gain.gain},
          {"same_family", gain.same_family}};
}

Json BodyToJson(const ReferenceEvent& event) {
  Json json = {{"reference", ToJson(event.reference)},
               {"peak_gflops", NumberOrNull(event.peak_gflops)},
               {"budget", ToJson(event.budget)}};
  for (const ExamplePlan& example : event.examples)
    json["examples"].push_back(ExampleToJson(example));
  for (const PastGain& gain : event.gains) json["gains"].push_back(GainToJson(gain));
  return json;
}
Json BodyToJson(const ReplyEvent& event) {
  Json reply = ToJson(event.reply);
  reply.erase("exchanges");
  return {{"call_id", event.call_id}, {"reply", std::move(reply)}};
}
Json BodyToJson(const LimitsEvent& event) {
  return {{"call_id", event.call_id},
          {"model", event.model},
          {"tokens", event.limits.tokens},
          {"cost_usd", event.limits.cost_usd}};
}
Json BodyToJson(const OutcomeEvent& event) { return {{"outcome", ToJson(event.outcome)}}; }
Json BodyToJson(const ScoresEvent& event) {
  Json scores = Json::array();
  for (const double score : event.scores) scores.push_back(NumberOrNull(score));
  return {{"ticket", event.ticket}, {"scores", std::move(scores)}, {"trust", event.trust}};
}
Json BodyToJson(const TickEvent&) { return Json::object(); }
Json BodyToJson(const CancelEvent& event) { return {{"reason", event.reason}}; }
Json BodyToJson(const FinalsEvent& event) {
  Json finals = Json::array();
  for (const FinalOutcome& final : event.finals) finals.push_back(ToJson(final));
  return {{"finals", std::move(finals)},
          {"drift", NumberOrNull(event.drift)},
          {"peak_gflops", NumberOrNull(event.peak_gflops)}};
}
Json BodyToJson(const ResumeEvent& event) { return {{"budget", ToJson(event.budget)}}; }

Result<Json> Member(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end()) return InvalidArgument(std::string("event has no '") + key + "'");
  return Json(*it);
}

double NumberOf(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

// A list that may be absent; `read` makes an element of each object.
template <typename T, typename Read>
Status ReadList(const Json& json, const char* key, std::vector<T>* out, Read&& read) {
  const auto list = json.find(key);
  if (list == json.end()) return Ok{};
  if (!list->is_array()) return InvalidArgument(std::string("event: ") + key + " is not an array");
  for (const Json& item : *list) {
    BANYAN_ASSIGN_OR_RETURN(T element, read(item));
    out->push_back(std::move(element));
  }
  return Ok{};
}

Result<ExamplePlan> ExampleFromJson(const Json& json) {
  ExamplePlan example;
  Fields fields(json, "example");
  fields.Read("workload", &example.workload);
  fields.Read("speedup", &example.speedup);
  const Json* plan = fields.Find("plan");
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  if (plan == nullptr) return InvalidArgument("example has no plan");
  BANYAN_ASSIGN_OR_RETURN(example.plan, PlanFromJson(*plan));
  return example;
}

Result<PastGain> GainFromJson(const Json& json) {
  PastGain gain;
  std::string phase;
  Fields fields(json, "gain");
  fields.Read("model", &gain.model);
  fields.Read("phase", &phase);
  fields.Read("gain", &gain.gain);
  fields.Read("same_family", &gain.same_family);
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  BANYAN_ASSIGN_OR_RETURN(gain.phase, ParsePhase(phase));
  return gain;
}

Status ReadBody(const std::string& name, const Json& json, Event* event) {
  if (name == "reference") {
    ReferenceEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json reference, Member(json, "reference"));
    BANYAN_ASSIGN_OR_RETURN(body.reference, ReferenceOutcomeFromJson(reference));
    BANYAN_ASSIGN_OR_RETURN(const Json peak, Member(json, "peak_gflops"));
    body.peak_gflops = NumberOf(peak);
    BANYAN_ASSIGN_OR_RETURN(const Json budget, Member(json, "budget"));
    BANYAN_ASSIGN_OR_RETURN(body.budget, BudgetFromJson(budget));
    BANYAN_RETURN_IF_ERROR(ReadList(json, "examples", &body.examples, ExampleFromJson));
    BANYAN_RETURN_IF_ERROR(ReadList(json, "gains", &body.gains, GainFromJson));
    event->body = std::move(body);
  } else if (name == "limits") {
    LimitsEvent body;
    const auto whole = [&json](const char* key) {
      const auto found = json.find(key);
      return found != json.end() && found->is_number_integer() && *found >= 0;
    };
    BANYAN_ASSIGN_OR_RETURN(const Json cost, Member(json, "cost_usd"));
    if (!whole("call_id") || !whole("model") || !whole("tokens") || !cost.is_number()) {
      return InvalidArgument("event: call_id, model, tokens or cost_usd is no such number");
    }
    body.call_id = json["call_id"].get<uint64_t>();
    body.model = json["model"].get<uint64_t>();
    body.limits.tokens = json["tokens"].get<int64_t>();
    body.limits.cost_usd = cost.get<double>();
    event->body = body;
  } else if (name == "reply") {
    ReplyEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json call_id, Member(json, "call_id"));
    if (!call_id.is_number_integer()) return InvalidArgument("event: call_id is not an integer");
    body.call_id = call_id.get<uint64_t>();
    BANYAN_ASSIGN_OR_RETURN(const Json reply, Member(json, "reply"));
    BANYAN_ASSIGN_OR_RETURN(body.reply, ModelReplyFromJson(reply));
    event->body = std::move(body);
  } else if (name == "outcome") {
    OutcomeEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json outcome, Member(json, "outcome"));
    BANYAN_ASSIGN_OR_RETURN(body.outcome, TrialOutcomeFromJson(outcome));
    event->body = std::move(body);
  } else if (name == "scores") {
    ScoresEvent body;
    Fields fields(json, "event");
    fields.Read("ticket", &body.ticket);
    fields.Read("trust", &body.trust, 0);
    BANYAN_ASSIGN_OR_RETURN(const Json scores, Member(json, "scores"));
    if (!scores.is_array()) return InvalidArgument("event: scores is not an array");
    for (const Json& item : scores) body.scores.push_back(NumberOf(item));
    event->body = std::move(body);
  } else if (name == "tick") {
    event->body = TickEvent{};
  } else if (name == "cancel") {
    BANYAN_ASSIGN_OR_RETURN(const Json reason, Member(json, "reason"));
    event->body = CancelEvent{reason.is_string() ? reason.get<std::string>() : ""};
  } else if (name == "finals") {
    FinalsEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json finals, Member(json, "finals"));
    if (!finals.is_array()) return InvalidArgument("event: finals is not an array");
    for (const Json& item : finals) {
      BANYAN_ASSIGN_OR_RETURN(FinalOutcome final, FinalOutcomeFromJson(item));
      body.finals.push_back(std::move(final));
    }
    BANYAN_ASSIGN_OR_RETURN(const Json drift, Member(json, "drift"));
    body.drift = NumberOf(drift);
    body.peak_gflops = json.contains("peak_gflops") ? NumberOf(json["peak_gflops"]) : 0;
    event->body = std::move(body);
  } else if (name == "resume") {
    ResumeEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json budget, Member(json, "budget"));
    BANYAN_ASSIGN_OR_RETURN(body.budget, BudgetFromJson(budget));
    event->body = body;
  } else {
    return InvalidArgument("unknown event '" + name + "'");
  }
  return Ok{};
}

}  // namespace

const char* EventName(const Event& event) { return kNames[event.body.index()]; }

Json ToJson(const Event& event) {
  Json json = {{"index", event.index}, {"elapsed_s", event.elapsed_s}, {"event", EventName(event)}};
  json.update(std::visit([](const auto& body) { return BodyToJson(body); }, event.body));
  return json;
}

Result<Event> EventFromJson(const Json& json) {
  if (!json.is_object()) return InvalidArgument("event is not an object");
  Event event;
  BANYAN_ASSIGN_OR_RETURN(const Json index, Member(json, "index"));
  BANYAN_ASSIGN_OR_RETURN(const Json elapsed, Member(json, "elapsed_s"));
  BANYAN_ASSIGN_OR_RETURN(const Json name, Member(json, "event"));
  if (!index.is_number_integer() || !elapsed.is_number() || !name.is_string()) {
    return InvalidArgument("event: index, elapsed_s or event has the wrong type");
  }
  event.index = index.get<int64_t>();
  event.elapsed_s = elapsed.get<double>();
  BANYAN_RETURN_IF_ERROR(ReadBody(name.get<std::string>(), json, &event));
  return event;
}

}  // namespace banyan
