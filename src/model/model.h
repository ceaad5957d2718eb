#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/compiler.h"
#include "schedule/program.h"
#include "schedule/step.h"
#include "schedule/target.h"

namespace banyan {

enum class ModelRole { kStrong, kLight };

// What a model suggests. The plan meant is the leaf's first `keep_steps` steps followed by `steps`:
// keep_steps = size of the leaf's plan appends, less revises.
struct Proposal {
  size_t keep_steps = 0;
  std::vector<Step> steps;
  double confidence = 0.5;  // stated chance in [0, 1] that this improves on the leaf
  std::string reason;       // one line
};

// A measured plan the model may look at.
struct MeasuredPlan {
  Plan plan;
  double latency_ms = 0;  // NaN: failed
  std::string failure;    // one line; empty: measured
};

// One request. Everything a model may know, self-contained (an expert needs nothing else; a
// language model's prompt is made from it). Shared pointers are immutable: safe on any thread.
struct ModelRequest {
  std::shared_ptr<const Workload> workload;
  std::shared_ptr<const Target> target;
  Candidate root;                     // the unscheduled program
  Candidate leaf;                     // where to go on from
  double leaf_latency_ms = 0;         // NaN: not measured
  double default_latency_ms = 0;      // NaN: not known
  std::vector<MeasuredPlan> path;     // ancestors of the leaf, root first
  std::vector<MeasuredPlan> best;     // best plans of the run, best first
  std::vector<std::string> failures;  // recent one-line reasons on this branch, newest first
  std::vector<uint64_t> tried_plans;  // PlanHash of every plan in the tree
  double peak_gflops = 0;             // 0: not measured
  size_t max_proposals = 8;
  int64_t trials_left = 0;
  int64_t calls_left = 0;
  uint64_t call_id = 0;
  uint64_t seed = 0;  // of this call's random stream
};

struct Usage {
  int64_t tokens_in = 0;
  int64_t tokens_out = 0;
  double cost_usd = 0;
  double seconds = 0;
};

struct ModelReply {
  std::vector<Proposal> proposals;  // best first
  std::string next_model;           // advice; empty: none
  Usage usage;
  std::string error;  // one line; empty: answered. Charged either way.
};

Json ToJson(const ModelReply& reply);
Result<ModelReply> ModelReplyFromJson(const Json& json);

// Anything that makes proposals. Propose blocks until answered; thread-safe; deterministic for
// built-in experts (a pure function of the request).
class Model {
 public:
  virtual ~Model() = default;
  virtual const std::string& name() const = 0;  // "builtin:analytic", a pool's name
  virtual ModelRole role() const = 0;
  virtual ModelReply Propose(const ModelRequest& request) = 0;
};

// "builtin:analytic", "builtin:heuristic", "builtin:random"; NotFound lists them.
Result<std::unique_ptr<Model>> MakeBuiltinModel(const std::string& name);
std::vector<std::string> BuiltinModelNames();

}  // namespace banyan
