#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "model/model.h"
#include "schedule/compiler.h"

namespace banyan {

// What became of a reply's actions.
struct ActionOutcome {
  Candidate candidate;               // after those that applied
  int64_t applied = 0;               // 0: nothing did, `candidate` is where it began
  std::vector<std::string> reasons;  // of those that did not, one line each
};

struct ActionRules {
  bool stop_at_failure = false;  // what follows a failing action is left out; else it is skipped
  int tries = 3;                 // of an action whose parameters are drawn
};

// The action space of the published methods, on either of ours: random actions, and what a reply
// says to do. Borrows the compiler; same calls, same answers. Not thread-safe.
class Actions {
 public:
  virtual ~Actions() = default;

  // Names that a reply may use; empty where a reply brings whole steps.
  virtual std::vector<std::string> Names() const = 0;
  // A first state: a random sample of the design space.
  virtual Result<Candidate> Sample(const Candidate& root, Rng& rng) = 0;
  // One random action; it may fail.
  virtual Result<Candidate> Random(const Candidate& from, Rng& rng) = 0;
  virtual ActionOutcome Apply(const Candidate& from, const ModelReply& reply,
                              const ActionRules& rules, Rng& rng) = 0;
};

// kMutators needs a compiler of MetaSchedule's states (`design_space`, `mutate` steps); kPlan one
// of plans.
std::unique_ptr<Actions> MakeActions(ActionSpace space, Compiler* compiler,
                                     std::vector<std::string> mutators);

}  // namespace banyan
