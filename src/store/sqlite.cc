#include "store/sqlite.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

namespace banyan {
namespace {

Error ReadOnly(const std::string& path) {
  return EnvironmentError("store '" + path +
                          "' is read-only: make the file and its folder writable, or pass another "
                          "one with --store");
}

std::string Reason(int system_errno) {
  return system_errno != 0 ? std::string(" (") + std::strerror(system_errno) + ")" : std::string();
}

// SQLite's record of errno is often gone by the time of the report, so look at the cause itself.
bool IsWriteFailure(int code) {
  return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE ||
         code == SQLITE_IOERR_TRUNCATE || code == SQLITE_IOERR_FSYNC;
}
bool IsSpaceShort(const std::string& path) {
  constexpr rlim_t kPlentyBytes = 1 << 20;
  struct rlimit limit {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) return true;
  struct statvfs disk {};
  return statvfs(path.c_str(), &disk) == 0 && disk.f_bavail * disk.f_frsize < kPlentyBytes;
}

// Why a file that SQLite "cannot open" cannot be opened.
Error CannotOpen(const std::string& path, int system_errno) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return EnvironmentError("store '" + path + "' is a folder: pass a file with --store");
  }
  const fs::path folder = fs::absolute(path, ignored).parent_path();
  if (!fs::exists(folder, ignored)) {
    return EnvironmentError("store '" + path + "' cannot be opened: there is no folder '" +
                            folder.string() + "': make it, or pass another file with --store");
  }
  if (fs::exists(path, ignored) && access(path.c_str(), R_OK) != 0) {
    return EnvironmentError("store '" + path +
                            "' may not be read: ask for its permissions, or pass another file with "
                            "--store");
  }
  if (access(folder.c_str(), W_OK) != 0) {
    return EnvironmentError("store '" + path + "' cannot be opened: folder '" + folder.string() +
                            "' is not writable: pass a file in another folder with --store");
  }
  std::string reason =
      system_errno != 0 ? std::string(" (") + std::strerror(system_errno) + ")" : "";
  return EnvironmentError("store '" + path + "' cannot be opened" + reason +
                          ": pass another file with --store");
}

// A file without any write bit is meant to stay as it is, also where root could write to it.
bool IsWriteProtected(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 &&
         ((info.st_mode & 0222) == 0 || access(path.c_str(), W_OK) != 0);
}

bool HasPendingWal(const std::string& path) {
  struct stat info {};
  return stat((path + "-wal").c_str(), &info) == 0 && info.st_size > 0;
}

// As an SQLite URI; only '?', '#' and '%' need care.
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?') {
      uri += "%3f";
    } else if (c == '#') {
      uri += "%23";
    } else if (c == '%') {
      uri += "%25";
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::Bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::Bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
  return *this;
}

Statement& Statement::Bind(int index, std::string_view value) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_.get(), index, value.empty() ? "" : value.data(), value.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::BindNull(int index) {
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
    return false;
  }
  Error error =
      database_->MakeError(code);  // before the reset, which may change the connection's errno
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  return error;
}

Status Statement::Run() {
  BANYAN_ASSIGN_OR_RETURN(bool row, Step());
  if (row) {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
  }
  return Ok{};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::Real(int column) const {
  return IsNull(column) ? std::numeric_limits<double>::quiet_NaN()
                        : sqlite3_column_double(statement_.get(), column);
}
std::string Statement::Text(int column) const {
  const auto* text = sqlite3_column_text(statement_.get(), column);
  if (text == nullptr) return {};
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {reinterpret_cast<const char*>(text), size};
}

std::string Statement::Blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  if (bytes == nullptr) return {};
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return {static_cast<const char*>(bytes), size};
}

void Database::Close::operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode,
                                                 int busy_timeout_ms) {
  if (path.empty()) return InvalidArgument("the store needs a file name: pass one with --store");
  const bool exists = access(path.c_str(), F_OK) == 0;
  if (mode == Mode::kRead && !exists) {
    return NotFound("there is no store '" + path +
                    "': run `banyan tune` first, or say where it is with --store");
  }
  if (mode == Mode::kWrite && exists && IsWriteProtected(path)) return ReadOnly(path);

  const auto open = [&](const std::string& name, int flags) -> Result<std::unique_ptr<Database>> {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database(new Database(path, raw));
    if (raw == nullptr) return EnvironmentError("store '" + path + "': out of memory");
    if (code != SQLITE_OK) return database->MakeError(code);
    BANYAN_RETURN_IF_ERROR(database->Configure(mode, busy_timeout_ms));
    return database;
  };
  if (mode == Mode::kWrite) return open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

  // A reader of a WAL file makes a -shm file beside it, so it prefers to open for writing.
  const bool protected_file = IsWriteProtected(path);
  auto database = open(path, protected_file ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  if (database.ok() || database.error().code != ErrorCode::kEnvironment) return database;
  if (HasPendingWal(path)) {
    return EnvironmentError("store '" + path +
                            "' was left in the middle of a run and cannot be recovered where it "
                            "is: copy it with its -wal file to a writable folder");
  }
  auto immutable = open(ImmutableUri(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  return immutable.ok() ? std::move(immutable) : std::move(database);
}

Status Database::Configure(Mode mode, int busy_timeout_ms) const {
  sqlite3* db = connection_.get();
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, busy_timeout_ms);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  BANYAN_RETURN_IF_ERROR(Execute("PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON"));
  if (mode == Mode::kWrite) {
    // Changing the mode needs the file alone, and SQLite does not wait for that: two processes that
    // make one store at the same moment meet here.
    constexpr int kPauseMs = 20;
    Status status;
    for (int waited_ms = 0; waited_ms <= busy_timeout_ms; waited_ms += kPauseMs) {
      status = Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
      const int code = sqlite3_errcode(db) & 0xff;
      if (status.ok() || (code != SQLITE_BUSY && code != SQLITE_LOCKED)) break;
      sqlite3_sleep(kPauseMs);
    }
    BANYAN_RETURN_IF_ERROR(status);
  } else {
    BANYAN_RETURN_IF_ERROR(Execute("PRAGMA query_only=ON"));
  }
  // Reads the first page: what is no database, or cannot be read, fails here.
  auto probe = QueryInteger("SELECT count(*) FROM sqlite_schema");
  if (!probe.ok()) return probe.error();
  return Ok{};
}

Result<Statement> Database::Prepare(std::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &raw, nullptr);
  if (code != SQLITE_OK) return MakeError(code);
  Statement statement;
  statement.statement_.reset(raw);
  statement.database_ = this;
  return statement;
}

Status Database::Execute(const std::string& sql) const {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return MakeError(code);
  return Ok{};
}

Result<int64_t> Database::QueryInteger(std::string_view sql) const {
  BANYAN_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  BANYAN_ASSIGN_OR_RETURN(bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(connection_.get()); }

Error Database::MakeError(int code) const {
  const int system_errno = sqlite3_system_errno(connection_.get());
  const std::string store = "store '" + path_ + "'";
  Error error;
  switch (code & 0xff) {
    case SQLITE_READONLY:
      error = ReadOnly(path_);
      break;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      error = CannotOpen(path_, system_errno);
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error = EnvironmentError(store +
                               " is locked by another process: wait for it to end, or pass another "
                               "file with --store");
      break;
    case SQLITE_FULL:
    case SQLITE_IOERR:
      if ((code & 0xff) == SQLITE_FULL || (IsWriteFailure(code) && IsSpaceShort(path_))) {
        error = EnvironmentError("no space left for " + store +
                                 ": free some disk space or raise the file-size limit; what was "
                                 "recorded so far is kept");
      } else {
        error = EnvironmentError(store + " cannot be read or written" + Reason(system_errno) +
                                 ": check the disk, or pass another file with --store");
      }
      break;
    case SQLITE_NOTADB:
      error = {ErrorCode::kCorrupt,
               "'" + path_ + "' is not a Banyan store: pass another file with --store",
               {}};
      break;
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
      error = {ErrorCode::kCorrupt,
               store +
                   " is damaged: restore a copy of it (`sqlite3 FILE .recover` saves what can "
                   "be read), or pass another file with --store",
               {}};
      break;
    case SQLITE_NOMEM:
      error = EnvironmentError(store + ": out of memory");
      break;
    case SQLITE_CONSTRAINT:
      error = EnvironmentError(store +
                               " already holds this record: another process is writing the "
                               "same run; let it end first");
      break;
    case SQLITE_ERROR:
      // The schema is not what this version wrote: a table or column is missing.
      error = {ErrorCode::kCorrupt,
               store + " does not have the expected tables (" + sqlite3_errmsg(connection_.get()) +
                   "): pass another file with --store",
               {}};
      break;
    default:
      error = EnvironmentError(store + ": " + sqlite3_errstr(code));
      break;
  }
  error.context =
      std::string("SQLite ") + std::to_string(code) + ": " + sqlite3_errmsg(connection_.get());
  return error;
}

Result<Transaction> Transaction::Begin(const Database* database) {
  BANYAN_RETURN_IF_ERROR(database->Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // Fails where SQLite has rolled back already (a full disk); there is nothing left to do then.
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

Status Transaction::Commit() {
  BANYAN_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return Ok{};
}

}  // namespace banyan
