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

const char* ModelRoleName(ModelRole role);  // "strong", "light"

// What a reply may say. Plans carry parameters; mutators are names of MetaSchedule's mutators,
// whose parameters TVM draws (the published methods' space).
enum class ActionSpace { kPlan, kMutators };

const char* ActionSpaceName(ActionSpace space);  // "plan", "mutators"

// Price of a model in USD per million tokens.
struct Price {
  double in = 0;
  double out = 0;
  double cached = 0;  // input tokens that the provider had cached
};

// What the search and the prompt know of a model before it was ever asked.
struct ModelInfo {
  std::string name;
  ModelRole role = ModelRole::kStrong;
  // A pure function of the request: a call lost in a kill can be asked again, charged once.
  bool repeatable = false;
  double parameters_b = 0;  // parameters in billions, for phi; 0: unknown (experts)
  Price price = {};
  bool reads_text = false;  // wants the program's text: a language model or a foreign program
};

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

// A winning plan of a related workload (same structure, other sizes; same target).
struct ExamplePlan {
  std::string workload;  // its id
  Plan plan;
  double speedup = 0;  // over that workload's unscheduled program
};

// A program on the way to the leaf, in text.
struct StateText {
  std::string script;  // TVMScript
  std::string trace;   // one step or primitive a line
  double score = 0;    // predicted or measured, higher is better, in [0, 1]; NaN: none
};

// A model of the pool as the prompt shows it.
struct ModelStanding {
  ModelInfo info;
  int64_t calls = 0;  // regular ones
  int64_t alterations = 0;
  int64_t errors = 0;
  int64_t hits = 0;         // children better than their parent
  double mean_gain = 0;     // log-latency improvement of a call's best proposal
  double mean_seconds = 0;  // of a call
};

// What is left when the request is made, this call already taken off; infinity: no limit.
struct BudgetLeft {
  int64_t trials = 0;
  int64_t calls = 0;
  double strong_calls = 0;
  double tokens = 0;
  double cost_usd = 0;
  double seconds = 0;
};

// Course alteration: a light model's step that made things worse, for the largest model to redo.
struct Review {
  std::string model;                  // whose step it was
  std::vector<Step> steps;            // what it did (plans)
  size_t taken_back = 0;              // of the leaf's last steps, in whose place those stand
  std::vector<std::string> mutators;  // what it did (mutators)
  StateText parent;
  StateText child;
  bool measured = false;  // the scores are of what was measured, not predicted
};

// One request. Everything a model may know, self-contained (an expert needs nothing else; a
// language model's prompt is made from it). Shared pointers are immutable: safe on any thread.
struct ModelRequest {
  std::shared_ptr<const Workload> workload;
  std::shared_ptr<const Target> target;
  ActionSpace action_space = ActionSpace::kPlan;
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

  std::string model;                     // who is asked
  std::vector<ModelStanding> pool;       // all models of the run, in its order
  std::vector<std::string> ask_history;  // models behind the leaf's last ancestors, nearest first
  BudgetLeft left;
  double progress = 0;  // share of the trials that were spent, [0, 1]
  int64_t depth = 0;    // of the leaf; the root's is 0
  std::vector<ExamplePlan> examples;
  // Of the leaf, its parent and its grandparent, as far as there are; only where the model reads
  // text.
  std::vector<StateText> states;
  std::vector<std::string> mutators;  // kMutators: names a reply may use
  std::optional<Review> review;
};

struct Usage {
  int64_t tokens_in = 0;   // cached ones included
  int64_t tokens_out = 0;  // reasoning ones included
  int64_t tokens_cached = 0;
  int64_t tokens_reasoning = 0;
  double cost_usd = 0;
  double seconds = 0;
};

// How a call ended, besides being answered.
enum class CallFailure {
  kNone,
  kRefused,    // the model declined
  kTruncated,  // the reply ended at the token limit before it was usable
  kUnusable,   // nothing in the reply could be read
  kTimeout,
  kNetwork,    // no connection, cut, too large
  kHttp,       // a status that says no: bad key, unknown model, ...
  kThrottled,  // 429 or overloaded, retries included
  kCancelled,
  kInternal,
};

const char* CallFailureName(CallFailure failure);
Result<CallFailure> ParseCallFailure(const std::string& name);

// One exchange over the wire (or with a program), as sent and received, without headers or keys.
struct Exchange {
  std::string request;
  std::string reply;
};

struct ModelReply {
  std::vector<Proposal> proposals;    // kPlan; best first
  std::vector<std::string> mutators;  // kMutators: the sequence to apply
  std::string next_model;             // advice; empty: none
  Usage usage;
  CallFailure failure = CallFailure::kNone;
  std::string error;                // one line; empty: answered. Charged either way.
  std::vector<std::string> notes;   // what was repaired or left out of the reply, one line each
  std::vector<Exchange> exchanges;  // what was sent and received, tries included
};

Json ToJson(const ModelReply& reply);
Result<ModelReply> ModelReplyFromJson(const Json& json);
Json ToJson(const Usage& usage);

// The most that a call can use: what a budget reserves before it is sent.
struct CallLimits {
  int64_t tokens = 0;
  double cost_usd = 0;
};

// Anything that makes proposals. Propose blocks until answered; thread-safe; deterministic for
// built-in experts (a pure function of the request).
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const = 0;
  virtual ModelReply Propose(const ModelRequest& request) = 0;
  // An upper bound, cheap, a pure function of the request.
  virtual CallLimits Limits(const ModelRequest& request) const {
    (void)request;
    return {};
  }
  // The run is over: calls in flight end soon with kCancelled, later ones at once. Thread-safe.
  virtual void Cancel() {}

  const std::string& name() const { return info().name; }
  ModelRole role() const { return info().role; }
};

// "builtin:analytic", "builtin:heuristic", "builtin:random"; NotFound lists them.
Result<std::unique_ptr<Model>> MakeBuiltinModel(const std::string& name);
std::vector<std::string> BuiltinModelNames();

}  // namespace banyan
