#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "measure/measurer.h"

namespace banyan {

struct Budget {
  int64_t trials = 32;  // candidates handed to a builder, [0, 1e6]
  int64_t calls = 8;    // requests to models of the pool, [0, 1e6]
  double seconds = std::numeric_limits<double>::infinity();  // of the run's active time; > 0
};

// The parts of a strategy, each switchable; presets in search/strategy.h. All values are serialised
// into every run's record.
struct StrategyConfig {
  std::string name = "banyan";
  std::string selection = "puct";  // puct | uniform
  double puct_c = 0.8;             // exploration constant, > 0
  double virtual_loss = 0.1;       // lost visits for each outcome on its way, [0, 1]
  std::string backup = "max";      // max | mean | mixed
  double mean_share = 0.2;         // of the mean in a mixed backup, [0, 1]
  double value_floor = 0.5;    // quantile of the measured values that selection takes for 0, [0, 1)
  double widening_k = 3;       // children <= k * N^a, k > 0
  double widening_a = 0.6;     // [0, 1]
  bool transpositions = true;  // equal programs share one node
  std::string routing = "thompson";  // thompson | round_robin | strongest | none
  double free_fraction =
      0.5;  // share of trials that mutation and crossover may fill while proposals wait, [0, 1]
  bool mutation = true;
  bool crossover = true;
  bool sampling =
      false;  // expand by chains of random legal steps; else only when no model can be asked
  int proposals_per_call = 8;  // [1, 64]
  int finalists = 4;           // re-measured interleaved at the end, [1, 16]
  bool racing = true;          // stop hopeless candidates early
};

Json ToJson(const StrategyConfig& config);
Result<StrategyConfig> StrategyConfigFromJson(const Json& json);
Json ToJson(const Budget& budget);
Result<Budget> BudgetFromJson(const Json& json);

// "banyan", "random"; NotFound lists them.
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
  std::vector<std::string> pool;  // model names
  MeasureOptions measure;
};

Json ToJson(const RunConfig& config);
Result<RunConfig> RunConfigFromJson(const Json& json);

}  // namespace banyan
