#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "search/run_config.h"
#include "study/tables.h"

namespace banyan {

// A study as a person writes it: docs/study.md lists the keys.

// Beside the presets: TVM's own evolutionary search (MetaSchedule), run through its Python.
inline constexpr const char* kTvmEvolutionary = "tvm-evolutionary";

struct StudyArm {
  std::string label;
  std::string strategy;                                  // a preset, or kTvmEvolutionary
  std::vector<std::string> pool;                         // as after --pool; empty: the default pool
  std::vector<std::pair<std::string, std::string>> set;  // fields of the strategy changed
  uint64_t seed_offset = 0;  // added to the pair's seed, for arms that differ in nothing else
  int line = 0;              // in the file
};

struct StudyConfig {
  std::string name;
  std::string description;
  std::vector<std::string> workloads;
  std::vector<uint64_t> seeds;
  std::vector<Budget> budgets;
  std::vector<StudyArm> arms;
  std::vector<Comparison> comparisons;
  std::string target = "host";
  int cores = 1;
  Timing timing;                        // while searching
  Timing final_timing = FinalTiming();  // of the pairs' re-measurement too
  uint64_t order_seed = 0;              // of the order of runs
  std::string snapshot;                 // frozen store that runs may learn from; empty: nothing
};

// What the study room cannot tell by itself. The text of a failure goes into the one-line error.
struct StudyChecks {
  std::function<Status(const std::string& workload)> workload;
  std::function<Status(const StudyArm& arm)> arm;
};

// kInvalidArgument with "WHERE:LINE: ..." for the first mistake.
Result<StudyConfig> ParseStudy(std::string_view toml, const std::string& where,
                               const StudyChecks& checks = {});

// "32 trials, 4 calls, $0.5"
std::string BudgetText(const Budget& budget);

// What the record of TVM's own search says of it; nothing of it steers the search.
StrategyConfig PeerStrategy();

// The strategy of an arm, its fields set.
Result<StrategyConfig> ArmStrategy(const StudyArm& arm);

// One run of a study.
struct StudyCell {
  std::string workload;
  uint64_t seed = 0;
  Budget budget;
  size_t arm = 0;  // in StudyConfig::arms
};

// All runs that differ in the arm alone; they follow one another, and their finals are measured
// together.
struct StudyGroup {
  std::string workload;
  uint64_t seed = 0;
  Budget budget;
  std::vector<size_t> arms;  // in the order of running
};

// Every group once, groups and the arms within each in a random order that depends on the order
// seed alone: what changes slowly in the machine hits all arms alike.
std::vector<StudyGroup> StudyOrder(const StudyConfig& config);

}  // namespace banyan
