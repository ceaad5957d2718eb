#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "model/model.h"

namespace banyan {

// What the search is in need of; gains differ by it.
enum class Phase {
  kStructure,   // nothing beats the unscheduled program yet
  kRefinement,  // something does, and lately it got better
  kStuck,       // many trials without a gain
};

const char* PhaseName(Phase phase);  // "structure", "refinement", "stuck"
Result<Phase> ParsePhase(const std::string& name);

// The gain of one settled call: by how much the best proposal of the call beat the best plan known
// when it was asked, as a log-ratio of latencies, 0 if it did not.
struct CallGain {
  Phase phase = Phase::kStructure;
  double gain = 0;
};

// A model as the router sees it.
struct ModelRecord {
  ModelInfo info;
  int64_t calls = 0;
  std::vector<CallGain> gains;  // of this run, oldest first
  std::vector<CallGain> past;   // of earlier runs (same workload family before others)
  // What a call of it costs: seen means, or a bound where it was never asked.
  double usd = 0;
  double seconds = 0;
  // How many times over the calls that are left would spend the tightest other budget (strong
  // calls, tokens, money) if all of them went to this model; at most 1: none is scarce.
  double scarcity = 0;
};

// What a gain is set against (StrategyConfig::cost_unit).
enum class CostUnit {
  kWorth,    // auto: the gain less the worth of what is spent; see Router
  kUsd,      // gain per dollar
  kSeconds,  // gain per second
  kCalls,    // gain per call
};

Result<CostUnit> ParseCostUnit(const std::string& name);  // "auto", "usd", "seconds", "calls"

struct RouteQuestion {
  std::vector<ModelRecord> pool = {};
  Phase phase = Phase::kStructure;
  CostUnit unit = CostUnit::kWorth;
  double worth = 0;          // StrategyConfig::strong_worth
  std::string advice = {};   // next_model of the last reply; empty: none
  double calls_left = 0;     // with this one
  int64_t disappointed = 0;  // calls of light models in a row that brought nothing
};

struct Route {
  int model = -1;   // index into the pool; -1: ask nobody
  std::string why;  // in words, for the record
};

// Which model acts next. A pure function of its arguments; the run's only place that knows about
// roles.
//
// "thompson" draws each model's gain from its posterior (Thompson 1933; Russo et al. 2018): a
// normal of the mean gain in this phase, with a stated prior by role, older observations counting
// less (kMemory a call), earlier runs counting as a few observations; near the end of the budget
// the draws go closer to the means. They are compared
// - in the unit `auto` as gain - worth * price * max(1, scarcity), the price of a call being
//   relative to the dearest model's: by money where the pool has prices, else 1 for strong and
//   kLightPrice for light models. A strong call is made when it is expected to pay. The ratio of
//   gain to price would not do here: gains within a run do not add up (the first structure decides
//   what all later ones start from), and a cheap small gain first is no bargain;
// - else as gain per unit of cost, the rule for gains that do add up under one limited resource
//   (budgeted bandits: Xia et al. 2015).
class Router {
 public:
  virtual ~Router() = default;
  virtual Route Choose(const RouteQuestion& question, Rng& rng) const = 0;
};

// "thompson", "round_robin", "strongest", "none".
Result<std::unique_ptr<Router>> MakeRouter(const std::string& name);

// What is believed of a model in a phase: mean and standard deviation of the mean gain of a call,
// and the weight of the observations behind it.
struct GainBelief {
  double mean = 0;
  double deviation = 0;
  double observations = 0;
};
GainBelief BeliefOf(const ModelRecord& record, Phase phase);

// What is believed of the pool before the first call, one line; for the run's log.
std::string DescribePriors(const std::vector<ModelRecord>& pool);

}  // namespace banyan
