#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "search/event.h"
#include "search/run.h"
#include "store/store.h"

namespace banyan {

// One run from its configuration to its record, as `tune` and `study` do it.

// A run ready to go: new, or taken from the store to go on with.
struct PreparedRun {
  RunStart start;      // of a new run: only config and versions, the rest is loaded
  std::string run_id;  // empty: new
  std::vector<Event> history;
  Json finished;  // the result, if nothing is left to do
};

// What the caller wants to hear of, and how it stops the run. All may be empty.
struct RunOneHooks {
  const std::atomic<bool>* cancel = nullptr;
  std::string events;                                       // file for events as JSON lines
  std::function<void(const RunStart&)> on_start;            // workload and target are known
  std::function<void(const std::string& run_id)> on_begun;  // the run is in the store
  std::function<void(const RunProgress&)> on_progress;
  std::function<void(const std::string&)> on_note;  // a line for the run's log
};

struct FinishedRun {
  std::string run_id;
  RunStart start;
  SearchResult result;
  Json object;   // what `tune --json` prints
  Status saved;  // whether `object` is in the store
};

PreparedRun PrepareNewRun(RunConfig config);
// An interrupted, failed or cancelled run; `finished` is set if it had come to its end.
Result<PreparedRun> PrepareStoredRun(const Store& store, const std::string& run);

// kInvalidArgument if the run's latencies could not be compared with what is measured here.
Status CheckSameMachine(const std::string& run_id, const Target& there, const Target& here);

// Blocks until the run's end: starts workers of its own, journals everything, and ends them. A run
// that fails after it was begun is marked so in the store; `run->run_id` then tells which.
// kCorrupt: a stored run that this version would search differently, or that is damaged; nothing
// was changed.
Result<FinishedRun> RunOne(Store& store, PreparedRun* run, const RunOneHooks& hooks);

}  // namespace banyan
