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

Plan Tree::PlanOf(NodeId id) const {
  std::vector<NodeId> chain;
  for (NodeId at_id = id; at_id != kNoNode; at_id = node(at_id).parent) chain.push_back(at_id);
  Plan plan;
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    const Node& part = node(*it);
    plan.steps.resize(std::min(part.keep_steps, plan.steps.size()));
    plan.steps.insert(plan.steps.end(), part.delta.begin(), part.delta.end());
  }
  return plan;
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
  const size_t keep = PlanOf(parent).CommonSteps(plan);
  Node child;
  child.parent = parent;
  child.parents = {parent};
  child.keep_steps = keep;
  child.plan_size = plan.steps.size();
  child.delta.assign(plan.steps.begin() + static_cast<std::ptrdiff_t>(keep), plan.steps.end());
  child.plan_hash = plan_hash;
  child.program_hash = program_hash;
  nodes_.push_back(std::move(child));
  at(parent).edges.push_back({.child = id, .prior = prior});
  by_program_.emplace(program_hash, id);
  by_plan_.emplace(plan_hash, id);
  return id;
}

bool Tree::Link(NodeId parent, NodeId child, double prior) {
  if (FindEdge(parent, child) != nullptr || Reaches(child, parent)) return false;
  at(parent).edges.push_back({.child = child, .prior = prior});
  at(child).parents.push_back(parent);
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
  // All ancestors of the last node, children before parents: reverse postorder of a depth-first
  // walk along parents. Nodes off the path are refreshed too, since what they share has changed.
  std::vector<NodeId> order;
  std::vector<char> seen(nodes_.size(), 0);
  std::vector<std::pair<NodeId, size_t>> stack = {{path.back(), 0}};
  seen[static_cast<size_t>(path.back())] = 1;
  while (!stack.empty()) {
    const NodeId id = stack.back().first;
    const size_t next = stack.back().second++;
    const std::vector<NodeId>& parents = node(id).parents;
    if (next == parents.size()) {
      order.push_back(id);
      stack.pop_back();
    } else if (!seen[static_cast<size_t>(parents[next])]) {
      seen[static_cast<size_t>(parents[next])] = 1;
      stack.push_back({parents[next], 0});
    }
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) Refresh(*it);
}

bool Tree::Reaches(NodeId from, NodeId to) const {
  std::vector<NodeId> todo = {from};
  std::vector<char> seen(nodes_.size(), 0);
  while (!todo.empty()) {
    const NodeId id = todo.back();
    todo.pop_back();
    if (id == to) return true;
    for (const Edge& edge : node(id).edges) {
      char& mark = seen[static_cast<size_t>(edge.child)];
      if (!mark) todo.push_back(edge.child);
      mark = 1;
    }
  }
  return false;
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
