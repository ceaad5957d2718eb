#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "report/run_data.h"

namespace banyan {

// A node with what its trial and its children say of it. Indices are into RunTree's vectors; -1:
// none. Latencies in ms; NaN: not measured.
struct TreeNode {
  const NodeRecord* record = nullptr;
  int64_t parent = -1;
  int64_t depth = 0;
  int64_t trial = -1;  // its own, or the one of an equal program
  bool own_trial = false;
  int64_t visits = 0;  // trials that ended at it or below it
  double latency_ms = std::numeric_limits<double>::quiet_NaN();
  double best_below_ms = std::numeric_limits<double>::quiet_NaN();  // at it or below it
  bool new_best = false;    // its trial was the fastest of the run when it ended
  double gain = 0;          // log(best before / its latency) if so, else 0
  bool first_best = false;  // the first of all new bests: its gain is over the unscheduled program
};

// The tree of a run put together from its rows (no replay). Nodes point into the records.
class RunTree {
 public:
  explicit RunTree(const RunRecords& records);

  const std::vector<TreeNode>& nodes() const { return nodes_; }
  const TreeNode* Find(int64_t node_id) const;
  int64_t IndexOf(int64_t node_id) const;  // -1: none
  double default_latency_ms() const { return default_latency_ms_; }
  int64_t best() const { return best_; }  // index; -1: the run has no tree
  // Finished trials in the order in which they ended; indices into the records.
  const std::vector<size_t>& by_end() const { return by_end_; }
  // The node's latency, or its nearest measured ancestor's; NaN: none.
  double NearestLatencyMs(int64_t index) const;
  // At most `limit` nodes, closed under parents: the best's path first, then by latency, then by
  // id.
  std::vector<char> Shown(size_t limit) const;

 private:
  std::vector<TreeNode> nodes_;
  std::unordered_map<int64_t, int64_t> index_;
  std::vector<size_t> by_end_;
  double default_latency_ms_ = std::numeric_limits<double>::quiet_NaN();
  int64_t best_ = -1;
};

}  // namespace banyan
