#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace banyan {

class Database;

// Which run of a study: workload as written, seed, budget in words, label of the arm.
struct StudyRunKey {
  std::string workload;
  uint64_t seed = 0;
  std::string budget;
  std::string arm;

  bool operator==(const StudyRunKey&) const = default;
};

struct StudyRunRecord {
  StudyRunKey key;
  std::string config;           // everything that decides the run, as JSON text
  std::string status;           // running, ok, failed
  std::string run_id;           // empty: it failed before it was begun
  std::string error;            // of a failed run, one line
  Json facts = Json::object();  // about the process, from the runner
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;  // 0: not yet
};

// The interleaved re-measurement of runs that differ in the arm alone.
struct StudyFinalsRecord {
  std::string workload;
  uint64_t seed = 0;
  std::string budget;
  std::vector<std::string> run_ids;  // in the order of `finals`
  Json finals = Json::array();       // [{samples_ms, failure, failure_text}]
};

// The study tables of a store's file, over a connection of their own: which runs belong to which
// study, how they ended, and the pairs' re-measurements. The runs themselves are the store's.
// Made when a study is first written; every write is durable when it returns. One object is used
// by one thread. Failures as Store's.
class StudyLog {
 public:
  // The file must be a store. `clock` is not owned.
  static Result<std::unique_ptr<StudyLog>> Open(const std::string& path, bool writable,
                                                const Clock* clock = SystemClock::Get());
  ~StudyLog();

  // Takes the study over; kEnvironment while another living process runs it.
  Status Begin(const std::string& study, const std::string& file_text);
  Status End(const std::string& study);
  // Whether a living process, this one included, runs it: it has begun and not ended.
  Result<bool> IsBeingRun(const std::string& study) const;
  // Inserts or replaces by key.
  Status Save(const std::string& study, const StudyRunRecord& record);
  Status Save(const std::string& study, const StudyFinalsRecord& record);
  // In the order of their first Save.
  Result<std::vector<StudyRunRecord>> LoadRuns(const std::string& study) const;
  Result<std::vector<StudyFinalsRecord>> LoadFinals(const std::string& study) const;
  Result<std::vector<std::string>> ListStudies() const;
  // The text of the file that Begin was given last; NotFound lists the studies there are.
  Result<std::string> LoadFile(const std::string& study) const;

 private:
  StudyLog(std::unique_ptr<Database> database, const Clock* clock);
  Result<bool> Exists() const;

  std::unique_ptr<Database> database_;
  const Clock* clock_;
};

}  // namespace banyan
