#include "report/run_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/format.h"
#include "base/numbers.h"

namespace banyan {
namespace {

// What became of some nodes: of one call's, or of all of one origin.
struct Yield {
  int64_t nodes = 0;
  int64_t measured = 0;
  int64_t failed = 0;
  int64_t hits = 0;
  int64_t new_bests = 0;
  double gain = 0;
  double first_gain = 0;  // the part of it that the run's first plan brought
  double best_ms = kNaN;

  void Count(const RunRecords& records, const RunTree& tree, const TreeNode& node) {
    ++nodes;
    if (!node.own_trial) return;
    const TrialRecord& trial = records.trials[static_cast<size_t>(node.trial)];
    if (!trial.finished) return;
    if (!trial.outcome.ok()) {
      ++failed;
      return;
    }
    ++measured;
    if (node.latency_ms < tree.NearestLatencyMs(node.parent)) ++hits;
    if (node.new_best) ++new_bests;
    gain += node.gain;
    if (node.first_best) first_gain += node.gain;
    if (!(best_ms <= node.latency_ms)) best_ms = node.latency_ms;
  }
};

Json ToJson(const Yield& yield) {
  return {{"nodes", yield.nodes},           {"measured", yield.measured},
          {"failed", yield.failed},         {"hits", yield.hits},
          {"new_bests", yield.new_bests},   {"gain", yield.gain},
          {"first_gain", yield.first_gain}, {"best_latency_ms", NumberOrNull(yield.best_ms)}};
}

std::string Verdict(int64_t calls, const Yield& yield, bool is_model) {
  if (is_model && calls == 0) return "never asked";
  if (yield.new_bests > 0) return is_model ? "earned its calls" : "moved the best";
  if (yield.hits > 0) return "improved plans, but never the best";
  if (yield.measured > 0) return "nothing gained";
  return yield.nodes > 0 ? "nothing measured" : "nothing usable";
}

// What came of a call, in a few words.
std::string Came(const CallRecord& call, const Yield& yield, double leaf_ms) {
  if (!call.answered) return "not answered";
  if (!call.reply.error.empty() && yield.nodes == 0) return "failed";
  if (yield.nodes == 0) return "no new program";
  if (yield.new_bests > 0) {
    return fmt::format("new best, {}", FormatMs(yield.best_ms));
  }
  if (yield.measured == 0) {
    return yield.failed > 0 ? "all of its trials failed" : "none of its plans was tried";
  }
  const double ratio = leaf_ms / yield.best_ms;
  if (std::isfinite(ratio) && ratio > 1) {
    return fmt::format("{:.3g}x faster than its start, not the best", ratio);
  }
  return "nothing faster";
}

}  // namespace

Json ModelsJson(const RunRecords& records, const RunTree& tree) {
  std::map<std::string, Yield> yields;
  std::vector<std::string> names;
  for (const PoolEntry& entry : records.run.start.config.pool) names.push_back(entry.name);
  const size_t from_pool = names.size();
  const auto know = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  struct Use {
    int64_t calls = 0, answered = 0, errors = 0, proposals = 0, accepted = 0;
    Usage usage;
    const char* role = "";
  };
  std::map<std::string, Use> uses;
  for (const CallRecord& call : records.calls) {
    know(call.model);
    Use& use = uses[call.model];
    use.role = ModelRoleName(call.role);
    ++use.calls;
    if (!call.answered) continue;
    ++use.answered;
    if (!call.reply.error.empty()) ++use.errors;
    use.proposals += static_cast<int64_t>(call.reply.proposals.size());
    if (!call.reply.mutators.empty()) ++use.proposals;
    use.accepted += call.accepted;
    use.usage.tokens_in += call.reply.usage.tokens_in;
    use.usage.tokens_out += call.reply.usage.tokens_out;
    use.usage.tokens_cached += call.reply.usage.tokens_cached;
    use.usage.tokens_reasoning += call.reply.usage.tokens_reasoning;
    use.usage.cost_usd += call.reply.usage.cost_usd;
    use.usage.seconds += call.reply.usage.seconds;
  }
  double total_gain = 0;
  for (const TreeNode& node : tree.nodes()) {
    if (node.record->origin == "root") continue;
    know(node.record->origin);
    yields[node.record->origin].Count(records, tree, node);
    total_gain += node.gain;
  }
  Json models = Json::array();
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    const Use& use = uses[name];
    const Yield& yield = yields[name];
    const bool is_model = i < from_pool || use.calls > 0;
    Json item = {{"name", name},
                 {"is_model", is_model},
                 {"role", use.role},
                 {"calls", use.calls},
                 {"answered", use.answered},
                 {"errors", use.errors},
                 {"proposals", use.proposals},
                 {"accepted", use.accepted},
                 {"tokens_in", use.usage.tokens_in},
                 {"tokens_out", use.usage.tokens_out},
                 {"tokens_cached", use.usage.tokens_cached},
                 {"tokens_reasoning", use.usage.tokens_reasoning},
                 {"cost_usd", use.usage.cost_usd},
                 {"seconds", use.usage.seconds}};
    item.update(ToJson(yield));
    item["gain_share"] = NumberOrNull(total_gain > 0 ? yield.gain / total_gain : kNaN);
    item["verdict"] = Verdict(use.calls, yield, is_model);
    models.push_back(std::move(item));
  }
  return models;
}

Json CallsJson(const RunRecords& records, const RunTree& tree, size_t limit, StringTable* texts) {
  std::unordered_map<uint64_t, std::vector<const TreeNode*>> made;
  for (const TreeNode& node : tree.nodes()) {
    if (node.record->call_id != 0) made[node.record->call_id].push_back(&node);
  }
  std::unordered_map<uint64_t, double> answered_at_s;
  for (const Event& event : records.events) {
    if (const auto* reply = std::get_if<ReplyEvent>(&event.body)) {
      answered_at_s[reply->call_id] = event.elapsed_s;
    }
  }
  Json calls = Json::array();
  for (const CallRecord& call : records.calls) {
    if (calls.size() >= limit) break;
    Yield yield;
    Json nodes = Json::array();
    for (const TreeNode* node : made[call.call_id]) {
      yield.Count(records, tree, *node);
      nodes.push_back(node->record->node_id);
    }
    const double leaf_ms = tree.NearestLatencyMs(tree.IndexOf(call.node_id));
    Json proposals = Json::array();
    for (const Proposal& proposal : call.reply.proposals) {
      proposals.push_back({{"keep_steps", proposal.keep_steps},
                           {"steps", texts->Add(PrintPlan(Plan{proposal.steps}))},
                           {"confidence", NumberOrNull(proposal.confidence)},
                           {"reason", texts->Add(proposal.reason)}});
    }
    Json notes = Json::array();
    for (const std::string& line : call.reply.notes) notes.push_back(texts->Add(line));
    const auto at = answered_at_s.find(call.call_id);
    Json item = {{"id", call.call_id},
                 {"model", call.model},
                 {"role", ModelRoleName(call.role)},
                 {"node", call.node_id},
                 {"leaf_latency_ms", NumberOrNull(leaf_ms)},
                 {"why", texts->Add(call.why)},
                 {"answered", call.answered},
                 {"at_s", at == answered_at_s.end() ? Json(nullptr) : Json(at->second)},
                 {"error", texts->Add(call.reply.error)},
                 {"notes", std::move(notes)},
                 {"mutators", call.reply.mutators},
                 {"next_model", call.reply.next_model},
                 {"tokens_in", call.reply.usage.tokens_in},
                 {"tokens_out", call.reply.usage.tokens_out},
                 {"cost_usd", call.reply.usage.cost_usd},
                 {"seconds", call.reply.usage.seconds},
                 {"accepted", call.accepted},
                 {"proposals", std::move(proposals)},
                 {"made", std::move(nodes)}};
    item.update(ToJson(yield));
    item["came"] = Came(call, yield, leaf_ms);
    calls.push_back(std::move(item));
  }
  return calls;
}

}  // namespace banyan
