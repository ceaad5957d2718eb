#include "model/command_model.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "model/wire.h"
#include "schedule/description_json.h"

namespace banyan {
namespace {

// As text, one step a line, and as steps.
Json PlanBoth(const Plan& plan) { return {{"text", PrintPlan(plan)}, {"steps", PlanToJson(plan)}}; }

Json MeasuredJson(const std::vector<MeasuredPlan>& plans) {
  Json list = Json::array();
  for (const MeasuredPlan& measured : plans) {
    Json item = {{"plan", PlanBoth(measured.plan)},
                 {"latency_ms", NumberOrNull(measured.latency_ms)}};
    if (!measured.failure.empty()) item["failure"] = measured.failure;
    list.push_back(std::move(item));
  }
  return list;
}

Json StateJson(const StateText& state) {
  return {{"script", state.script}, {"trace", state.trace}, {"score", NumberOrNull(state.score)}};
}

Json LeftJson(const ModelRequest& request) {
  const BudgetLeft& left = request.left;
  return {{"trials", request.trials_left},
          {"calls", request.calls_left},
          {"tokens", NumberOrNull(left.tokens)},
          {"cost_usd", NumberOrNull(left.cost_usd)},
          {"seconds", NumberOrNull(left.seconds)}};
}

// Tokens and money as a program reports them.
void ReadUsage(const Json& json, const Price& price, Usage* usage) {
  ReadTokens(Member(json, "tokens_in"), &usage->tokens_in);
  ReadTokens(Member(json, "tokens_out"), &usage->tokens_out);
  ReadTokens(Member(json, "tokens_cached"), &usage->tokens_cached);
  ReadTokens(Member(json, "tokens_reasoning"), &usage->tokens_reasoning);
  usage->tokens_cached = std::min(usage->tokens_cached, usage->tokens_in);
  const Json& cost = Member(json, "cost_usd");
  if (cost.is_number() && cost >= 0 && cost <= 1e6) {
    usage->cost_usd = cost.get<double>();
    return;
  }
  usage->cost_usd = (static_cast<double>(usage->tokens_in - usage->tokens_cached) * price.in +
                     static_cast<double>(usage->tokens_cached) * price.cached +
                     static_cast<double>(usage->tokens_out) * price.out) *
                    1e-6;
}

// A ModelReply from outside keeps to the request's limits.
void KeepWithin(const ModelRequest& request, ModelReply* reply) {
  if (reply->proposals.size() > request.max_proposals) {
    reply->notes.push_back(fmt::format("{} proposals more than asked for were left out",
                                       reply->proposals.size() - request.max_proposals));
    reply->proposals.resize(request.max_proposals);
  }
  for (Proposal& proposal : reply->proposals) proposal.reason = OneLine(proposal.reason);
  if (reply->failure == CallFailure::kNone && reply->error.empty() && reply->proposals.empty() &&
      reply->mutators.empty()) {
    reply->failure = CallFailure::kUnusable;
    reply->error = "the reply holds no proposal";
  }
  if (reply->failure != CallFailure::kNone && reply->error.empty()) {
    reply->error = CallFailureName(reply->failure);
  }
  reply->error = OneLine(reply->error);
}

}  // namespace

Json CommandState(const ModelRequest& request) {
  Json state = {{"action_space", ActionSpaceName(request.action_space)}};
  if (request.workload) state["workload"] = ToJson(*request.workload);
  if (request.target) state["target"] = ToJson(*request.target);
  state["plan"] = PlanBoth(request.leaf.plan);
  state["latency_ms"] = NumberOrNull(request.leaf_latency_ms);
  state["default_latency_ms"] = NumberOrNull(request.default_latency_ms);
  state["path"] = MeasuredJson(request.path);
  state["best"] = MeasuredJson(request.best);
  state["failures"] = request.failures;
  state["max_proposals"] = request.max_proposals;
  state["left"] = LeftJson(request);
  state["progress"] = request.progress;
  state["depth"] = request.depth;
  state["peak_gflops"] = request.peak_gflops;
  state["seed"] = fmt::format("{}", request.seed);  // JSON readers cut 64-bit numbers
  state["ask"] = request.model;
  Json pool = Json::array();
  for (const ModelStanding& standing : request.pool) {
    pool.push_back({{"name", standing.info.name},
                    {"role", ModelRoleName(standing.info.role)},
                    {"parameters_b", standing.info.parameters_b},
                    {"calls", standing.calls},
                    {"errors", standing.errors},
                    {"hits", standing.hits}});
  }
  state["pool"] = std::move(pool);
  Json states = Json::array();
  for (const StateText& text : request.states) states.push_back(StateJson(text));
  state["states"] = std::move(states);
  Json examples = Json::array();
  for (const ExamplePlan& example : request.examples) {
    examples.push_back({{"workload", example.workload},
                        {"plan", PlanBoth(example.plan)},
                        {"speedup", NumberOrNull(example.speedup)}});
  }
  state["examples"] = std::move(examples);
  if (!request.mutators.empty()) state["mutators"] = request.mutators;
  if (request.review) {
    state["review"] = {{"model", request.review->model},
                       {"steps", PlanToJson(Plan{request.review->steps})},
                       {"mutators", request.review->mutators},
                       {"parent", StateJson(request.review->parent)},
                       {"child", StateJson(request.review->child)}};
  }
  return state;
}

ModelReply ReadCommandLine(ChatReply chat, const ModelRequest& request, const Price& price,
                           const ReplyParser& parse) {
  if (chat.failure != CallFailure::kNone) return ReplyOf(std::move(chat), request, parse);
  const Json line = Json::parse(chat.text, nullptr, false);
  ReadUsage(Member(line, "usage"), price, &chat.usage);
  const std::string error = TextOf(Member(line, "error"));
  if (!error.empty()) {
    chat.failure = CallFailure::kUnusable;
    chat.error = OneLine(error);
    return ReplyOf(std::move(chat), request, parse);
  }
  if (Member(line, "text").is_string()) {
    chat.text = TextOf(Member(line, "text"));
    return ReplyOf(std::move(chat), request, parse);
  }
  if (!Member(line, "reply").is_object()) {
    // The parser need not know of what belongs to the protocol.
    if (line.is_object()) {
      Json answer = line;
      for (const char* key : {"id", "usage", "version", "type"}) answer.erase(key);
      chat.text = DumpJson(answer);
    }
    return ReplyOf(std::move(chat), request, parse);
  }
  auto read = ModelReplyFromJson(line["reply"]);
  if (!read.ok()) {
    chat.failure = CallFailure::kUnusable;
    chat.error = OneLine(read.error().message);
    return ReplyOf(std::move(chat), request, parse);
  }
  ModelReply reply = std::move(read).value();
  const Usage& own = reply.usage;
  const bool reports = own.tokens_in > 0 || own.tokens_out > 0 || own.cost_usd > 0;
  if (line.contains("usage") || !reports) {
    reply.usage = chat.usage;
  } else {
    ReadUsage(Member(line["reply"], "usage"), price, &chat.usage);
    reply.usage = chat.usage;
  }
  KeepWithin(request, &reply);
  reply.exchanges = std::move(chat.exchanges);
  return reply;
}

CommandModel::CommandModel(PoolEntry entry, PromptMaker make_prompt, ReplyParser parse_reply)
    : entry_(std::move(entry)),
      info_(InfoOf(entry_)),
      chat_(entry_),
      make_prompt_(std::move(make_prompt)),
      parse_reply_(std::move(parse_reply)) {}

ModelReply CommandModel::Propose(const ModelRequest& request) {
  const ChatRequest prompt =
      make_prompt_(request, entry_.max_prompt_tokens, entry_.max_output_tokens);
  return ReadCommandLine(chat_.Ask(prompt, "propose", CommandState(request)), request, entry_.price,
                         parse_reply_);
}

CallLimits CommandModel::Limits(const ModelRequest& request) const {
  return LimitsOf(entry_,
                  make_prompt_(request, entry_.max_prompt_tokens, entry_.max_output_tokens));
}

}  // namespace banyan
