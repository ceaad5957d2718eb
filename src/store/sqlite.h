#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace banyan {

class Database;

// A prepared statement. Parameters count from 1, columns from 0. Not thread-safe; must not outlive
// its Database.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&&) = default;
  Statement& operator=(Statement&&) = default;

  Statement& Bind(int index, int64_t value);
  Statement& Bind(int index, double value);  // NaN becomes NULL
  Statement& Bind(int index, std::string_view value);
  Statement& BindBlob(int index, std::string_view bytes);
  Statement& BindNull(int index);

  // true: a row is there; false: done. After an error or the last row the statement is reset and
  // its parameters are cleared, so that it can be bound and run again.
  Result<bool> Step();
  // For statements without rows.
  Status Run();

  bool IsNull(int column) const;
  int64_t Integer(int column) const;
  double Real(int column) const;  // NULL becomes NaN
  std::string Text(int column) const;
  std::string Blob(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const Database* database_ = nullptr;
};

// One connection to an SQLite file: the only code that knows SQLite's C interface and turns its
// codes into errors that say what to do. Not thread-safe. Files of strangers are opened without
// trust: triggers and views of theirs never run.
class Database {
 public:
  enum class Mode { kRead, kWrite };

  // kWrite makes the file if there is none.
  static Result<std::unique_ptr<Database>> Open(const std::string& path, Mode mode,
                                                int busy_timeout_ms);

  Result<Statement> Prepare(std::string_view sql) const;
  Status Execute(const std::string& sql) const;
  // The first column of the first row.
  Result<int64_t> QueryInteger(std::string_view sql) const;
  int64_t last_row_id() const;

  // The error of an SQLite result code on this connection, as one line.
  Error MakeError(int code) const;
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  Database(std::string path, sqlite3* connection)
      : path_(std::move(path)), connection_(connection) {}
  Status Configure(Mode mode, int busy_timeout_ms) const;

  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// A write transaction; rolled back unless committed.
class Transaction {
 public:
  static Result<Transaction> Begin(const Database* database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(const Database* database) : database_(database) {}
  const Database* database_;
};

}  // namespace banyan
