#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/step.h"
#include "store/store.h"

namespace banyan {

// A node of a stored run's tree with what its rows say about it.
struct NodeView {
  NodeRecord record;
  int64_t depth = 0;
  int64_t visits = 0;     // trials that ended at it or below it
  double value = 0;       // best log-speedup over the default at it or below it; NaN: none
  double latency_ms = 0;  // its own; NaN: not measured
  uint64_t trial_id = 0;  // 0: none
  std::string failure;    // of its trial, kind and text; empty: none
  std::vector<int64_t> children;
};

// A stored run as `explain` and `export` look at it, from its rows alone (no replay).
struct RunView {
  StoredRun run;
  std::map<int64_t, NodeView> nodes;
  std::vector<TrialRecord> trials;
  std::vector<CallRecord> calls;
  double default_latency_ms = 0;  // NaN: not known
  int64_t best_node = 0;          // of the result if the run has one, else of the fastest trial

  // A node's whole plan: its trial's, or its parents' deltas joined.
  Result<Plan> PlanOf(int64_t node_id) const;
  // Trials that gave a latency, fastest first.
  std::vector<const TrialRecord*> FastestTrials() const;
};

Result<RunView> LoadRunView(const Store& store, const std::string& run);

// The tree, indented, best branches first, at most `top` nodes and always those on the way to
// `focus`.
std::string TreeText(const RunView& view, int64_t focus, size_t top, size_t columns);
// "1. tile ...: what it does", one a line.
std::string PlanInWords(const Plan& plan);
Json NodeToJson(const NodeView& node);

}  // namespace banyan
