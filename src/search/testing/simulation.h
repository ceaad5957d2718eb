#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "schedule/testing/fake_compiler.h"
#include "search/journal.h"
#include "search/search.h"

namespace banyan {

// A journal in memory, for tests.
class MemoryJournal final : public Journal {
 public:
  Status Append(const Event& event) override;
  Status Record(const NodeRecord& node) override;
  Status Record(const TrialRecord& trial) override;
  Status Record(const CallRecord& call) override;
  Status Flush() override { return Ok{}; }
  Status Finish(const Json& /*result*/) override { return Ok{}; }

  std::vector<Event> events;
  std::map<int64_t, NodeRecord> nodes;
  std::map<uint64_t, TrialRecord> trials;
  std::map<uint64_t, CallRecord> calls;
  int64_t fail_at = -1;  // Append of this event fails; -1: none
};

struct SimulationOptions {
  double trial_s = 0.2;  // a trial takes up to twice this, drawn from `timing_seed`
  double call_s = 0.3;   // likewise
  uint64_t timing_seed = 1;
  int workers = 2;
  // What a trial measures; empty: FakeLatencyMs, without noise.
  std::function<TrialOutcome(const SubmitTrial&)> measure = {};
  // What the cost model says; empty: ScoreFake.
  std::function<ScoresEvent(const ScoreCandidates&)> score = {};
  std::function<std::unique_ptr<Compiler>()> compiler = {};  // empty: MakeFakeCompiler
};

// Drives a Search without threads, in simulated time: the same options give the same events. Stands
// in for the driver, the workers and the models' threads; checks on the way that no trial and no
// call is started twice. Models are borrowed.
class Simulation {
 public:
  Simulation(RunConfig config, std::vector<Model*> pool, SimulationOptions options = {});

  // To the end, or until this many events were read.
  void Run(size_t max_events = SIZE_MAX);
  // A run that was killed after `history`: replays it, then goes on.
  void Resume(const std::vector<Event>& history, size_t max_events = SIZE_MAX);
  // Reads one event now.
  template <typename Body>
  void Read(Body body) {
    Push({.index = static_cast<int64_t>(events_.size()),
          .elapsed_s = now_s_,
          .body = std::move(body)});
  }

  Search& search() { return *search_; }
  const std::vector<Event>& events() const { return events_; }
  const std::vector<SubmitTrial>& submitted() const { return submitted_; }
  const std::vector<SendCall>& sent() const { return sent_; }
  const std::optional<RunFinals>& finals() const { return finals_; }
  double now_s() const { return now_s_; }

 private:
  struct Due {
    double at_s = 0;
    OutcomeEvent outcome;  // one of the two
    ReplyEvent reply;
    bool is_reply = false;
  };

  void Push(Event event);
  bool Step();
  void Do(const Action& action);
  double Duration(double scale, const char* stream, uint64_t id) const;

  RunConfig config_;
  std::vector<Model*> pool_;
  SimulationOptions options_;
  std::unique_ptr<Compiler> compiler_;
  std::unique_ptr<Search> search_;
  std::vector<Event> events_;
  std::vector<SubmitTrial> submitted_;  // those of this process
  std::vector<SendCall> sent_;
  std::vector<Due> due_;
  std::deque<ScoreCandidates> questions_;
  std::optional<RunFinals> finals_;
  bool finals_due_ = false;
  double now_s_ = 0;
};

// Default latency 10 ms, `trials` trials, built-in experts by name.
RunConfig TestConfig(int64_t trials = 32, int64_t calls = 8, uint64_t seed = 0);
ScoresEvent ScoreFake(const ScoreCandidates& question);
TrialOutcome MeasureFake(const SubmitTrial& trial);

}  // namespace banyan
