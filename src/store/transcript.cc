#include "store/transcript.h"

#include <string>

#include "base/hash.h"
#include "store/blob.h"

namespace banyan {
namespace {

Json ToJson(const MeasuredPlan& plan) {
  Json json = {{"plan", PrintPlan(plan.plan)}, {"latency_ms", NumberOrNull(plan.latency_ms)}};
  if (!plan.failure.empty()) json["failure"] = plan.failure;
  return json;
}
Json ToJson(const StateText& state) {
  return {{"script", state.script}, {"trace", state.trace}, {"score", NumberOrNull(state.score)}};
}
Json ToJson(const ModelStanding& standing) {
  return {{"name", standing.info.name},     {"role", ModelRoleName(standing.info.role)},
          {"calls", standing.calls},        {"alterations", standing.alterations},
          {"errors", standing.errors},      {"hits", standing.hits},
          {"mean_gain", standing.mean_gain}};
}

template <typename T>
Json List(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(ToJson(item));
  return list;
}

}  // namespace

Json RequestToJson(const ModelRequest& request) {
  Json json = {{"call_id", request.call_id},
               {"model", request.model},
               {"seed", HashHex(request.seed)},
               {"action_space", ActionSpaceName(request.action_space)},
               {"leaf", PrintPlan(request.leaf.plan)},
               {"leaf_program", HashHex(request.leaf.program_hash)},
               {"leaf_latency_ms", NumberOrNull(request.leaf_latency_ms)},
               {"default_latency_ms", NumberOrNull(request.default_latency_ms)},
               {"depth", request.depth},
               {"progress", request.progress},
               {"max_proposals", request.max_proposals},
               {"path", List(request.path)},
               {"best", List(request.best)},
               {"failures", request.failures},
               {"pool", List(request.pool)},
               {"ask_history", request.ask_history},
               {"left",
                {{"trials", request.left.trials},
                 {"calls", request.left.calls},
                 {"strong_calls", NumberOrNull(request.left.strong_calls)},
                 {"tokens", NumberOrNull(request.left.tokens)},
                 {"cost_usd", NumberOrNull(request.left.cost_usd)}}}};
  Json tried = Json::array();
  for (const uint64_t plan : request.tried_plans) tried.push_back(HashHex(plan));
  json["tried_plans"] = std::move(tried);
  for (const ExamplePlan& example : request.examples) {
    json["examples"].push_back({{"workload", example.workload},
                                {"plan", PrintPlan(example.plan)},
                                {"speedup", NumberOrNull(example.speedup)}});
  }
  if (!request.states.empty()) json["states"] = List(request.states);
  if (!request.mutators.empty()) json["mutators"] = request.mutators;
  if (request.review) {
    const Review& review = *request.review;
    json["review"] = {{"model", review.model},
                      {"steps", PrintPlan(Plan{review.steps})},
                      {"mutators", review.mutators},
                      {"parent", ToJson(review.parent)},
                      {"child", ToJson(review.child)}};
  }
  return json;
}

Status TranscriptWriter::Prepare(const Database* database, int64_t run) {
  run_ = run;
  BANYAN_ASSIGN_OR_RETURN(
      blob_, database->Prepare("INSERT OR IGNORE INTO blob(hash, bytes) VALUES(?1, ?2)"));
  BANYAN_ASSIGN_OR_RETURN(
      exchange_,
      database->Prepare("INSERT OR REPLACE INTO exchange(run, call_id, ordinal, request_hash, "
                        "reply_hash) VALUES(?1, ?2, ?3, ?4, ?5)"));
  return Ok{};
}

Result<std::string> TranscriptWriter::WriteBlob(std::string_view bytes) {
  std::string hash = ContentHash(bytes);
  BANYAN_RETURN_IF_ERROR(blob_.Bind(1, hash).BindBlob(2, Compress(bytes)).Run());
  return hash;
}

Status TranscriptWriter::WriteRequest(uint64_t call_id, const ModelRequest& request) {
  BANYAN_ASSIGN_OR_RETURN(const std::string hash, WriteBlob(DumpJson(RequestToJson(request))));
  return exchange_.Bind(1, run_)
      .Bind(2, static_cast<int64_t>(call_id))
      .Bind(3, int64_t{0})
      .Bind(4, hash)
      .Run();
}

Status TranscriptWriter::WriteExchanges(uint64_t call_id, const std::vector<Exchange>& exchanges) {
  for (size_t i = 0; i < exchanges.size(); ++i) {
    BANYAN_ASSIGN_OR_RETURN(const std::string request, WriteBlob(exchanges[i].request));
    BANYAN_ASSIGN_OR_RETURN(const std::string reply, WriteBlob(exchanges[i].reply));
    BANYAN_RETURN_IF_ERROR(exchange_.Bind(1, run_)
                               .Bind(2, static_cast<int64_t>(call_id))
                               .Bind(3, static_cast<int64_t>(i + 1))
                               .Bind(4, request)
                               .Bind(5, reply)
                               .Run());
  }
  return Ok{};
}

}  // namespace banyan
