#include "report/run_tree.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace banyan {
namespace {

double DefaultLatencyMs(const RunRecords& records) {
  for (const Event& event : records.events) {
    if (const auto* reference = std::get_if<ReferenceEvent>(&event.body)) {
      return reference->reference.default_latency_ms;
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

RunTree::RunTree(const RunRecords& records) : default_latency_ms_(DefaultLatencyMs(records)) {
  nodes_.resize(records.nodes.size());
  std::unordered_map<uint64_t, int64_t> trial_of_program;
  std::unordered_map<int64_t, int64_t> trial_of_node;
  for (size_t i = 0; i < records.trials.size(); ++i) {
    const TrialRecord& trial = records.trials[i];
    trial_of_node[trial.node_id] = static_cast<int64_t>(i);
    trial_of_program.emplace(trial.program_hash, static_cast<int64_t>(i));
    if (trial.finished) by_end_.push_back(i);
  }
  for (size_t i = 0; i < records.nodes.size(); ++i) {
    TreeNode& node = nodes_[i];
    node.record = &records.nodes[i];
    index_[node.record->node_id] = static_cast<int64_t>(i);
    // Parents come first: ids grow, and a row that says otherwise is taken for a root.
    if (const auto parent = index_.find(node.record->parent_id);
        parent != index_.end() && parent->second < static_cast<int64_t>(i)) {
      node.parent = parent->second;
      node.depth = nodes_[static_cast<size_t>(node.parent)].depth + 1;
    }
    if (const auto own = trial_of_node.find(node.record->node_id); own != trial_of_node.end()) {
      node.trial = own->second;
      node.own_trial = true;
    } else if (const auto same = trial_of_program.find(node.record->program_hash);
               same != trial_of_program.end()) {
      node.trial = same->second;
    }
    if (node.trial >= 0) {
      const TrialRecord& trial = records.trials[static_cast<size_t>(node.trial)];
      if (trial.finished && trial.outcome.ok()) {
        node.latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
      }
      if (trial.finished && node.own_trial) ++node.visits;
    }
    node.best_below_ms = node.latency_ms;
  }
  if (!nodes_.empty() && nodes_[0].parent < 0 && std::isnan(nodes_[0].latency_ms)) {
    nodes_[0].latency_ms = nodes_[0].best_below_ms = default_latency_ms_;
  }
  for (size_t i = nodes_.size(); i-- > 0;) {
    const TreeNode& node = nodes_[i];
    if (node.parent < 0) continue;
    TreeNode& parent = nodes_[static_cast<size_t>(node.parent)];
    parent.visits += node.visits;
    if (!(parent.best_below_ms <= node.best_below_ms) && !std::isnan(node.best_below_ms)) {
      parent.best_below_ms = node.best_below_ms;
    }
  }
  std::stable_sort(by_end_.begin(), by_end_.end(), [&](size_t a, size_t b) {
    return records.trials[a].elapsed_s < records.trials[b].elapsed_s;
  });
  double best_ms = default_latency_ms_;
  bool first = true;
  for (const size_t i : by_end_) {
    const TrialRecord& trial = records.trials[i];
    if (!trial.outcome.ok() || trial.outcome.stopped_early) continue;
    const double latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
    if (latency_ms >= best_ms) continue;
    if (const int64_t index = IndexOf(trial.node_id); index >= 0) {
      TreeNode& node = nodes_[static_cast<size_t>(index)];
      node.new_best = true;
      node.gain = std::isnan(best_ms) ? 0 : std::log(best_ms / latency_ms);
      node.first_best = std::exchange(first, false);
    }
    best_ms = latency_ms;
  }
  best_ = IndexOf(BestNode(records));
}

int64_t RunTree::IndexOf(int64_t node_id) const {
  const auto found = index_.find(node_id);
  return found == index_.end() ? -1 : found->second;
}

const TreeNode* RunTree::Find(int64_t node_id) const {
  const int64_t index = IndexOf(node_id);
  return index < 0 ? nullptr : &nodes_[static_cast<size_t>(index)];
}

double RunTree::NearestLatencyMs(int64_t index) const {
  while (index >= 0) {
    const TreeNode& node = nodes_[static_cast<size_t>(index)];
    if (!std::isnan(node.latency_ms)) return node.latency_ms;
    index = node.parent;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

std::vector<char> RunTree::Shown(size_t limit) const {
  if (nodes_.size() <= limit) return std::vector<char>(nodes_.size(), 1);
  std::vector<char> shown(nodes_.size(), 0);
  size_t count = 0;
  std::vector<size_t> chain;
  const auto show = [&](size_t index) {
    chain.clear();
    for (auto i = static_cast<int64_t>(index); i >= 0 && shown[static_cast<size_t>(i)] == 0;
         i = nodes_[static_cast<size_t>(i)].parent) {
      chain.push_back(static_cast<size_t>(i));
    }
    if (count + chain.size() > limit) return;
    for (const size_t i : chain) shown[i] = 1;
    count += chain.size();
  };
  if (best_ >= 0) show(static_cast<size_t>(best_));
  std::vector<size_t> order(nodes_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const auto key = [&](size_t i) {
      return std::isnan(nodes_[i].latency_ms) ? std::numeric_limits<double>::infinity()
                                              : nodes_[i].latency_ms;
    };
    return key(a) < key(b);
  });
  for (const size_t index : order) {
    if (count >= limit) break;
    show(index);
  }
  return shown;
}

}  // namespace banyan
