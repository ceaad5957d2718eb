#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/testing/fake_clock.h"
#include "measure/measurer.h"

namespace banyan {

// What a scripted candidate does.
struct FakeTrial {
  double latency_ms = 1;
  FailureKind failure = FailureKind::kNone;
  std::string failure_text = {};  // empty: made from the kind
  double build_s = 0.1;
  double run_s = 0.05;
};

struct FakeMeasurerOptions {
  int workers = 2;
  // Simulated time; not owned, may be shared with the code under test. nullptr: an own one.
  FakeClock* clock = nullptr;
  // Samples are latency_ms * (1 + noise * u), u in [-1, 1), from a stream of `seed` and the trial's
  // id, so they do not depend on the order of measurement.
  double noise = 0;
  uint64_t seed = 0;
  ReferenceOutcome reference = {.default_latency_ms = 100, .samples_ms = {100, 100, 100}};
  // Finals gives up once it is true. Not owned.
  const std::atomic<bool>* cancel = nullptr;
  // Prepare fails with it.
  std::optional<Error> prepare_error = {};
};

// A deterministic Measurer in simulated time: `workers` build in parallel, one of them runs at a
// time, in the way of the real pool, so trials with unequal build times finish out of order. Early
// stop, quarantine of wrong results, cancellation and finals behave as the interface says. One
// thread.
class FakeMeasurer final : public Measurer {
 public:
  // Called once for each trial and for each finalist; must depend on the request alone.
  using Script = std::function<FakeTrial(const TrialRequest&)>;

  explicit FakeMeasurer(Script script, FakeMeasurerOptions options = {});

  Result<ReferenceOutcome> Prepare(const Workload& workload, const Target& target,
                                   uint64_t input_seed) override;
  void Submit(TrialRequest request) override;
  int Capacity() const override { return options_.workers + 1; }
  int InFlight() const override;
  // Advances the clock to the next finish, or by `timeout_s` if that comes first.
  std::optional<TrialOutcome> Wait(double timeout_s) override;
  void SetStopAbove(double latency_ms) override { stop_above_ms_ = latency_ms; }
  void CancelAll() override;
  Result<std::vector<FinalOutcome>> Finals(const std::vector<TrialRequest>& finalists) override;
  double build_s() const override { return build_s_; }
  double run_s() const override { return run_s_; }
  double drift() const override { return drift_; }

  FakeClock& clock() { return *clock_; }
  // Everything handed in so far, in order of submission; finals are not among them.
  const std::vector<TrialRequest>& submitted() const { return submitted_; }
  double stop_above_ms() const { return stop_above_ms_; }
  bool prepared() const { return prepared_; }
  int cancellations() const { return cancellations_; }
  void set_drift(double drift) { drift_ = drift; }

 private:
  struct Job {
    TrialRequest request;
    FakeTrial plan;
    double ready_s = 0;   // built at
    double finish_s = 0;  // valid once `scheduled`: the runner has it, or its build failed
    bool scheduled = false;
  };

  void StartQueued();
  std::optional<double> NextEventS() const;
  void ProcessEvent();  // the one at NextEventS()
  TrialOutcome Finish(const Job& job);
  std::vector<double> Samples(const TrialRequest& request, const FakeTrial& plan, int repeat,
                              const char* stream) const;

  Script script_;
  FakeMeasurerOptions options_;
  FakeClock own_clock_;
  FakeClock* clock_;
  std::deque<Job> queued_;
  std::vector<Job> busy_;  // in order of starting
  std::deque<TrialOutcome> done_;
  std::vector<TrialRequest> submitted_;
  std::unordered_set<uint64_t> quarantined_;
  double runner_free_s_ = 0;
  double stop_above_ms_;
  double build_s_ = 0;
  double run_s_ = 0;
  double drift_ = 1;
  bool prepared_ = false;
  int cancellations_ = 0;
};

}  // namespace banyan
