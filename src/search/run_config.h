#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "measure/measurer.h"
#include "model/pool.h"

namespace banyan {

struct Budget {
  int64_t trials = 32;  // candidates handed to a builder, [0, 1e6]
  int64_t calls = 8;    // requests to models of the pool, [0, 1e6]
  double strong_calls = std::numeric_limits<double>::infinity();  // of them, to strong models; >= 0
  double tokens = std::numeric_limits<double>::infinity();        // in and out, of all calls; >= 0
  double cost_usd = std::numeric_limits<double>::infinity();      // by the pool's prices; >= 0
  double seconds = std::numeric_limits<double>::infinity();       // of the run's active time; > 0
};

// The parts of a strategy, each switchable; presets in search/strategy.h. All values are serialised
// into every run's record.
struct StrategyConfig {
  std::string name = "banyan";
  // tree: one candidate at a time, by measured values; generations: rounds of expansions by
  // predicted values, then a batch, as the published methods do; population: rounds of mutation and
  // crossover.
  std::string loop = "tree";
  std::string action_space = "plan";  // plan | mutators
  // What a node is worth to selection: measured speed, or what the cost model predicted (tree: for
  // the node itself, generations: for the end of a random rollout), as the published methods have
  // it.
  std::string reward = "measured";  // measured | predicted
  std::string cost_model = "none";  // xgboost | none
  // Predictions are uniform random numbers until there are this many measurements; 0: never. TVM's
  // habit, and so the published methods'.
  int cost_model_warmup = 0;
  bool charge_failed_calls = true;   // false: an unusable reply gives its call back
  std::string routing = "thompson";  // thompson | round_robin | strongest | joint | none
  // What a call's gain is set against: auto (gain less strong_worth times the price relative to the
  // dearest model's) | usd | seconds | calls (gain per unit).
  std::string cost_unit = "auto";
  double strong_worth = 0.1;       // log-speedup that a call of the dearest model is worth, [0, 10]
  bool course_alteration = false;  // the largest model redoes steps that made things worse
  int alteration_every = 2;        // consecutive regressions of light models, [1, 100]
  int proposals_per_call = 8;      // [1, 64]
  int finalists = 4;               // re-measured interleaved at the end, [1, 16]
  bool racing = true;              // stop hopeless candidates early
  bool transpositions = true;      // equal programs share one node
  bool transfer = true;            // related winners, routing priors, pretrained cost model

  // loop = tree
  std::string selection = "puct";  // puct | uniform
  double puct_c = 0.8;             // exploration constant, > 0
  double virtual_loss = 0.1;       // lost visits for each outcome on its way, [0, 1]
  std::string backup = "max";      // max | mean | mixed
  double mean_share = 0.2;         // of the mean in a mixed backup, [0, 1]
  double value_floor = 0.5;  // quantile of the measured values that selection takes for 0, [0, 1)
  double widening_k = 3;     // children <= k * N^a, k > 0
  double widening_a = 0.6;   // [0, 1]
  double free_fraction =
      0.5;  // share of trials that mutation and crossover may fill while proposals wait, [0, 1]
  double wait_fraction = 0.75;  // share of trials that may be spent while a slow model's first
                                // reply is awaited, [0, 1]
  // What they go to:
  // tilings (plain ones, as the light built-in expert makes them, and free moves on those) |
  // samples (random legal steps) | nothing.
  std::string while_waiting = "tilings";
  bool mutation = true;
  bool crossover = true;
  bool sampling =
      false;  // expand by chains of random legal steps; else only when no model can be asked

  // loop = generations and population
  int trials_per_round = 8;    // [1, 1024]
  double random_share = 0.05;  // of a batch, drawn from what prediction left out, [0, 1]

  // loop = generations; loop = tree with action_space = mutators has root_samples and action_tries
  double uct_c = 1.41;                // > 0
  double phi_weight = 0;              // of the model's size in the score, [0, 1]
  int generations = 3;                // a round, [1, 100]
  int expansions = 3;                 // successful ones of a generation, [1, 100]
  int failures = 2;                   // that end a generation, [1, 100]
  int root_samples = 3;               // children of the root, [1, 100]
  int max_children = 2;               // of any other node, [1, 100]
  int ask_depth = 2;                  // models are asked at this depth and below, [0, 100]
  int terminal_failures = 5;          // in a row, until a node is left alone, [1, 100]
  int rollout_depth = 500;            // random actions after a new node, [0, 1000]
  int action_tries = 3;               // of an action whose parameters are drawn, [1, 100]
  bool stop_at_failure = false;       // of a reply's sequence; else what fails is skipped
  bool duplicate_on_failure = false;  // the first action failed: the child repeats its leaf
};

Json ToJson(const StrategyConfig& config);
Result<StrategyConfig> StrategyConfigFromJson(const Json& json);
// Sets one field from text, for ablations: "puct_c", "1.2". kInvalidArgument names the fields.
// Whether all fields go together is for CheckStrategy (search/strategy.h), once all are set.
Status SetStrategyField(StrategyConfig* config, const std::string& field, const std::string& text);
Json ToJson(const Budget& budget);
Result<Budget> BudgetFromJson(const Json& json);

// A preset by name; NotFound lists them.
Result<StrategyConfig> FindStrategy(const std::string& name);
std::vector<StrategyConfig> AllStrategies();

// Everything that decides a run besides the events.
struct RunConfig {
  std::string workload_text;  // as the person typed it
  std::string target_text;    // as the person typed it
  int cores = 1;
  uint64_t seed = 0;
  Budget budget;
  StrategyConfig strategy;
  std::vector<PoolEntry> pool;  // holds no key
  std::string simulate = {};    // store whose measurements stand in for the machine; empty: none
  std::string snapshot = {};    // store that transfer learns from; empty: the run's own
  MeasureOptions measure;
};

Json ToJson(const RunConfig& config);
Result<RunConfig> RunConfigFromJson(const Json& json);

}  // namespace banyan
