#include "search/tree.h"

#include <algorithm>
#include <cmath>

namespace banyan {

const char* NodeStateName(NodeState state) {
  switch (state) {
    case NodeState::kUnmeasured:
      return "unmeasured";
    case NodeState::kInFlight:
      return "in_flight";
    case NodeState::kMeasured:
      return "measured";
    case NodeState::kFailed:
      return "failed";
  }
  return "?";
}

Tree::Tree(uint64_t plan_hash, uint64_t program_hash) {
  Node root;
  root.plan_hash = plan_hash;
  root.program_hash = program_hash;
  nodes_.push_back(std::move(root));
  by_program_.emplace(program_hash, kRoot);
  by_plan_.emplace(plan_hash, kRoot);
}

std::vector<StepTable::Id> Tree::StepsOf(NodeId id) const {
  std::vector<NodeId> chain;
  for (NodeId at_id = id; at_id != kNoNode; at_id = node(at_id).parent) chain.push_back(at_id);
  std::vector<StepTable::Id> steps;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    const Node& part = node(*it);
    steps.resize(part.keep_steps);
    const auto first = deltas_.begin() + part.first_step;
    steps.insert(steps.end(), first, first + (part.plan_size - part.keep_steps));
  }
  return steps;
}

Plan Tree::PlanOf(NodeId id) const {
  Plan plan;
  for (const StepTable::Id step : StepsOf(id)) plan.steps.push_back(steps_.at(step));
  return plan;
}

std::vector<Step> Tree::Delta(NodeId id) const {
  std::vector<Step> delta;
  for (uint32_t i = 0; i < node(id).plan_size - node(id).keep_steps; ++i)
    delta.push_back(steps_.at(deltas_[node(id).first_step + i]));
  return delta;
}

std::vector<NodeId> Tree::Parents(NodeId id) const {
  std::vector<NodeId> parents;
  if (node(id).parent != kNoNode) parents.push_back(node(id).parent);
  if (const auto more = more_parents_.find(id); more != more_parents_.end())
    parents.insert(parents.end(), more->second.begin(), more->second.end());
  return parents;
}

NodeId Tree::FindProgram(uint64_t program_hash) const {
  const auto it = by_program_.find(program_hash);
  return it == by_program_.end() ? kNoNode : it->second;
}

NodeId Tree::FindPlan(uint64_t plan_hash) const {
  const auto it = by_plan_.find(plan_hash);
  return it == by_plan_.end() ? kNoNode : it->second;
}

NodeId Tree::DeepestPrefix(const Plan& plan) const {
  Plan prefix = plan;
  while (prefix.steps.size() > 1) {
    prefix.steps.pop_back();
    const NodeId found = FindPlan(PlanHash(prefix));
    if (found != kNoNode) return found;
  }
  return kRoot;
}

Path Tree::PathTo(NodeId id) const {
  Path path;
  for (NodeId at_id = id; at_id != kNoNode; at_id = node(at_id).parent) path.push_back(at_id);
  std::reverse(path.begin(), path.end());
  return path;
}

NodeId Tree::Add(NodeId parent, const Plan& plan, uint64_t plan_hash, uint64_t program_hash,
                 double prior) {
  const auto id = static_cast<NodeId>(nodes_.size());
  const std::vector<StepTable::Id> before = StepsOf(parent);
  std::vector<StepTable::Id> steps;
  for (const Step& step : plan.steps) steps.push_back(steps_.Add(step));
  const auto fork = std::mismatch(before.begin(), before.end(), steps.begin(), steps.end()).second;
  Node child;
  child.parent = parent;
  child.keep_steps = static_cast<uint32_t>(fork - steps.begin());
  child.plan_size = static_cast<uint32_t>(steps.size());
  child.first_step = static_cast<uint32_t>(deltas_.size());
  child.plan_hash = plan_hash;
  child.program_hash = program_hash;
  deltas_.insert(deltas_.end(), fork, steps.end());
  nodes_.push_back(std::move(child));
  by_program_.emplace(program_hash, id);
  by_plan_.emplace(plan_hash, id);
  at(parent).edges.push_back({.child = id, .prior = prior});
  return id;
}

bool Tree::Link(NodeId parent, NodeId child, double prior) {
  if (FindEdge(parent, child) != nullptr) return false;
  const std::vector<NodeId> above = Ancestors(parent);
  if (std::find(above.begin(), above.end(), child) != above.end()) return false;
  at(parent).edges.push_back({.child = child, .prior = prior});
  more_parents_[child].push_back(parent);
  return true;
}

void Tree::SetState(NodeId id, NodeState state) { at(id).state = state; }

void Tree::SetMeasured(NodeId id, double log_speedup, double reward) {
  at(id).state = NodeState::kMeasured;
  at(id).log_speedup = log_speedup;
  at(id).reward = reward;
}

void Tree::SetRootValue(double log_speedup, bool known) {
  SetMeasured(kRoot, log_speedup);
  at(kRoot).counted = known;
  Refresh(kRoot);
}

void Tree::Reserve(const Path& path) {
  for (size_t i = 1; i < path.size(); ++i) {
    ++FindEdge(path[i - 1], path[i])->in_flight;
    ++at(path[i - 1]).in_flight;
  }
}

void Tree::Release(const Path& path) {
  for (size_t i = 1; i < path.size(); ++i) {
    --FindEdge(path[i - 1], path[i])->in_flight;
    --at(path[i - 1]).in_flight;
  }
}

void Tree::Backup(const Path& path) {
  for (size_t i = 1; i < path.size(); ++i) ++FindEdge(path[i - 1], path[i])->visits;
  // Nodes off the path are refreshed too, since what they share has changed.
  for (const NodeId id : Ancestors(path.back())) Refresh(id);
}

// Reverse postorder of a depth-first walk along parents.
std::vector<NodeId> Tree::Ancestors(NodeId id) {
  struct Visited {
    NodeId node;
    std::vector<NodeId> parents;
    size_t next = 0;
  };
  ++walks_;
  std::vector<NodeId> order;
  std::vector<Visited> stack;
  const auto enter = [&](NodeId next) {
    at(next).mark = walks_;
    stack.push_back({next, Parents(next)});
  };
  enter(id);
  while (!stack.empty()) {
    Visited& visited = stack.back();
    if (visited.next == visited.parents.size()) {
      order.push_back(visited.node);
      stack.pop_back();
      continue;
    }
    const NodeId parent = visited.parents[visited.next++];
    if (node(parent).mark != walks_) enter(parent);
  }
  std::reverse(order.begin(), order.end());
  return order;
}

void Tree::Refresh(NodeId id) {
  Node& own = at(id);
  own.value = Value{};
  own.visits = 0;
  if (own.state == NodeState::kMeasured && own.counted) {
    if (!std::isnan(own.reward)) own.value = {.best = own.reward, .sum = own.reward, .measured = 1};
    own.visits = 1;
  } else if (own.state == NodeState::kFailed) {
    own.value.failed = 1;
    own.visits = 1;
  }
  for (const Edge& edge : own.edges) {
    const Value& below = node(edge.child).value;
    if (edge.visits == 0 || below.total() == 0) continue;
    const double weight = static_cast<double>(edge.visits) / below.total();
    own.value.best = std::max(own.value.best, below.best);
    own.value.sum += weight * below.sum;
    own.value.measured += weight * below.measured;
    own.value.failed += weight * below.failed;
    own.visits += edge.visits;
  }
}

Edge* Tree::FindEdge(NodeId parent, NodeId child) {
  for (Edge& edge : at(parent).edges) {
    if (edge.child == child) return &edge;
  }
  return nullptr;
}

}  // namespace banyan
