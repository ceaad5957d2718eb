#include "search/puct_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace banyan {

Status PuctSearch::Begin() {
  BANYAN_ASSIGN_OR_RETURN(router_, MakeRouter(config_.strategy.routing));
  moves_ = std::make_unique<MoveMaker>(compiler_, [this](const Candidate& candidate) {
    return tree_->FindProgram(candidate.program_hash) != kNoNode;
  });
  return Ok{};
}

std::optional<Action> PuctSearch::NextWork() {
  while (true) {
    if (CallDue()) {
      if (auto call = Ask()) return *std::move(call);
    }
    // A reply's first proposal goes straight to the workers; the others are applied meanwhile.
    if (SlotFree() && (pending_.empty() || unmeasured_ > 0)) {
      if (auto trial = NextTrial()) return *std::move(trial);
    }
    if (pending_.empty()) break;
    const PendingProposal proposal = pending_.front();
    pending_.pop_front();
    ApplyProposal(proposal);
  }
  if (SlotFree() && calls_in_flight_ == 0 && CallPossible()) {
    if (auto call = Ask()) return *std::move(call);
  }
  return std::nullopt;
}

void PuctSearch::OnSettled(const Trial& trial) {
  const Node& node = tree_->node(trial.node);
  if (node.state == NodeState::kMeasured) {
    structure_values_[info_[static_cast<size_t>(trial.node)].structure].push_back(
        node.log_speedup);
  }
  RefreshRange();
}

void PuctSearch::OnLearned(NodeId id, double gain) {
  const NodeInfo& info = info_[static_cast<size_t>(id)];
  if (!info.keys.empty()) moves_->Credit(info.keys, gain);
}

double PuctSearch::ScoreOf(NodeId id) const {
  const Node& node = tree_->node(id);
  return node.state == NodeState::kMeasured ? range_.Normalise(node.log_speedup) : kNoLatency;
}

std::string PuctSearch::DumpNode(NodeId id) const {
  return ArmsOf(id).exhausted ? " exhausted" : "";
}

}  // namespace banyan
