#include "store/simulated_measurer.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "search/event.h"
#include "store/records.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace banyan {
namespace {

// Passes only by what simulated trials took.
class SimulatedClock final : public Clock {
 public:
  double NowS() const override { return now_s_.load(); }
  int64_t UnixMs() const override { return SystemClock::Get()->UnixMs(); }
  void SleepS(double seconds) override { Advance(seconds); }
  void Advance(double seconds) {
    if (seconds > 0) now_s_.store(now_s_.load() + seconds);  // one thread moves it
  }

 private:
  std::atomic<double> now_s_ = 0;
};

// What a store knows of one workload on one target.
struct Measurements {
  std::unordered_map<uint64_t, TrialOutcome> trials;         // by program
  std::unordered_map<uint64_t, std::vector<double>> finals;  // samples, by program
  std::vector<double> default_finals;                        // of the unscheduled program
  std::optional<ReferenceEvent> reference;                   // of the last run
};

class StoreSimulation final : public SimulatedMeasurer {
 public:
  StoreSimulation(Measurements known, std::string path, int workers)
      : known_(std::move(known)), path_(std::move(path)), workers_(workers) {}

  Result<ReferenceOutcome> Prepare(const Workload&, const Target&, uint64_t) override {
    return known_.reference->reference;
  }
  void Submit(TrialRequest request) override { queue_.push_back(std::move(request)); }
  int Capacity() const override { return workers_; }
  int InFlight() const override { return static_cast<int>(queue_.size()); }

  std::optional<TrialOutcome> Wait(double /*timeout_s*/) override {
    if (queue_.empty()) return std::nullopt;
    const TrialRequest request = std::move(queue_.front());
    queue_.pop_front();
    if (cancelled_ > 0) {
      --cancelled_;
      return FailedTrial(request.trial_id, FailureKind::kCancelled, "the run ended first");
    }
    const auto found = known_.trials.find(request.program_hash);
    if (found == known_.trials.end()) {
      return FailedTrial(request.trial_id, FailureKind::kNotMeasured,
                         "no run in '" + path_ + "' measured this program");
    }
    TrialOutcome outcome = found->second;
    outcome.trial_id = request.trial_id;
    const double limit_ms = std::min(stop_above_ms_, request.timing.stop_above_ms);
    if (outcome.ok() && outcome.samples_ms.front() > limit_ms) {
      outcome.samples_ms.resize(1);
      outcome.stopped_early = true;
    }
    build_s_ += outcome.build_s;
    run_s_ += outcome.run_s;
    clock_.Advance((outcome.build_s + outcome.run_s) / workers_);
    return outcome;
  }

  void SetStopAbove(double latency_ms) override { stop_above_ms_ = latency_ms; }

  void CancelAll() override { cancelled_ = queue_.size(); }

  // Where no final was measured, the trial's own samples answer.
  Result<std::vector<FinalOutcome>> Finals(const std::vector<TrialRequest>& finalists) override {
    std::vector<FinalOutcome> outcomes;
    for (const TrialRequest& finalist : finalists) {
      FinalOutcome outcome{.trial_id = finalist.trial_id,
                           .failure = FailureKind::kNone,
                           .failure_text = "",
                           .samples_ms = {}};
      if (finalist.trial_id == 0) {
        outcome.samples_ms = known_.default_finals.empty() ? known_.reference->reference.samples_ms
                                                           : known_.default_finals;
      } else if (const auto found = known_.finals.find(finalist.program_hash);
                 found != known_.finals.end()) {
        outcome.samples_ms = found->second;
      } else if (const auto trial = known_.trials.find(finalist.program_hash);
                 trial != known_.trials.end()) {
        outcome.samples_ms = trial->second.samples_ms;
      }
      if (outcome.samples_ms.empty()) outcome.failure = FailureKind::kNotMeasured;
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  Result<double> PeakGflops() override { return known_.reference->peak_gflops; }
  bool Instant() const override { return true; }
  double build_s() const override { return build_s_; }
  double run_s() const override { return run_s_; }
  double drift() const override { return 1; }
  Clock* clock() override { return &clock_; }

 private:
  const Measurements known_;
  const std::string path_;
  const int workers_;
  SimulatedClock clock_;
  std::deque<TrialRequest> queue_;
  size_t cancelled_ = 0;  // of the queue, from its front
  double stop_above_ms_ = std::numeric_limits<double>::infinity();
  double build_s_ = 0;
  double run_s_ = 0;
};

// The workloads that the store measured on this target, for an error.
Result<std::string> KnownWorkloads(const Database& database, const std::string& target) {
  BANYAN_ASSIGN_OR_RETURN(Statement row,
                          database.Prepare("SELECT DISTINCT workload_id FROM run WHERE "
                                           "target_fingerprint=?1 ORDER BY number DESC LIMIT 8"));
  row.Bind(1, target);
  std::string known;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return known;
    known += (known.empty() ? "" : ", ") + row.Text(0);
  }
}

Status ReadReference(const Json& json, Measurements* known) {
  BANYAN_ASSIGN_OR_RETURN(const Event event, EventFromJson(json));
  const auto* reference = std::get_if<ReferenceEvent>(&event.body);
  if (reference != nullptr) known->reference = *reference;
  return Ok{};
}

Status ReadFinals(const Json& json, const std::unordered_map<uint64_t, uint64_t>& programs,
                  Measurements* known) {
  BANYAN_ASSIGN_OR_RETURN(const Event event, EventFromJson(json));
  const auto* finals = std::get_if<FinalsEvent>(&event.body);
  if (finals == nullptr) return Ok{};
  for (const FinalOutcome& final : finals->finals) {
    if (final.failure != FailureKind::kNone || final.samples_ms.empty()) continue;
    if (final.trial_id == 0) {
      known->default_finals = final.samples_ms;
    } else if (const auto program = programs.find(final.trial_id); program != programs.end()) {
      known->finals[program->second] = final.samples_ms;
    }
  }
  return Ok{};
}

// Of one run, in the order of the store.
Status ReadRun(const Store& store, const std::string& run_id, Measurements* known) {
  std::unordered_map<uint64_t, uint64_t> programs;
  BANYAN_ASSIGN_OR_RETURN(const auto trials, store.LoadTrials(run_id));
  for (const TrialRecord& trial : trials) {
    programs[trial.trial_id] = trial.program_hash;
    const FailureKind failure = trial.outcome.failure;
    if (!trial.finished || failure == FailureKind::kCancelled ||
        failure == FailureKind::kNotMeasured) {
      continue;
    }
    TrialOutcome& best = known->trials[trial.program_hash];
    if (trial.outcome.ok() || !best.ok()) best = trial.outcome;
  }
  BANYAN_ASSIGN_OR_RETURN(
      Statement row,
      store.database().Prepare("SELECT e.name, e.json FROM event e JOIN run r ON r.number=e.run "
                               "WHERE r.run_id=?1 AND e.name IN ('reference', 'finals') "
                               "ORDER BY event_index"));
  row.Bind(1, run_id);
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) return Ok{};
    BANYAN_ASSIGN_OR_RETURN(const Json json, ParseStored(row.Text(1), "event"));
    BANYAN_RETURN_IF_ERROR(row.Text(0) == "reference" ? ReadReference(json, known)
                                                      : ReadFinals(json, programs, known));
  }
}

}  // namespace

Result<std::unique_ptr<SimulatedMeasurer>> MakeSimulatedMeasurer(const std::string& store_path,
                                                                 const Workload& workload,
                                                                 const Target& target,
                                                                 int workers) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(store_path, Store::Mode::kRead));
  const std::string fingerprint = HashHex(target.fingerprint);
  BANYAN_ASSIGN_OR_RETURN(
      Statement row, store->database().Prepare("SELECT run_id FROM run WHERE workload_hash=?1 AND "
                                               "target_fingerprint=?2 ORDER BY number"));
  row.Bind(1, HashHex(workload.hash)).Bind(2, fingerprint);
  std::vector<std::string> runs;
  while (true) {
    BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
    if (!found) break;
    runs.push_back(row.Text(0));
  }
  Measurements known;
  for (const std::string& run : runs) BANYAN_RETURN_IF_ERROR(ReadRun(*store, run, &known));
  if (!known.reference) {
    BANYAN_ASSIGN_OR_RETURN(const std::string others,
                            KnownWorkloads(store->database(), fingerprint));
    return NotFound("store '" + store_path + "' holds no measurement of " + workload.id +
                    " on this machine to simulate with" +
                    (others.empty() ? std::string("; none of any other workload either")
                                    : "; it knows: " + others));
  }
  return std::unique_ptr<SimulatedMeasurer>(
      std::make_unique<StoreSimulation>(std::move(known), store_path, workers));
}

}  // namespace banyan
