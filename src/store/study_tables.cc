#include "store/study_tables.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "store/owner.h"
#include "store/records.h"
#include "store/sqlite.h"

namespace banyan {
namespace {

constexpr int kBusyTimeoutMs = 15'000;

constexpr const char* kStudyTables = R"sql(
CREATE TABLE IF NOT EXISTS study(
  name TEXT PRIMARY KEY, file TEXT NOT NULL, owner TEXT NOT NULL,
  created_unix_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS study_run(
  number INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT NOT NULL REFERENCES study(name),
  workload TEXT NOT NULL, seed TEXT NOT NULL, budget TEXT NOT NULL, arm TEXT NOT NULL,
  config TEXT NOT NULL, status TEXT NOT NULL, run_id TEXT NOT NULL, error TEXT NOT NULL,
  facts TEXT NOT NULL, started_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL,
  UNIQUE(study, workload, seed, budget, arm));
CREATE TABLE IF NOT EXISTS study_finals(
  study TEXT NOT NULL REFERENCES study(name), workload TEXT NOT NULL, seed TEXT NOT NULL,
  budget TEXT NOT NULL, run_ids TEXT NOT NULL, finals TEXT NOT NULL,
  PRIMARY KEY(study, workload, seed, budget)) WITHOUT ROWID;
)sql";

Result<uint64_t> StoredSeed(const std::string& text) {
  if (text.empty() || text.size() > 20 || text.find_first_not_of("0123456789") != text.npos) {
    return Error{ErrorCode::kCorrupt, "the store holds '" + text + "' where a seed belongs", {}};
  }
  return static_cast<uint64_t>(std::stoull(text));
}

}  // namespace

StudyLog::StudyLog(std::unique_ptr<Database> database, const Clock* clock)
    : database_(std::move(database)), clock_(clock) {}

StudyLog::~StudyLog() = default;

Result<std::unique_ptr<StudyLog>> StudyLog::Open(const std::string& path, bool writable,
                                                 const Clock* clock) {
  BANYAN_ASSIGN_OR_RETURN(
      auto database, Database::Open(path, writable ? Database::Mode::kWrite : Database::Mode::kRead,
                                    kBusyTimeoutMs));
  if (writable) BANYAN_RETURN_IF_ERROR(database->Execute(kStudyTables));
  return std::unique_ptr<StudyLog>(new StudyLog(std::move(database), clock));
}

Result<bool> StudyLog::Exists() const {
  BANYAN_ASSIGN_OR_RETURN(
      const int64_t tables,
      database_->QueryInteger("SELECT count(*) FROM sqlite_schema WHERE name='study_run'"));
  return tables > 0;
}

Status StudyLog::Begin(const std::string& study, const std::string& file_text) {
  BANYAN_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_.get()));
  BANYAN_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT owner FROM study WHERE name=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, find.Bind(1, study).Step());
  if (found && IsOtherLivingProcess(find.Text(0))) {
    return EnvironmentError("study '" + study +
                            "' is being run by another process: wait for it to end");
  }
  BANYAN_ASSIGN_OR_RETURN(
      Statement take, database_->Prepare("INSERT INTO study(name, file, owner, created_unix_ms) "
                                         "VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET "
                                         "file=excluded.file, owner=excluded.owner"));
  BANYAN_RETURN_IF_ERROR(take.Bind(1, study)
                             .Bind(2, file_text)
                             .Bind(3, ThisProcess())
                             .Bind(4, clock_->UnixMs())
                             .Run());
  return transaction.Commit();
}

Status StudyLog::End(const std::string& study) {
  BANYAN_ASSIGN_OR_RETURN(Statement end,
                          database_->Prepare("UPDATE study SET owner='' WHERE name=?1"));
  return end.Bind(1, study).Run();
}

Result<bool> StudyLog::IsBeingRun(const std::string& study) const {
  BANYAN_ASSIGN_OR_RETURN(const bool exists, Exists());
  if (!exists) return false;
  BANYAN_ASSIGN_OR_RETURN(Statement find,
                          database_->Prepare("SELECT owner FROM study WHERE name=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, find.Bind(1, study).Step());
  if (!found || find.Text(0).empty()) return false;
  return find.Text(0) == ThisProcess() || IsOtherLivingProcess(find.Text(0));
}

Status StudyLog::Save(const std::string& study, const StudyRunRecord& record) {
  BANYAN_ASSIGN_OR_RETURN(
      Statement save,
      database_->Prepare(
          "INSERT INTO study_run(study, workload, seed, budget, arm, config, status, run_id, "
          "error, facts, started_unix_ms, ended_unix_ms) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
          "ON CONFLICT(study, workload, seed, budget, arm) DO UPDATE SET config=excluded.config, "
          "status=excluded.status, run_id=excluded.run_id, error=excluded.error, "
          "facts=excluded.facts, started_unix_ms=excluded.started_unix_ms, "
          "ended_unix_ms=excluded.ended_unix_ms"));
  return save.Bind(1, study)
      .Bind(2, record.key.workload)
      .Bind(3, std::to_string(record.key.seed))
      .Bind(4, record.key.budget)
      .Bind(5, record.key.arm)
      .Bind(6, record.config)
      .Bind(7, record.status)
      .Bind(8, record.run_id)
      .Bind(9, OneLine(record.error))
      .Bind(10, record.facts.dump())
      .Bind(11, record.started_unix_ms)
      .Bind(12, record.ended_unix_ms)
      .Run();
}

Status StudyLog::Save(const std::string& study, const StudyFinalsRecord& record) {
  BANYAN_ASSIGN_OR_RETURN(
      Statement save,
      database_->Prepare("INSERT OR REPLACE INTO study_finals(study, workload, seed, budget, "
                         "run_ids, finals) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
  return save.Bind(1, study)
      .Bind(2, record.workload)
      .Bind(3, std::to_string(record.seed))
      .Bind(4, record.budget)
      .Bind(5, Json(record.run_ids).dump())
      .Bind(6, record.finals.dump())
      .Run();
}

Result<std::vector<StudyRunRecord>> StudyLog::LoadRuns(const std::string& study) const {
  std::vector<StudyRunRecord> records;
  BANYAN_ASSIGN_OR_RETURN(const bool exists, Exists());
  if (!exists) return records;
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      database_->Prepare("SELECT workload, seed, budget, arm, config, status, run_id, error, "
                         "facts, started_unix_ms, ended_unix_ms FROM study_run WHERE study=?1 "
                         "ORDER BY number"));
  row.Bind(1, study);
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return records;
    StudyRunRecord record;
    record.key.workload = row.Text(0);
    BANYAN_ASSIGN_OR_RETURN(record.key.seed, StoredSeed(row.Text(1)));
    record.key.budget = row.Text(2);
    record.key.arm = row.Text(3);
    record.config = row.Text(4);
    record.status = row.Text(5);
    record.run_id = row.Text(6);
    record.error = row.Text(7);
    BANYAN_ASSIGN_OR_RETURN(record.facts, ParseStored(row.Text(8), "facts of a study's run"));
    record.started_unix_ms = row.Integer(9);
    record.ended_unix_ms = row.Integer(10);
    records.push_back(std::move(record));
  }
}

Result<std::vector<StudyFinalsRecord>> StudyLog::LoadFinals(const std::string& study) const {
  std::vector<StudyFinalsRecord> records;
  BANYAN_ASSIGN_OR_RETURN(const bool exists, Exists());
  if (!exists) return records;
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare("SELECT workload, seed, budget, run_ids, finals FROM "
                                             "study_finals WHERE study=?1"));
  row.Bind(1, study);
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return records;
    StudyFinalsRecord record;
    record.workload = row.Text(0);
    BANYAN_ASSIGN_OR_RETURN(record.seed, StoredSeed(row.Text(1)));
    record.budget = row.Text(2);
    BANYAN_ASSIGN_OR_RETURN(const Json ids, ParseStored(row.Text(3), "list of runs"));
    for (const Json& id : ids)
      record.run_ids.push_back(id.is_string() ? id.get<std::string>() : "");
    BANYAN_ASSIGN_OR_RETURN(record.finals, ParseStored(row.Text(4), "finals of a study"));
    records.push_back(std::move(record));
  }
}

Result<std::vector<std::string>> StudyLog::ListStudies() const {
  std::vector<std::string> names;
  BANYAN_ASSIGN_OR_RETURN(const bool exists, Exists());
  if (!exists) return names;
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare("SELECT name FROM study ORDER BY name"));
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return names;
    names.push_back(row.Text(0));
  }
}

Result<std::string> StudyLog::LoadFile(const std::string& study) const {
  BANYAN_ASSIGN_OR_RETURN(const auto names, ListStudies());
  if (std::find(names.begin(), names.end(), study) == names.end()) {
    return NotFound(
        "store '" + database_->path() + "' holds no study '" + study + "'" +
        (names.empty() ? std::string(", and no other") : "; there are: " + Join(names, ", ")));
  }
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database_->Prepare("SELECT file FROM study WHERE name=?1"));
  BANYAN_ASSIGN_OR_RETURN(const bool found, row.Bind(1, study).Step());
  return found ? row.Text(0) : std::string();
}

}  // namespace banyan
