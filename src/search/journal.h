#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cost/cost_model.h"
#include "model/model.h"
#include "search/event.h"
#include "search/run_config.h"

namespace banyan {

// Rows that people query. All can be derived again from the events, which are the truth.
struct NodeRecord {
  int64_t node_id = 0;     // 0: the root
  int64_t parent_id = -1;  // the first parent; -1 for the root
  uint64_t plan_hash = 0;
  uint64_t program_hash = 0;
  // Canonical text of the steps appended to the parent's plan, or the whole plan.
  std::string delta = {};
  bool delta_is_plan = false;  // a revision: `delta` is the whole plan
  std::string origin;    // model name, or how it was made without one: "mutation", "tiling", ...
  uint64_t call_id = 0;  // 0: none
  double prior = 0;
  std::string reason = {};
};
struct TrialRecord {
  uint64_t trial_id = 0;
  int64_t node_id = 0;
  uint64_t program_hash = 0;
  std::string plan;  // canonical text
  bool finished = false;
  TrialOutcome outcome;  // valid if finished
  double elapsed_s = 0;  // of the run when it was queued, or when it finished
};
struct CallRecord {
  uint64_t call_id = 0;
  std::string model;
  ModelRole role = ModelRole::kStrong;
  int64_t node_id = 0;  // the leaf asked about
  std::string why;      // why this model, in words
  bool answered = false;
  ModelReply reply;        // valid if answered
  int64_t accepted = 0;    // proposals that became new nodes
  std::string phase = {};  // PhaseName of the search's need when it was asked; empty: not recorded
  // By how much its best proposal beat the best plan known when it was asked, as a log-ratio of
  // latencies, >= 0; NaN until that is settled.
  double gain = std::numeric_limits<double>::quiet_NaN();
};
// The models of the run's pool, in its order: a replay needs to know of them, not to have them.
struct PoolRecord {
  std::vector<ModelInfo> models;
};
// What a model was asked, for the transcript.
struct RequestRecord {
  uint64_t call_id = 0;
  std::shared_ptr<const ModelRequest> request;
};
// What the cost model learnt from; kept for later runs.
struct FeatureRecord {
  uint64_t program_hash = 0;
  Features features;
};
// How the tree stood when the run ended, for a replay to be compared with.
struct TreeRecord {
  int64_t events = 0;  // read until then
  std::string dump;    // Search::DumpTree
};

// The port through which a run is written as it happens; implemented by the store. Used by the
// driver's thread. What a call acknowledged survives kill -9.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual Status Append(const Event& event) = 0;  // durable when it returns
  // Idempotent by their ids; may be buffered until the next Append or Flush, then written in one
  // transaction.
  virtual Status Record(const NodeRecord& node) = 0;
  virtual Status Record(const TrialRecord& trial) = 0;
  virtual Status Record(const CallRecord& call) = 0;
  // A journal that is not asked about these later may leave them out.
  virtual Status Record(const PoolRecord& /*pool*/) { return Ok{}; }
  virtual Status Record(const RequestRecord& /*request*/) { return Ok{}; }
  virtual Status Record(const FeatureRecord& /*features*/) { return Ok{}; }
  virtual Status Record(const TreeRecord& /*tree*/) { return Ok{}; }
  virtual Status Flush() = 0;
  // The finished run's result object (what `tune --json` prints). A run can be finished again after
  // more resuming.
  virtual Status Finish(const Json& result) = 0;
};

}  // namespace banyan
