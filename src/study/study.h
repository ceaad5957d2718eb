#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "measure/types.h"
#include "search/run.h"
#include "store/store.h"
#include "store/study_tables.h"
#include "study/study_file.h"
#include "study/tables.h"

namespace banyan {

// What one run of a study is to do.
struct StudyRunRequest {
  const StudyConfig* study = nullptr;
  StudyCell cell;

  const StudyArm& arm() const { return study->arms[cell.arm]; }
  uint64_t seed() const { return cell.seed + arm().seed_offset; }
};

// The port through which a study runs searches; implemented by the program (in-process, over the
// same store), faked in tests. Blocking calls on the study's thread.
class RunRunner {
 public:
  virtual ~RunRunner() = default;

  // Everything that decides the run, for the record: a run that was made under another
  // configuration is not taken for this one.
  virtual Result<Json> Configuration(const StudyRunRequest& request) = 0;
  // Runs to the end, or goes on with `resume` (a run id; empty: a new run). `on_begun` hears the
  // id of a new run once it is in the store. kCancelled leaves the run to be resumed; any other
  // error is the run's own failure.
  virtual Status Run(const StudyRunRequest& request, const std::string& resume,
                     const std::function<void(const std::string& run_id)>& on_begun,
                     const std::function<void(const RunProgress&)>& on_progress) = 0;
  // What the process knows about the run and the store does not: commit, whether a key was present,
  // paths. Strings by the names of columns of RunRow.
  virtual Json Facts(const StudyRunRequest& request) = 0;
  // Builds the best plans of finished runs on one workload and measures them interleaved in one
  // process, by StudyConfig::final_timing. In the order asked for.
  virtual Result<std::vector<FinalOutcome>> Finals(const StudyConfig& study,
                                                   const std::vector<std::string>& run_ids) = 0;
};

// How far a study is; a value.
struct StudyProgress {
  struct Arm {
    std::string label;
    int done = 0;
    int failed = 0;
    // By workload, in the study's order: the best latency so far, NaN for none.
    std::vector<double> best_ms;
  };
  std::vector<std::string> workloads;
  std::vector<Arm> arms;
  int runs = 0;
  int done = 0;  // failed ones too
  int failed = 0;
  double elapsed_s = 0;  // of this process
  double eta_s = 0;      // NaN: not known yet
  std::string running;   // "mlp, seed 3, banyan"; empty: none
  RunProgress run;       // of the running one
  std::string last;      // what just happened, in a line; empty: only progress
};

struct StudyDependencies {
  RunRunner* runner = nullptr;  // all borrowed
  Store* store = nullptr;
  StudyLog* log = nullptr;
  const Clock* clock = SystemClock::Get();
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const StudyProgress&)> on_progress;
};

struct StudyOptions {
  bool retry_failed = false;  // failed runs of before are run again
};

// Runs what is missing: each run is recorded as it begins and as it ends, so that the same call
// after a kill goes on where it stopped. kInvalidArgument if the store holds a run of this study
// under another configuration, kCancelled after Ctrl-C.
Status RunStudy(const StudyConfig& config, const std::string& file_text,
                const StudyOptions& options, const StudyDependencies& deps);

// The tables of what the store holds of a study, missing runs as rows that say so.
Result<StudyTables> LoadStudyTables(const StudyConfig& config, const Store& store,
                                    const StudyLog& log);

// The progress as a table of at most `columns`: one line for the whole, one for each arm.
std::string ProgressText(const StudyProgress& progress, int columns);

}  // namespace banyan
