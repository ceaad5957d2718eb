#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/types.h"
#include "schedule/target.h"
#include "schedule/workload.h"
#include "tvm/import.h"

namespace banyan {

// TVM's own search, as a peer in studies.

struct TvmSearchOptions {
  int64_t trials = 32;
  int trials_per_round = 8;
  uint64_t seed = 0;
  Timing timing;
  int builders = 2;  // processes
  ImportOptions python;
  const std::atomic<bool>* cancel = nullptr;  // borrowed; ends the search
};

struct TvmSearchResult {
  std::vector<TrialOutcome> trials;  // in order, with ids from 1
  std::string best_module_json;      // empty: nothing could be measured
  double seconds = 0;                // of the tuning alone
};

// MetaSchedule's tune_tir with its evolutionary search and XGBoost, in a Python process of its own
// (tune_with_tvm.py). Blocks for minutes. kEnvironment if Python or one of the packages that
// MetaSchedule needs there is missing, or it takes longer than a minute a trial; kCancelled if it
// was cancelled. Its workers and files never outlive the call, workers not even a kill of this
// process.
Result<TvmSearchResult> SearchWithTvm(const Workload& workload, const Target& target,
                                      const TvmSearchOptions& options);

}  // namespace banyan
