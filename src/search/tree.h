#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/step.h"
#include "search/step_table.h"

namespace banyan {

using NodeId = int32_t;
inline constexpr NodeId kRoot = 0;
inline constexpr NodeId kNoNode = -1;

enum class NodeState : uint8_t { kUnmeasured, kInFlight, kMeasured, kFailed };

const char* NodeStateName(NodeState state);

// Visits live on edges, values on nodes: a node with several parents is credited to each only for
// the visits that came through it (Czech, Korus, Kersting: Monte-Carlo graph search, 2020).
struct Edge {
  NodeId child = kNoNode;
  // Virtual loss: outcomes on their way, counted as visits of the worst value.
  int32_t in_flight = 0;
  double prior = 0;    // > 0, unnormalised; selection divides by the sum over siblings
  int64_t visits = 0;  // outcomes backed up through this edge
};

// What is known of the programs below a node (itself included), raw: nothing here is normalised.
struct Value {
  double best = -std::numeric_limits<double>::infinity();  // reward; -inf: nothing measured
  double sum = 0;                                          // of rewards over `measured`
  double measured = 0;
  double failed = 0;  // a failure has no number: selection takes it for the worst

  double total() const { return measured + failed; }
};

// A node is one program: a plan as its first parent's first `keep_steps` steps and a delta of its
// own. Small: a long search holds very many (bench/search_bench.cc counts the bytes).
struct Node {
  NodeId parent = kNoNode;  // the first; Tree::Parents tells all
  uint32_t keep_steps = 0;
  uint32_t plan_size = 0;   // steps of the whole plan
  uint32_t first_step = 0;  // of the delta, in the tree's list of steps
  uint32_t mark = 0;        // of the walk that came by last
  NodeState state = NodeState::kUnmeasured;
  bool counted = true;  // the own result is part of `value`; false for a default that is not known
  uint64_t plan_hash = 0;
  uint64_t program_hash = 0;
  double log_speedup = 0;  // valid if kMeasured
  // Valid if kMeasured: what is backed up, the log-speedup or a prediction. NaN: not known, the
  // node is a visit without a value.
  double reward = 0;
  std::vector<Edge> edges;
  int64_t visits = 0;     // own result and those of all edges
  int64_t in_flight = 0;  // sum over edges
  Value value;
};

using Path = std::vector<NodeId>;  // from the root down, each the parent of the next

// An arena of nodes that refer to each other by index: a DAG with one root. Equal programs share a
// node if the caller asks FindProgram first. Values are log-speedups over the default program. Not
// thread-safe; every method is deterministic. Ids, paths and edges must exist: anything else is a
// programmer's error.
class Tree {
 public:
  Tree(uint64_t plan_hash, uint64_t program_hash);

  const Node& node(NodeId id) const { return nodes_[static_cast<size_t>(id)]; }
  size_t size() const { return nodes_.size(); }
  Plan PlanOf(NodeId id) const;
  // The steps that follow the first parent's first `keep_steps`.
  std::vector<Step> Delta(NodeId id) const;
  // All parents; the first is Node::parent. Empty: the root.
  std::vector<NodeId> Parents(NodeId id) const;
  // The node of this program or plan; kNoNode: none. Of several (no transpositions) the first.
  NodeId FindProgram(uint64_t program_hash) const;
  NodeId FindPlan(uint64_t plan_hash) const;
  // The deepest node whose plan begins `plan` and is shorter than it (the root at worst).
  NodeId DeepestPrefix(const Plan& plan) const;
  // From the root to `id` along first parents.
  Path PathTo(NodeId id) const;

  // A new child of `parent`; `plan` begins with the parent's first `keep_steps` steps.
  NodeId Add(NodeId parent, const Plan& plan, uint64_t plan_hash, uint64_t program_hash,
             double prior);
  // A second way to an existing node. False if the edge exists already or would close a cycle.
  bool Link(NodeId parent, NodeId child, double prior);

  void SetState(NodeId id, NodeState state);
  void SetMeasured(NodeId id, double log_speedup) { SetMeasured(id, log_speedup, log_speedup); }
  void SetMeasured(NodeId id, double log_speedup, double reward);
  // The default program's own value; unknown: it has none.
  void SetRootValue(double log_speedup, bool known);

  // Virtual loss along a path, and its undoing.
  void Reserve(const Path& path);
  void Release(const Path& path);
  // Counts one visit on every edge of the path and brings the values of all ancestors up to date.
  void Backup(const Path& path);

 private:
  Node& at(NodeId id) { return nodes_[static_cast<size_t>(id)]; }
  std::vector<StepTable::Id> StepsOf(NodeId id) const;
  // The node and all its ancestors, each before its parents.
  std::vector<NodeId> Ancestors(NodeId id);
  void Refresh(NodeId id);
  Edge* FindEdge(NodeId parent, NodeId child);

  std::deque<Node> nodes_;
  StepTable steps_;
  std::vector<StepTable::Id> deltas_;  // of all nodes, one after the other
  std::unordered_map<NodeId, std::vector<NodeId>> more_parents_;  // of the few that have several
  uint32_t walks_ = 0;
  std::unordered_map<uint64_t, NodeId> by_program_;
  std::unordered_map<uint64_t, NodeId> by_plan_;
};

}  // namespace banyan
