#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// How a kernel is timed, as TVM's evaluator does it: `repeat` samples, each the mean of at least
// `number` calls and of as many as fill `min_repeat_ms`.
struct Timing {
  int number = 3;
  int repeat = 3;
  double min_repeat_ms = 20;
  // A candidate whose first sample is above this is stopped: further samples cannot make it win.
  double stop_above_ms = std::numeric_limits<double>::infinity();
  // A candidate that has run this long, its checked call included, is judged by the calls it has:
  // by the checked call where that took as long, and then it is not checked again after more calls.
  // More of a slow kernel would cost the run more than it tells. Infinite in finals.
  double enough_ms = 500;
};

// A sample that has taken this long ends with the calls it has, at least one, in finals too: it is
// long enough for noise to average out, and three calls of a kernel of seconds are a minute of
// finals.
constexpr double kEnoughSampleMs = 500;

// The study's protocol, used for finals: 3 / 5 / 100 ms.
Timing FinalTiming();

// Why a trial gave no latency. A failure is never a number.
enum class FailureKind {
  kNone,
  kBuildError,    // TVM or LLVM refused the program
  kBuildTimeout,  // compiling took longer than the limit
  kBuildCrash,    // the worker died while compiling
  kRunError,      // the kernel returned an error
  kRunTimeout,
  kRunCrash,
  kOutOfMemory,  // above the worker's memory limit
  kWrongResult,  // an output differs from the reference, or an input or guard zone was written
  kCancelled,    // the run ended first
  kNotMeasured,  // a simulation does not know the program: nothing is said about it
};

const char* FailureKindName(FailureKind kind);
Result<FailureKind> ParseFailureKind(const std::string& name);

// A candidate handed to a builder.
struct TrialRequest {
  uint64_t trial_id = 0;      // the run's own number, from 1
  uint64_t program_hash = 0;  // a wrong result quarantines it
  std::string module_json;    // the scheduled IRModule
  Timing timing;
};

// What became of a trial.
struct TrialOutcome {
  uint64_t trial_id = 0;
  FailureKind failure = FailureKind::kNone;
  std::string failure_text;        // one line
  std::vector<double> samples_ms;  // every sample taken, in order; empty on failure
  bool stopped_early = false;
  double max_relative_error =
      0;  // of the checked outputs, in units of the tolerance (<= 1 is right)
  double build_s = 0;
  double run_s = 0;

  bool ok() const { return failure == FailureKind::kNone && !samples_ms.empty(); }
};

TrialOutcome FailedTrial(uint64_t trial_id, FailureKind failure, std::string failure_text);

// The unscheduled program's own run.
struct ReferenceOutcome {
  double default_latency_ms = 0;  // NaN: too large unscheduled, or LLVM refused it
  std::vector<double> samples_ms;
  bool stand_in = false;  // a conservatively scheduled program stood in (above 5 GFLOP)
  double wall_s = 0;
};

// One finalist after interleaved re-measurement.
struct FinalOutcome {
  uint64_t trial_id = 0;
  FailureKind failure = FailureKind::kNone;
  std::string failure_text;
  std::vector<double> samples_ms;
};

// The one ranking statistic of search, store and report: the median of the samples (mean of the two
// middle ones); NaN for none.
double RankingLatencyMs(const std::vector<double>& samples_ms);

// A distribution-free interval for the median: order statistics at the given confidence where there
// are enough samples, else minimum and maximum.
struct Interval {
  double low = 0;
  double high = 0;
};
Interval MedianIntervalMs(std::vector<double> samples_ms, double confidence = 0.95);

Json ToJson(const Timing& timing);
Json ToJson(const TrialOutcome& outcome);
Json ToJson(const FinalOutcome& outcome);
Json ToJson(const ReferenceOutcome& outcome);
Result<Timing> TimingFromJson(const Json& json);
Result<TrialOutcome> TrialOutcomeFromJson(const Json& json);
Result<FinalOutcome> FinalOutcomeFromJson(const Json& json);
Result<ReferenceOutcome> ReferenceOutcomeFromJson(const Json& json);

}  // namespace banyan
