#include "store/store.h"

#include <ctime>
#include <utility>

#include "base/hash.h"
#include "schedule/description_json.h"
#include "store/blob.h"
#include "store/journal.h"
#include "store/owner.h"
#include "store/records.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace banyan {
namespace {

// "20260131-235959", in UTC: ids sort by time and mean the same everywhere.
std::string DateTime(int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &utc)};
}

// A row says "running" until its end; whether its process still lives is found out when asked.
RunStatus StatusOf(const std::string& stored, const std::string& owner) {
  if (stored == "finished") return RunStatus::kFinished;
  if (stored == "failed") return RunStatus::kFailed;
  const bool living = IsOtherLivingProcess(owner) || (!owner.empty() && owner == ThisProcess());
  return living ? RunStatus::kRunning : RunStatus::kInterrupted;
}

Result<TrialRecord> ReadTrial(const Statement& row) {
  TrialRecord trial;
  trial.trial_id = static_cast<uint64_t>(row.Integer(0));
  trial.node_id = row.Integer(1);
  BANYAN_ASSIGN_OR_RETURN(trial.program_hash, StoredHash(row.Text(2)));
  trial.plan = row.Text(3);
  trial.finished = !row.IsNull(5);
  trial.elapsed_s = row.Real(trial.finished ? 5 : 4);
  trial.outcome.trial_id = trial.trial_id;
  if (!trial.finished) return trial;
  BANYAN_ASSIGN_OR_RETURN(trial.outcome.failure, ParseFailureKind(row.Text(6)));
  trial.outcome.failure_text = row.Text(7);
  BANYAN_ASSIGN_OR_RETURN(const Json samples, ParseStored(row.Text(8), "list of samples"));
  for (const Json& sample : samples) {
    if (sample.is_number()) trial.outcome.samples_ms.push_back(sample.get<double>());
  }
  trial.outcome.stopped_early = row.Integer(9) != 0;
  trial.outcome.max_relative_error = row.Real(10);
  trial.outcome.build_s = row.Real(11);
  trial.outcome.run_s = row.Real(12);
  return trial;
}

constexpr const char* kTrialColumns =
    "trial_id, node_id, program_hash, plan, queued_s, finished_s, failure, failure_text, "
    "samples_ms, "
    "stopped_early, max_relative_error, build_s, run_s";

}  // namespace

const char* RunStatusName(RunStatus status) {
  switch (status) {
    case RunStatus::kRunning:
      return "running";
    case RunStatus::kInterrupted:
      return "interrupted";
    case RunStatus::kFinished:
      return "finished";
    case RunStatus::kFailed:
      return "failed";
  }
  return "failed";
}

Store::Store(std::unique_ptr<Database> database, const Clock* clock, int schema)
    : database_(std::move(database)), clock_(clock), schema_(schema) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::Open(const std::string& path, Mode mode,
                                           const StoreOptions& options) {
  const bool write = mode == Mode::kWrite;
  BANYAN_ASSIGN_OR_RETURN(
      auto database, Database::Open(path, write ? Database::Mode::kWrite : Database::Mode::kRead,
                                    options.busy_timeout_ms));
  BANYAN_ASSIGN_OR_RETURN(const int schema, PrepareSchema(*database, write, kSchemaVersion));
  return std::unique_ptr<Store>(new Store(std::move(database), options.clock, schema));
}

const std::string& Store::path() const { return database_->path(); }

Result<std::string> Store::BeginRun(const RunStart& start) {
  const int64_t now_unix_ms = clock_->UnixMs();
  const std::string workload_hash = HashHex(start.workload.hash);
  const std::string fingerprint = HashHex(start.target.fingerprint);
  BANYAN_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_.get()));
  BANYAN_ASSIGN_OR_RETURN(
      Statement workload,
      database_->Prepare(
          "INSERT INTO workload(hash, id, family, "
          "record, module_json, structure) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
          "ON CONFLICT(hash) DO UPDATE SET structure=coalesce(excluded.structure, structure)"));
  if (start.workload.structure != 0) workload.Bind(6, HashHex(start.workload.structure));
  BANYAN_RETURN_IF_ERROR(workload.Bind(1, workload_hash)
                             .Bind(2, start.workload.id)
                             .Bind(3, start.workload.family)
                             .Bind(4, ToJson(start.workload).dump())
                             .Bind(5, start.workload.module_json)
                             .Run());
  BANYAN_ASSIGN_OR_RETURN(
      Statement target,
      database_->Prepare(
          "INSERT OR IGNORE INTO target(fingerprint, cpu, record) VALUES(?1, ?2, ?3)"));
  BANYAN_RETURN_IF_ERROR(target.Bind(1, fingerprint)
                             .Bind(2, start.target.cpu)
                             .Bind(3, ToJson(start.target).dump())
                             .Run());
  BANYAN_ASSIGN_OR_RETURN(
      Statement run,
      database_->Prepare(
          "INSERT INTO run(run_id, status, owner, created_unix_ms, workload_hash, workload_id, "
          "target_fingerprint, strategy, seed, config, versions) "
          "VALUES('', 'running', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  BANYAN_RETURN_IF_ERROR(run.Bind(1, ThisProcess())
                             .Bind(2, now_unix_ms)
                             .Bind(3, workload_hash)
                             .Bind(4, start.workload.id)
                             .Bind(5, fingerprint)
                             .Bind(6, start.config.strategy.name)
                             .Bind(7, std::to_string(start.config.seed))
                             .Bind(8, ToJson(start.config).dump())
                             .Bind(9, start.versions.dump())
                             .Run());
  const int64_t number = database_->last_row_id();
  const std::string run_id = DateTime(now_unix_ms) + "-" + std::to_string(number);
  BANYAN_ASSIGN_OR_RETURN(Statement name,
                          database_->Prepare("UPDATE run SET run_id=?2 WHERE number=?1"));
  BANYAN_RETURN_IF_ERROR(name.Bind(1, number).Bind(2, run_id).Run());
  BANYAN_RETURN_IF_ERROR(transaction.Commit());
  return run_id;
}

Status Store::ContinueRun(const std::string& run_id, const RunConfig& config) {
  BANYAN_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_.get()));
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT status, owner FROM run WHERE number=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, find.Bind(1, number).Step());
  if (found && find.Text(0) == "running" && IsOtherLivingProcess(find.Text(1))) {
    return EnvironmentError("run " + run_id +
                            " is being written by another process: wait for it to end");
  }
  BANYAN_ASSIGN_OR_RETURN(
      Statement take, database_->Prepare("UPDATE run SET status='running', owner=?2, config=?3, "
                                         "error=NULL WHERE number=?1"));
  BANYAN_RETURN_IF_ERROR(
      take.Bind(1, number).Bind(2, ThisProcess()).Bind(3, ToJson(config).dump()).Run());
  return transaction.Commit();
}

Result<std::unique_ptr<Journal>> Store::MakeJournal(const std::string& run_id) {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  return MakeSqliteJournal(database_.get(), number);
}

Status Store::MarkFailed(const std::string& run_id, const std::string& error) {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(
      Statement mark,
      database_->Prepare("UPDATE run SET status='failed', error=?2 WHERE number=?1"));
  return mark.Bind(1, number).Bind(2, error).Run();
}

Result<int64_t> Store::FindRun(const std::string& run) const {
  const bool last = run == "last";
  const bool digits =
      !run.empty() && run.size() < 19 && run.find_first_not_of("0123456789") == std::string::npos;
  BANYAN_ASSIGN_OR_RETURN(
      Statement find,
      database_->Prepare(last     ? "SELECT max(number) FROM run HAVING max(number) IS NOT NULL"
                         : digits ? "SELECT number FROM run WHERE number=?1"
                                  : "SELECT number FROM run WHERE run_id=?1"));
  if (digits) {
    find.Bind(1, int64_t{std::stoll(run)});
  } else if (!last) {
    find.Bind(1, run);
  }
  BANYAN_ASSIGN_OR_RETURN(const bool found, find.Step());
  if (found) return find.Integer(0);

  BANYAN_ASSIGN_OR_RETURN(
      Statement latest, database_->Prepare("SELECT run_id FROM run ORDER BY number DESC LIMIT 3"));
  std::string known;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool row, latest.Step());
    if (!row) break;
    known += (known.empty() ? "" : ", ") + latest.Text(0);
  }
  if (known.empty()) {
    return NotFound("store '" + path() + "' holds no run yet: start one with `banyan tune`");
  }
  return NotFound("no run '" + run + "' in store '" + path() + "'; the latest: " + known);
}

Result<StoredRun> Store::LoadRun(const std::string& run) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run));
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare("SELECT run_id, status, owner, created_unix_ms, config, versions, result, "
                         "error, w.record, w.module_json, t.record, " +
                         std::string(schema_ < 2 ? "NULL" : "models") +
                         " FROM run "
                         "JOIN workload w ON w.hash=workload_hash "
                         "JOIN target t ON t.fingerprint=target_fingerprint WHERE number=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, row.Bind(1, number).Step());
  if (!found) {
    return Error{ErrorCode::kCorrupt,
                 "run '" + run + "' of store '" + path() + "' has lost its workload or target",
                 {}};
  }
  StoredRun stored;
  stored.number = number;
  stored.run_id = row.Text(0);
  stored.status = StatusOf(row.Text(1), row.Text(2));
  stored.created_unix_ms = row.Integer(3);
  BANYAN_ASSIGN_OR_RETURN(const Json config, ParseStored(row.Text(4), "configuration"));
  BANYAN_ASSIGN_OR_RETURN(stored.start.config, RunConfigFromJson(config));
  BANYAN_ASSIGN_OR_RETURN(stored.start.versions, ParseStored(row.Text(5), "list of versions"));
  if (!row.IsNull(6)) {
    BANYAN_ASSIGN_OR_RETURN(stored.result, ParseStored(row.Text(6), "result"));
  }
  stored.error = row.Text(7);
  BANYAN_ASSIGN_OR_RETURN(stored.start.workload, WorkloadFromRecord(row.Text(8), row.Text(9)));
  BANYAN_ASSIGN_OR_RETURN(stored.start.target, TargetFromRecord(row.Text(10)));
  if (!row.IsNull(11)) {
    BANYAN_ASSIGN_OR_RETURN(const Json models, ParseStored(row.Text(11), "pool of models"));
    BANYAN_ASSIGN_OR_RETURN(stored.models, PoolFromJson(models));
  }
  return stored;
}

Result<std::vector<RunSummary>> Store::ListRuns() const {
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare(
          "SELECT run_id, number, status, owner, created_unix_ms, workload_id, strategy, seed, "
          "(SELECT count(finished_s) FROM trial WHERE run=number), "
          "(SELECT min(latency_ms) FROM trial WHERE run=number) FROM run ORDER BY number"));
  std::vector<RunSummary> runs;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return runs;
    RunSummary run;
    run.run_id = row.Text(0);
    run.number = row.Integer(1);
    run.status = StatusOf(row.Text(2), row.Text(3));
    run.created_unix_ms = row.Integer(4);
    run.workload_id = row.Text(5);
    run.strategy = row.Text(6);
    run.seed = std::strtoull(row.Text(7).c_str(), nullptr, 10);
    run.trials = row.Integer(8);
    run.best_latency_ms = row.Real(9);
    runs.push_back(std::move(run));
  }
}

Result<std::vector<Event>> Store::LoadEvents(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare("SELECT event_index, json FROM event WHERE run=?1 "
                                             "ORDER BY event_index"));
  row.Bind(1, number);
  std::vector<Event> events;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return events;
    const auto expected = static_cast<int64_t>(events.size());
    auto json = ParseStored(row.Text(1), "event");
    auto event = json.ok() ? EventFromJson(*json) : Result<Event>(json.error());
    if (!event.ok() || row.Integer(0) != expected || event->index != expected) {
      return Error{ErrorCode::kCorrupt,
                   "event " + std::to_string(expected) + " of run " + run_id + " in store '" +
                       path() +
                       "' is missing or damaged: the run cannot be resumed; start a new one",
                   event.ok() ? std::string() : event.error().message};
    }
    events.push_back(*std::move(event));
  }
}

Result<std::vector<NodeRecord>> Store::LoadNodes(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare(
          "SELECT node_id, parent_id, plan_hash, program_hash, delta, delta_is_plan, "
          "origin, call_id, prior, reason FROM node WHERE run=?1 ORDER BY node_id"));
  row.Bind(1, number);
  std::vector<NodeRecord> nodes;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return nodes;
    NodeRecord node;
    node.node_id = row.Integer(0);
    node.parent_id = row.Integer(1);
    BANYAN_ASSIGN_OR_RETURN(node.plan_hash, StoredHash(row.Text(2)));
    BANYAN_ASSIGN_OR_RETURN(node.program_hash, StoredHash(row.Text(3)));
    node.delta = row.Text(4);
    node.delta_is_plan = row.Integer(5) != 0;
    node.origin = row.Text(6);
    node.call_id = static_cast<uint64_t>(row.Integer(7));
    node.prior = row.Real(8);
    node.reason = row.Text(9);
    nodes.push_back(std::move(node));
  }
}

Result<std::vector<TrialRecord>> Store::LoadTrials(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare(std::string("SELECT ") + kTrialColumns +
                                             " FROM trial WHERE run=?1 ORDER BY trial_id"));
  row.Bind(1, number);
  std::vector<TrialRecord> trials;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return trials;
    BANYAN_ASSIGN_OR_RETURN(TrialRecord trial, ReadTrial(row));
    trials.push_back(std::move(trial));
  }
}

Result<TrialRecord> Store::LoadTrial(const std::string& run_id, uint64_t trial_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare(std::string("SELECT ") + kTrialColumns +
                                             " FROM trial WHERE run=?1 AND trial_id=?2"));
  row.Bind(1, number).Bind(2, static_cast<int64_t>(trial_id));
  BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (found) return ReadTrial(row);
  BANYAN_ASSIGN_OR_RETURN(Statement most,
                          database_->Prepare("SELECT max(trial_id) FROM trial WHERE run=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool any, most.Bind(1, number).Step());
  const std::string which = any && !most.IsNull(0)
                                ? "its trials are 1 to " + std::to_string(most.Integer(0))
                                : std::string("it has none");
  return NotFound("run " + run_id + " has no trial " + std::to_string(trial_id) + ": " + which);
}

Result<std::vector<CallRecord>> Store::LoadCalls(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare("SELECT call_id, model, role, node_id, why, answered, accepted, reply, " +
                         std::string(schema_ < 2 ? "NULL, NULL" : "phase, gain") +
                         " FROM call WHERE run=?1 ORDER BY call_id"));
  row.Bind(1, number);
  std::vector<CallRecord> calls;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return calls;
    CallRecord call;
    call.call_id = static_cast<uint64_t>(row.Integer(0));
    call.model = row.Text(1);
    call.role = row.Text(2) == "strong" ? ModelRole::kStrong : ModelRole::kLight;
    call.node_id = row.Integer(3);
    call.why = row.Text(4);
    call.answered = row.Integer(5) != 0;
    call.accepted = row.Integer(6);
    call.phase = row.Text(8);
    call.gain = row.Real(9);
    if (call.answered) {
      BANYAN_ASSIGN_OR_RETURN(const Json reply, ParseStored(row.Text(7), "reply"));
      BANYAN_ASSIGN_OR_RETURN(call.reply, ModelReplyFromJson(reply));
    }
    calls.push_back(std::move(call));
  }
}

Result<std::vector<StoredExchange>> Store::LoadTranscript(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  std::vector<StoredExchange> exchanges;
  if (schema_ < 2) return exchanges;
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare("SELECT call_id, ordinal, q.bytes, a.bytes FROM exchange "
                         "JOIN blob q ON q.hash=request_hash LEFT JOIN blob a ON a.hash=reply_hash "
                         "WHERE run=?1 ORDER BY call_id, ordinal"));
  row.Bind(1, number);
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return exchanges;
    StoredExchange exchange;
    exchange.call_id = static_cast<uint64_t>(row.Integer(0));
    exchange.ordinal = row.Integer(1);
    BANYAN_ASSIGN_OR_RETURN(exchange.request, Decompress(row.Blob(2)));
    if (!row.IsNull(3)) {
      BANYAN_ASSIGN_OR_RETURN(exchange.reply, Decompress(row.Blob(3)));
    }
    exchanges.push_back(std::move(exchange));
  }
}

Result<TreeRecord> Store::LoadTree(const std::string& run_id) const {
  BANYAN_ASSIGN_OR_RETURN(const int64_t number, FindRun(run_id));
  TreeRecord tree;
  if (schema_ < 2) return tree;
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare("SELECT tree_events, bytes, hash FROM run JOIN blob "
                                             "ON hash=tree_hash WHERE number=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, row.Bind(1, number).Step());
  if (!found) return tree;
  tree.events = row.Integer(0);
  BANYAN_ASSIGN_OR_RETURN(tree.dump, Decompress(row.Blob(1)));
  if (ContentHash(tree.dump) != row.Text(2)) {
    return Error{ErrorCode::kCorrupt,
                 "the stored tree of run " + run_id + " is not what its hash says: store '" +
                     path() + "' was damaged or changed",
                 {}};
  }
  return tree;
}

}  // namespace banyan
