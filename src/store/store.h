#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"
#include "search/event.h"
#include "search/journal.h"
#include "search/run_config.h"

namespace banyan {

class Database;

struct StoreOptions {
  const Clock* clock = SystemClock::Get();  // dates the runs
  int busy_timeout_ms = 15'000;             // patience with another process's write
};

enum class RunStatus {
  kRunning,      // a living process writes it
  kInterrupted,  // its process died before the end: --resume goes on
  kFinished,
  kFailed,  // ended by an error, kept in StoredRun::error
};
const char* RunStatusName(RunStatus status);

// What a run starts from. Workload and target are kept whole, so that a run can be resumed and a
// trial reproduced without the person's files.
struct RunStart {
  RunConfig config;
  Workload workload;
  Target target;
  Json versions = Json::object();  // of tools, by name
};

struct RunSummary {
  std::string run_id;
  int64_t number = 0;  // counts from 1 within the store
  RunStatus status = RunStatus::kRunning;
  int64_t created_unix_ms = 0;
  std::string workload_id;
  std::string strategy;
  uint64_t seed = 0;
  int64_t trials = 0;          // finished ones
  double best_latency_ms = 0;  // the least ranking statistic of a trial; NaN: none
};

struct StoredRun {
  std::string run_id;
  int64_t number = 0;
  RunStatus status = RunStatus::kRunning;
  int64_t created_unix_ms = 0;
  RunStart start;
  // Of the pool; empty: not recorded (before schema 2).
  std::vector<ModelInfo> models;
  Json result;        // null until the run has finished
  std::string error;  // of a failed run
};

// What a model was asked and what it answered.
struct StoredExchange {
  uint64_t call_id = 0;
  int64_t ordinal = 0;  // 0: the request as the search made it; from 1: over the wire, in order
  std::string request;
  std::string reply;  // empty for ordinal 0: it is part of the call's record
};

// One SQLite file that holds everything about runs, written as it happens. The journalled events
// are the truth; the other tables are for queries and can be derived from them. After a kill at any
// moment the file is readable and holds every acknowledged write (WAL; a power failure may cost the
// last transactions). Any number of processes may read; several may write different runs. A file of
// an older version is read as it is and brought up to date when it is opened to write. One object
// is used by one thread. Failures: kEnvironment (read-only, full, locked), kCorrupt (no store,
// damaged, of a newer version), kNotFound.
class Store {
 public:
  enum class Mode { kRead, kWrite };
  static constexpr int kSchemaVersion = 2;

  // kWrite makes the file if there is none. Whoever sets a file-size limit must ignore SIGXFSZ.
  static Result<std::unique_ptr<Store>> Open(const std::string& path, Mode mode,
                                             const StoreOptions& options = {});
  ~Store();

  // Records a new run and returns its id: date, time (UTC) and the run's number in this store.
  Result<std::string> BeginRun(const RunStart& start);
  // Takes an interrupted, failed or finished run over; fails while a living process writes it. The
  // configuration is replaced, since a resumed run may have got more budget.
  Status ContinueRun(const std::string& run_id, const RunConfig& config);
  // For a run begun or continued here. The store must outlive it.
  Result<std::unique_ptr<Journal>> MakeJournal(const std::string& run_id);
  Status MarkFailed(const std::string& run_id, const std::string& error);

  // `run`: an id, a number, or "last".
  Result<StoredRun> LoadRun(const std::string& run) const;
  Result<std::vector<RunSummary>> ListRuns() const;
  // Of a run's id; in order of their ids.
  Result<std::vector<Event>> LoadEvents(const std::string& run_id) const;
  Result<std::vector<NodeRecord>> LoadNodes(const std::string& run_id) const;
  Result<std::vector<TrialRecord>> LoadTrials(const std::string& run_id) const;
  Result<std::vector<CallRecord>> LoadCalls(const std::string& run_id) const;
  // All calls' exchanges in order.
  Result<std::vector<StoredExchange>> LoadTranscript(const std::string& run_id) const;
  // The tree as it stood when the run last ended; no events: it never did, or was not recorded.
  Result<TreeRecord> LoadTree(const std::string& run_id) const;
  // NotFound says which trials there are.
  Result<TrialRecord> LoadTrial(const std::string& run_id, uint64_t trial_id) const;

  const std::string& path() const;
  // For the ports that the room implements over a store (store/history.h, ...).
  const Database& database() const { return *database_; }
  int schema() const { return schema_; }  // of the file; older than kSchemaVersion only for readers

 private:
  Store(std::unique_ptr<Database> database, const Clock* clock, int schema);
  Result<int64_t> FindRun(const std::string& run) const;

  std::unique_ptr<Database> database_;
  const Clock* clock_;
  int schema_;
};

}  // namespace banyan
