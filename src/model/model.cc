#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace banyan {
namespace {

double NumberOr(const Json& json, const char* key, double fallback) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>() : fallback;
}

int64_t IntegerOr(const Json& json, const char* key, int64_t fallback) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : fallback;
}

std::string TextOr(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::vector<std::string>> TextsOr(const Json& json, const char* key) {
  std::vector<std::string> texts;
  const auto found = json.find(key);
  if (found == json.end()) return texts;
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_text)) {
    return InvalidArgument(fmt::format("reply: '{}' is a list of texts", key));
  }
  for (const Json& item : *found) texts.push_back(item.get<std::string>());
  return texts;
}

struct NamedFailure {
  CallFailure failure;
  const char* name;
};
constexpr NamedFailure kFailures[] = {
    {CallFailure::kNone, "none"},           {CallFailure::kRefused, "refused"},
    {CallFailure::kTruncated, "truncated"}, {CallFailure::kUnusable, "unusable"},
    {CallFailure::kTimeout, "timeout"},     {CallFailure::kNetwork, "network"},
    {CallFailure::kHttp, "http"},           {CallFailure::kThrottled, "throttled"},
    {CallFailure::kCancelled, "cancelled"}, {CallFailure::kInternal, "internal"},
};

}  // namespace

const char* ModelRoleName(ModelRole role) {
  return role == ModelRole::kStrong ? "strong" : "light";
}

const char* ActionSpaceName(ActionSpace space) {
  return space == ActionSpace::kPlan ? "plan" : "mutators";
}

const char* CallFailureName(CallFailure failure) {
  for (const NamedFailure& known : kFailures) {
    if (known.failure == failure) return known.name;
  }
  return "?";
}

Result<CallFailure> ParseCallFailure(const std::string& name) {
  for (const NamedFailure& known : kFailures) {
    if (name == known.name) return known.failure;
  }
  return InvalidArgument(fmt::format("no failure of a call is called '{}'", name));
}

Json ToJson(const Usage& usage) {
  return {{"tokens_in", usage.tokens_in},         {"tokens_out", usage.tokens_out},
          {"tokens_cached", usage.tokens_cached}, {"tokens_reasoning", usage.tokens_reasoning},
          {"cost_usd", usage.cost_usd},           {"seconds", usage.seconds}};
}

Json ToJson(const ModelReply& reply) {
  Json proposals = Json::array();
  for (const Proposal& proposal : reply.proposals) {
    proposals.push_back({{"keep_steps", proposal.keep_steps},
                         {"steps", PlanToJson(Plan{proposal.steps})},
                         {"confidence", proposal.confidence},
                         {"reason", proposal.reason}});
  }
  Json json = {{"proposals", std::move(proposals)}};
  if (!reply.mutators.empty()) json["mutators"] = reply.mutators;
  if (!reply.next_model.empty()) json["next_model"] = reply.next_model;
  json["usage"] = ToJson(reply.usage);
  if (reply.failure != CallFailure::kNone) json["failure"] = CallFailureName(reply.failure);
  if (!reply.error.empty()) json["error"] = reply.error;
  if (!reply.notes.empty()) json["notes"] = reply.notes;
  if (!reply.exchanges.empty()) {
    Json exchanges = Json::array();
    for (const Exchange& exchange : reply.exchanges) {
      exchanges.push_back({{"request", exchange.request}, {"reply", exchange.reply}});
    }
    json["exchanges"] = std::move(exchanges);
  }
  return json;
}

Result<ModelReply> ModelReplyFromJson(const Json& json) {
  if (!json.is_object()) return InvalidArgument("a reply is an object");
  ModelReply reply;
  const auto proposals = json.find("proposals");
  if (proposals != json.end()) {
    if (!proposals->is_array()) return InvalidArgument("reply: 'proposals' is a list");
    for (const Json& item : *proposals) {
      if (!item.is_object() || !item.contains("steps"))
        return InvalidArgument("reply: a proposal needs 'steps'");
      BANYAN_ASSIGN_OR_RETURN(Plan plan, PlanFromJson(item["steps"]));
      Proposal proposal;
      const int64_t keep = IntegerOr(item, "keep_steps", 0);
      if (keep < 0) return InvalidArgument("reply: 'keep_steps' is at least 0");
      proposal.keep_steps = static_cast<size_t>(keep);
      proposal.steps = std::move(plan.steps);
      proposal.confidence = NumberOr(item, "confidence", 0.5);
      if (!(proposal.confidence >= 0 && proposal.confidence <= 1))
        return InvalidArgument(
            fmt::format("reply: confidence {} is not in [0, 1]", proposal.confidence));
      proposal.reason = TextOr(item, "reason");
      reply.proposals.push_back(std::move(proposal));
    }
  }
  BANYAN_ASSIGN_OR_RETURN(reply.mutators, TextsOr(json, "mutators"));
  BANYAN_ASSIGN_OR_RETURN(reply.notes, TextsOr(json, "notes"));
  reply.next_model = TextOr(json, "next_model");
  reply.error = TextOr(json, "error");
  if (json.contains("failure")) {
    BANYAN_ASSIGN_OR_RETURN(reply.failure, ParseCallFailure(TextOr(json, "failure")));
  }
  if (const auto exchanges = json.find("exchanges"); exchanges != json.end()) {
    if (!exchanges->is_array()) return InvalidArgument("reply: 'exchanges' is a list");
    for (const Json& item : *exchanges) {
      if (!item.is_object()) return InvalidArgument("reply: an exchange is an object");
      reply.exchanges.push_back({TextOr(item, "request"), TextOr(item, "reply")});
    }
  }
  if (const auto usage = json.find("usage"); usage != json.end() && usage->is_object()) {
    reply.usage = {IntegerOr(*usage, "tokens_in", 0),     IntegerOr(*usage, "tokens_out", 0),
                   IntegerOr(*usage, "tokens_cached", 0), IntegerOr(*usage, "tokens_reasoning", 0),
                   NumberOr(*usage, "cost_usd", 0),       NumberOr(*usage, "seconds", 0)};
  }
  return reply;
}

}  // namespace banyan
