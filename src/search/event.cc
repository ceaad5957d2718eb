#include "search/event.h"

#include <array>

#include "search/json_fields.h"

namespace banyan {
namespace {

// In the order of Event's variant.
constexpr std::array<const char*, 8> kNames = {"reference", "reply",  "outcome", "tick",
                                               "cancel",    "finals", "resume",  "scores"};

Json BodyToJson(const ReferenceEvent& event) {
  return {{"reference", ToJson(event.reference)},
          {"peak_gflops", NumberOrNull(event.peak_gflops)},
          {"budget", ToJson(event.budget)}};
}
Json BodyToJson(const ReplyEvent& event) {
  return {{"call_id", event.call_id}, {"reply", ToJson(event.reply)}};
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
  return {{"finals", std::move(finals)}, {"drift", NumberOrNull(event.drift)}};
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

Status ReadBody(const std::string& name, const Json& json, Event* event) {
  if (name == "reference") {
    ReferenceEvent body;
    BANYAN_ASSIGN_OR_RETURN(const Json reference, Member(json, "reference"));
    BANYAN_ASSIGN_OR_RETURN(body.reference, ReferenceOutcomeFromJson(reference));
    BANYAN_ASSIGN_OR_RETURN(const Json peak, Member(json, "peak_gflops"));
    body.peak_gflops = NumberOf(peak);
    BANYAN_ASSIGN_OR_RETURN(const Json budget, Member(json, "budget"));
    BANYAN_ASSIGN_OR_RETURN(body.budget, BudgetFromJson(budget));
    event->body = std::move(body);
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
