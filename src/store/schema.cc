#include "store/schema.h"

#include <string>

namespace banyan {
namespace {

// "BNYN": marks the file as ours in SQLite's header.
constexpr int64_t kApplicationId = 0x424e594e;

// Hashes are 16 hexadecimal digits, since SQLite's integers are signed. Latencies in ms, else SI.
constexpr const char* kTables = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE workload(
  hash TEXT PRIMARY KEY, id TEXT NOT NULL, family TEXT NOT NULL, record TEXT NOT NULL,
  module_json TEXT NOT NULL);
CREATE TABLE target(fingerprint TEXT PRIMARY KEY, cpu TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE run(
  number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
  owner TEXT NOT NULL, created_unix_ms INTEGER NOT NULL,
  workload_hash TEXT NOT NULL REFERENCES workload(hash), workload_id TEXT NOT NULL,
  target_fingerprint TEXT NOT NULL REFERENCES target(fingerprint),
  strategy TEXT NOT NULL, seed TEXT NOT NULL, config TEXT NOT NULL, versions TEXT NOT NULL,
  result TEXT, error TEXT);
CREATE TABLE node(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, node_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL, plan_hash TEXT NOT NULL, program_hash TEXT NOT NULL,
  delta TEXT NOT NULL, delta_is_plan INTEGER NOT NULL, origin TEXT NOT NULL,
  call_id INTEGER NOT NULL, prior REAL, reason TEXT NOT NULL,
  PRIMARY KEY(run, node_id)) WITHOUT ROWID;
CREATE TABLE trial(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, trial_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL, program_hash TEXT NOT NULL, plan TEXT NOT NULL,
  queued_s REAL, finished_s REAL, failure TEXT, failure_text TEXT, latency_ms REAL,
  samples_ms TEXT, stopped_early INTEGER, max_relative_error REAL, build_s REAL, run_s REAL,
  PRIMARY KEY(run, trial_id)) WITHOUT ROWID;
CREATE INDEX trial_program ON trial(program_hash);
CREATE TABLE call(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, call_id INTEGER NOT NULL,
  model TEXT NOT NULL, role TEXT NOT NULL, node_id INTEGER NOT NULL, why TEXT NOT NULL,
  answered INTEGER NOT NULL, accepted INTEGER NOT NULL, error TEXT, tokens_in INTEGER,
  tokens_out INTEGER, cost_usd REAL, seconds REAL, reply TEXT,
  PRIMARY KEY(run, call_id)) WITHOUT ROWID;
CREATE TABLE event(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, event_index INTEGER NOT NULL,
  elapsed_s REAL NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY(run, event_index)) WITHOUT ROWID;
)sql";

// Version 2. Blobs are named by the hash of what they hold, uncompressed (store/blob.h). Exchange 0
// of a call is the request as the search made it, the others are what went over the wire. `models`
// is the pool as records.h has it. tree_hash: the blob of the canonical dump after
// `tree_events` events. `structure` is equal for workloads that differ in sizes only.
constexpr const char* kUpgradeTo2 = R"sql(
CREATE TABLE blob(hash TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE exchange(
  run INTEGER NOT NULL REFERENCES run(number) ON DELETE CASCADE, call_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL, request_hash TEXT NOT NULL, reply_hash TEXT,
  PRIMARY KEY(run, call_id, ordinal)) WITHOUT ROWID;
CREATE TABLE features(
  program_hash TEXT NOT NULL, target TEXT NOT NULL, bytes BLOB NOT NULL,
  PRIMARY KEY(program_hash, target));
ALTER TABLE call ADD COLUMN phase TEXT;
ALTER TABLE call ADD COLUMN gain REAL;
ALTER TABLE run ADD COLUMN models TEXT;
ALTER TABLE run ADD COLUMN tree_events INTEGER;
ALTER TABLE run ADD COLUMN tree_hash TEXT;
ALTER TABLE workload ADD COLUMN structure TEXT;
CREATE INDEX run_workload ON run(workload_hash);
)sql";

Error NotAStore(const std::string& path) {
  return {
      ErrorCode::kCorrupt,
      "'" + path + "' is an SQLite database but not a Banyan store: pass another file with --store",
      {}};
}

}  // namespace

Result<int> PrepareSchema(const Database& database, bool writable, int version) {
  const auto check = [&]() -> Result<int> {  // the version found; 0: empty
    BANYAN_ASSIGN_OR_RETURN(int64_t application, database.QueryInteger("PRAGMA application_id"));
    BANYAN_ASSIGN_OR_RETURN(int64_t found, database.QueryInteger("PRAGMA user_version"));
    BANYAN_ASSIGN_OR_RETURN(int64_t tables,
                            database.QueryInteger("SELECT count(*) FROM sqlite_schema"));
    if (application == 0 && found == 0 && tables == 0) return 0;
    if (application != kApplicationId) return NotAStore(database.path());
    if (found > version) {
      return Error{ErrorCode::kCorrupt,
                   "store '" + database.path() + "' was written by a newer Banyan (schema " +
                       std::to_string(found) + ", this one reads " + std::to_string(version) +
                       "): update Banyan, or pass another file with --store",
                   {}};
    }
    if (found < 1) return NotAStore(database.path());
    return static_cast<int>(found);
  };
  BANYAN_ASSIGN_OR_RETURN(int found, check());
  if (found == version) return found;
  if (!writable) {
    if (found > 0) return found;
    return NotFound("store '" + database.path() +
                    "' is empty: run `banyan tune` first, or pass another file with --store");
  }
  BANYAN_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(&database));
  BANYAN_ASSIGN_OR_RETURN(found, check());  // another process may have been first
  if (found == version) return found;
  if (found < 1) BANYAN_RETURN_IF_ERROR(database.Execute(kTables));
  if (found < 2) BANYAN_RETURN_IF_ERROR(database.Execute(kUpgradeTo2));
  BANYAN_RETURN_IF_ERROR(database.Execute(
      "PRAGMA application_id=" + std::to_string(kApplicationId) +
      "; PRAGMA user_version=" + std::to_string(version) +
      "; INSERT OR REPLACE INTO meta VALUES('schema_version','" + std::to_string(version) + "')"));
  BANYAN_RETURN_IF_ERROR(transaction.Commit());
  return version;
}

}  // namespace banyan
