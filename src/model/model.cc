#include "model/model.h"

#include <fmt/format.h>

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

}  // namespace

Json ToJson(const ModelReply& reply) {
  Json proposals = Json::array();
  for (const Proposal& proposal : reply.proposals) {
    proposals.push_back({{"keep_steps", proposal.keep_steps},
                         {"steps", PlanToJson(Plan{proposal.steps})},
                         {"confidence", proposal.confidence},
                         {"reason", proposal.reason}});
  }
  Json json = {{"proposals", std::move(proposals)}};
  if (!reply.next_model.empty()) json["next_model"] = reply.next_model;
  json["usage"] = {{"tokens_in", reply.usage.tokens_in},
                   {"tokens_out", reply.usage.tokens_out},
                   {"cost_usd", reply.usage.cost_usd},
                   {"seconds", reply.usage.seconds}};
  if (!reply.error.empty()) json["error"] = reply.error;
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
  reply.next_model = TextOr(json, "next_model");
  reply.error = TextOr(json, "error");
  if (const auto usage = json.find("usage"); usage != json.end() && usage->is_object()) {
    reply.usage = {IntegerOr(*usage, "tokens_in", 0), IntegerOr(*usage, "tokens_out", 0),
                   NumberOr(*usage, "cost_usd", 0), NumberOr(*usage, "seconds", 0)};
  }
  return reply;
}

}  // namespace banyan
