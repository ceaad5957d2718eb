#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
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
  std::string origin;          // model name, "mutation", "crossover", "root"
  uint64_t call_id = 0;        // 0: none
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
  ModelReply reply;      // valid if answered
  int64_t accepted = 0;  // proposals that became new nodes
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
  virtual Status Flush() = 0;
  // The finished run's result object (what `tune --json` prints). A run can be finished again after
  // more resuming.
  virtual Status Finish(const Json& result) = 0;
};

}  // namespace banyan
