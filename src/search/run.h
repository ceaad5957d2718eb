#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"
#include "measure/measurer.h"
#include "model/ledger.h"
#include "model/model.h"
#include "schedule/compiler.h"
#include "search/event.h"
#include "search/history.h"
#include "search/journal.h"
#include "search/run_config.h"

namespace banyan {

// The state of a run as people see it; a value, cheap to copy.
struct RunProgress {
  std::string phase;  // "reference", "search", "finals", "done"
  int64_t trials_done = 0;
  int64_t trials_started = 0;
  int64_t calls_made = 0;
  double elapsed_s = 0;
  double default_latency_ms = 0;  // NaN: not known
  double best_latency_ms = 0;     // NaN: none yet
  std::string last;               // one line: what just happened
  double trust = 0;               // in the cost model, [0, 1]
};

// The outcome of a run (measure/kernel_host.h has a RunResult of its own: one kernel's run).
struct SearchResult {
  double default_latency_ms = 0;  // NaN: not known
  double best_latency_ms =
      0;  // NaN: nothing measured; the finals' ranking statistic where there were finals
  Interval best_latency_ci_ms;
  uint64_t best_trial_id = 0;  // 0: the unscheduled program was the best
  Plan best_plan;
  int64_t trials = 0;
  int64_t calls = 0;
  int64_t strong_calls = 0;
  std::map<std::string, int64_t> failed_trials;  // failure kind -> count
  std::map<std::string, ModelUse> models;
  double peak_gflops = 0;
  double drift = 1;
  double wall_s = 0;
  // time_split_s. models_s: waiting for or inside models; search_s: the tree and bookkeeping (CPU
  // time of the driver's thread without the compiler); apply_s: the compiler applying plans on that
  // thread; build_s and run_s: summed over workers.
  double models_s = 0, search_s = 0, apply_s = 0, build_s = 0, run_s = 0;
  int64_t nodes = 0;
  bool cancelled = false;
  std::string stop_reason;  // "trials spent", "nothing left to try", "cancelled", ...
};

struct RunDependencies {
  Compiler* compiler = nullptr;  // all borrowed, outlive the call
  Measurer* measurer = nullptr;
  std::vector<Model*> pool;
  CostModel* cost_model = nullptr;  // nullptr: predicts nothing
  // Asked at the start, unless the strategy has no transfer; nullptr: there were no earlier runs.
  History* history = nullptr;
  Journal* journal = nullptr;
  Clock* clock = nullptr;
  const std::atomic<bool>* cancel = nullptr;  // set by Ctrl-C
  std::function<void(const RunProgress&)>
      on_progress;  // called from the driver's thread; may be empty
  // Lines for the run's log: what is believed of the models at the start, how far the cost model is
  // trusted. From the driver's thread; may be empty.
  std::function<void(const std::string&)> on_note;
  std::function<Result<double>()> peak_gflops;  // asked at the start and after the finals;
                                                // may be empty
};

// Runs the search to the end of a budget. `history` is empty for a new run; else the journal of a
// run that is resumed: it is replayed first (no call, no measurement), then the run goes on within
// its budgets.
Result<SearchResult> RunSearch(const RunConfig& config, const std::vector<Event>& history,
                               const RunDependencies& deps);

}  // namespace banyan
