// The driver with real threads for model calls, fake workers and a fake clock.
#include "search/run.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "measure/testing/fake_measurer.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

// Notes the latency of every program that is handed out, for the fake workers.
class NotingCompiler final : public Compiler {
 public:
  const Workload& workload() const override { return inner_->workload(); }
  const Target& target() const override { return inner_->target(); }
  Result<Candidate> Root() override { return inner_->Root(); }
  Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) override {
    return inner_->Extend(parent, steps);
  }
  Result<Candidate> Apply(const Plan& plan) override { return inner_->Apply(plan); }
  Result<std::string> ModuleJson(const Candidate& candidate) override {
    latency_ms_[candidate.program_hash] = FakeLatencyMs(candidate);
    if (refuse_all_) return IllegalStep("cannot be lowered");
    return std::string("{}");
  }
  Result<std::string> Script(const Candidate& candidate) override {
    return inner_->Script(candidate);
  }
  Result<std::string> TracePython(const Candidate& candidate) override {
    return inner_->TracePython(candidate);
  }
  Result<Json> TraceJson(const Candidate& candidate) override {
    return inner_->TraceJson(candidate);
  }
  Result<std::vector<std::vector<float>>> Features(const Candidate& candidate) override {
    return inner_->Features(candidate);
  }

  double LatencyMs(uint64_t program_hash) const { return latency_ms_.at(program_hash); }
  void RefuseAll() { refuse_all_ = true; }

 private:
  std::unique_ptr<Compiler> inner_ = MakeFakeCompiler();
  std::map<uint64_t, double> latency_ms_;
  bool refuse_all_ = false;
};

struct Bench {
  FakeClock clock;
  NotingCompiler compiler;
  std::unique_ptr<FakeMeasurer> measurer;
  MemoryJournal journal;
  FakeModel strong{"builtin:strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light{"builtin:light", ModelRole::kLight, ProposeSteps};
  std::atomic<bool> cancel = false;
  std::vector<RunProgress> progress;

  explicit Bench(FakeMeasurer::Script script = nullptr) { NewMeasurer(std::move(script)); }

  void NewMeasurer(FakeMeasurer::Script script = nullptr) {
    if (!script) {
      script = [this](const TrialRequest& request) {
        return FakeTrial{.latency_ms = compiler.LatencyMs(request.program_hash)};
      };
    }
    FakeMeasurerOptions options;
    options.clock = &clock;
    options.cancel = &cancel;
    options.reference = {.default_latency_ms = 10, .samples_ms = {10, 10.1, 9.9}};
    measurer = std::make_unique<FakeMeasurer>(std::move(script), options);
  }

  Result<SearchResult> Run(const RunConfig& config, const std::vector<Event>& history = {}) {
    RunDependencies deps;
    deps.compiler = &compiler;
    deps.measurer = measurer.get();
    deps.pool = {&strong, &light};
    deps.journal = &journal;
    deps.clock = &clock;
    deps.cancel = &cancel;
    deps.on_progress = [this](const RunProgress& now) { progress.push_back(now); };
    // The machine is faster in the finals than at the start.
    deps.peak_gflops = [peak = 100.0]() mutable {
      return Result<double>(std::exchange(peak, 120));
    };
    return RunSearch(config, history, deps);
  }
};

TEST(RunTest, SearchesAndReports) {
  Bench bench;
  const auto result = bench.Run(TestConfig(16, 4));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->trials, 16);
  EXPECT_EQ(bench.measurer->submitted().size(), 16u);
  EXPECT_LE(result->calls, 4);
  EXPECT_GE(result->calls, 1);
  EXPECT_EQ(result->default_latency_ms, 10);
  EXPECT_LT(result->best_latency_ms, 5);
  EXPECT_GT(result->best_trial_id, 0u);
  EXPECT_EQ(result->peak_gflops, 120);
  EXPECT_EQ(result->stop_reason, "trials spent");
  EXPECT_GT(result->build_s, 0);
  EXPECT_GT(result->run_s, 0);
  EXPECT_TRUE(std::isfinite(bench.measurer->stop_above_ms()));
  // Everything is on record.
  EXPECT_EQ(bench.journal.trials.size(), 16u);
  for (const auto& [id, trial] : bench.journal.trials) EXPECT_TRUE(trial.finished);
  EXPECT_EQ(bench.journal.calls.size(), static_cast<size_t>(result->calls));
  for (const auto& [id, call] : bench.journal.calls) EXPECT_TRUE(call.answered);
  EXPECT_EQ(bench.journal.nodes.size(), static_cast<size_t>(result->nodes));
  for (size_t i = 0; i < bench.journal.events.size(); ++i) {
    EXPECT_EQ(bench.journal.events[i].index, static_cast<int64_t>(i));
  }
  EXPECT_EQ(bench.progress.back().phase, "done");
  EXPECT_EQ(bench.progress.back().trials_done, 16);
}

TEST(RunTest, ResumesFromAnyEventAndKeepsItsBudgets) {
  Bench first;
  const RunConfig config = TestConfig(10, 3);
  ASSERT_TRUE(first.Run(config).ok());
  const std::vector<Event> history = first.journal.events;
  for (size_t cut = 1; cut <= history.size(); ++cut) {
    const std::vector<Event> before(history.begin(),
                                    history.begin() + static_cast<std::ptrdiff_t>(cut));
    Bench again;
    std::set<uint64_t> finished;
    for (const Event& event : before) {
      if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
        finished.insert(outcome->outcome.trial_id);
      }
    }
    const auto result = again.Run(config, before);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->trials, 10);
    EXPECT_LE(result->calls, 3);
    for (const TrialRequest& request : again.measurer->submitted()) {
      EXPECT_TRUE(finished.insert(request.trial_id).second) << "trial measured twice";
    }
    EXPECT_EQ(finished.size(), 10u);
    EXPECT_EQ(again.journal.trials.size(), 10u);
    if (!again.journal.events.empty()) {
      EXPECT_EQ(again.journal.events.front().index, static_cast<int64_t>(cut));
    }
  }
}

TEST(RunTest, RefusesAHistoryWithAHole) {
  Bench first;
  ASSERT_TRUE(first.Run(TestConfig(4, 1)).ok());
  std::vector<Event> history = first.journal.events;
  history.erase(history.begin() + 2);
  Bench again;
  EXPECT_EQ(again.Run(TestConfig(4, 1), history).error().code, ErrorCode::kCorrupt);
}

TEST(RunTest, CancelKeepsTheBestAndResumes) {
  Bench bench;
  bench.NewMeasurer([&bench](const TrialRequest& request) {
    if (request.trial_id == 8) bench.cancel = true;
    return FakeTrial{.latency_ms = bench.compiler.LatencyMs(request.program_hash)};
  });
  const auto result = bench.Run(TestConfig(16, 4));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(result->cancelled);
  EXPECT_LT(result->best_latency_ms, 10);
  EXPECT_LE(result->trials, 16);
  EXPECT_EQ(bench.measurer->InFlight(), 0);
  bench.cancel = false;
  const std::vector<Event> history = bench.journal.events;
  bench.NewMeasurer();
  const auto rest = bench.Run(TestConfig(16, 4), history);
  ASSERT_TRUE(rest.ok()) << rest.error().message;
  EXPECT_FALSE(rest->cancelled);
  EXPECT_EQ(rest->trials, 16);
  EXPECT_TRUE(rest->failed_trials.empty());
  for (const auto& [id, trial] : bench.journal.trials) EXPECT_TRUE(trial.finished);
}

TEST(RunTest, CancelInTheFinalsDoesNotWaitForThem) {
  Bench bench;
  const auto script = [&bench](bool cancel) {
    return [&bench, cancel](const TrialRequest& request) {
      if (cancel && request.timing.min_repeat_ms == FinalTiming().min_repeat_ms) {
        bench.cancel = true;
      }
      return FakeTrial{.latency_ms = bench.compiler.LatencyMs(request.program_hash)};
    };
  };
  bench.NewMeasurer(script(true));
  const RunConfig config = TestConfig(8, 2);
  const auto result = bench.Run(config);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(result->cancelled);
  EXPECT_EQ(result->trials, 8);
  EXPECT_LT(result->best_latency_ms, 10);
  EXPECT_TRUE(std::holds_alternative<CancelEvent>(bench.journal.events.back().body));
  // What is left to do is the finals.
  bench.cancel = false;
  bench.NewMeasurer(script(false));
  const std::vector<Event> history = bench.journal.events;
  const auto resumed = bench.Run(config, history);
  ASSERT_TRUE(resumed.ok()) << resumed.error().message;
  EXPECT_FALSE(resumed->cancelled);
  EXPECT_TRUE(bench.measurer->submitted().empty());
  EXPECT_TRUE(std::holds_alternative<FinalsEvent>(bench.journal.events.back().body));
}

TEST(RunTest, SecondsAreABudget) {
  Bench bench;
  RunConfig config = TestConfig(1000, 4);
  config.budget.seconds = 3;
  config.measure.final_timing = {.number = 1, .repeat = 1, .min_repeat_ms = 1};
  const auto result = bench.Run(config);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->stop_reason, "seconds spent");
  EXPECT_LE(bench.journal.events.back().elapsed_s, 3.5);  // what was in flight is waited for
  EXPECT_GT(result->trials, 3);
  EXPECT_LT(result->trials, 1000);
  EXPECT_LT(result->best_latency_ms, 10);
  EXPECT_EQ(bench.measurer->InFlight(), 0);
}

TEST(RunTest, FinalsOfSlowKernelsTakeNoMoreOfTheSecondsThanTheyNeed) {
  Bench bench;
  FakeMeasurerOptions options;
  options.clock = &bench.clock;
  options.reference = {.default_latency_ms = 1e5, .samples_ms = {1e5}};
  // Four finalists of 5 calls of 2 s each; the others are no finalists.
  bench.measurer = std::make_unique<FakeMeasurer>(
      [](const TrialRequest& request) {
        return FakeTrial{.latency_ms = request.trial_id % 4 == 0 ? 4000.0 : 2000.0, .run_s = 2};
      },
      options);
  RunConfig config = TestConfig(1000, 4);
  config.budget.seconds = 100;
  const auto result = bench.Run(config);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->stop_reason, "seconds spent");
  // 44 s of the finals set aside; a trial takes 2 s.
  EXPECT_GT(result->trials, 20);
  EXPECT_LT(result->trials, 35);
}

TEST(RunTest, FinalsThatAllRanOutOfTimeLeaveTheSearchsOwnWinner) {
  for (const FailureKind failure : {FailureKind::kRunTimeout, FailureKind::kWrongResult}) {
    bool finals = false;
    Bench bench([&](const TrialRequest& request) {
      if (finals && request.trial_id > 0) return FakeTrial{.failure = failure};
      return FakeTrial{.latency_ms = 2.0 + 0.001 * static_cast<double>(request.trial_id)};
    });
    RunConfig config = TestConfig(6, 2);
    config.measure.cancel = nullptr;
    RunDependencies deps;
    deps.compiler = &bench.compiler;
    deps.measurer = bench.measurer.get();
    deps.pool = {&bench.strong, &bench.light};
    deps.journal = &bench.journal;
    deps.clock = &bench.clock;
    deps.on_progress = [&](const RunProgress& now) { finals = finals || now.phase == "finals"; };
    const auto result = RunSearch(config, {}, deps);
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_TRUE(finals);
    EXPECT_GT(result->best_trial_id, 0U);
    EXPECT_LT(result->best_latency_ms, 3);
    // What was found wrong in the finals never wins; a trial that was not among them may.
    EXPECT_EQ(result->best_trial_id > 4, failure == FailureKind::kWrongResult);
  }
}

TEST(RunTest, AllFailuresLeaveTheUnscheduledProgram) {
  Bench bench([](const TrialRequest&) { return FakeTrial{.failure = FailureKind::kRunCrash}; });
  const auto result = bench.Run(TestConfig(12, 4));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->trials, 12);
  EXPECT_EQ(result->best_trial_id, 0u);
  EXPECT_EQ(result->best_latency_ms, 10);
  EXPECT_TRUE(result->best_plan.steps.empty());
  EXPECT_EQ(result->failed_trials.at("run_crash"), 12);
}

TEST(RunTest, AProgramThatCannotBeHandedOutIsAFailedTrial) {
  Bench bench;
  bench.compiler.RefuseAll();
  const auto result = bench.Run(TestConfig(5, 2));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->failed_trials.at("build_error"), 5);
  EXPECT_EQ(bench.measurer->submitted().size(), 0u);
}

TEST(RunTest, SlowerThanTheDefaultNeverWins) {
  // Trial 0 of the finals is the unscheduled program.
  Bench bench([](const TrialRequest& request) {
    return FakeTrial{.latency_ms = request.trial_id == 0 ? 10.0 : 11.0};
  });
  const auto result = bench.Run(TestConfig(6, 2));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->best_trial_id, 0u);
  EXPECT_TRUE(result->best_plan.steps.empty());
}

TEST(RunTest, FinalsJudgeTheUnscheduledProgramToo) {
  // 10 ms at the start, but 12 beside the others.
  Bench bench([](const TrialRequest& request) {
    return FakeTrial{.latency_ms = request.trial_id == 0 ? 12.0 : 11.0};
  });
  const auto result = bench.Run(TestConfig(6, 2));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_GT(result->best_trial_id, 0U);
  EXPECT_EQ(result->best_latency_ms, 11);
}

TEST(RunTest, AModelThatThrowsOrTalksNonsenseCostsItsCalls) {
  Bench bench;
  FakeModel nonsense("nonsense", ModelRole::kStrong, ProposeNonsense);
  FakeModel thrower("thrower", ModelRole::kLight,
                    [](const ModelRequest&) -> ModelReply { throw std::runtime_error("no mood"); });
  RunDependencies deps;
  deps.compiler = &bench.compiler;
  deps.measurer = bench.measurer.get();
  deps.pool = {&nonsense, &thrower};
  deps.journal = &bench.journal;
  deps.clock = &bench.clock;
  RunConfig config = TestConfig(8, 4);
  config.strategy.routing = "round_robin";
  const auto result = RunSearch(config, {}, deps);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->calls, 4);
  EXPECT_EQ(result->models.at("thrower").errors, 2);
  EXPECT_EQ(result->models.at("nonsense").accepted, 0);
  // With nobody to ask, random legal steps fill the budget.
  EXPECT_EQ(result->trials, 8);
}

TEST(RunTest, AFullDiskEndsTheRunWithOneClearError) {
  for (const int64_t at : {0, 1, 5}) {
    Bench bench;
    bench.journal.fail_at = at;
    const auto result = bench.Run(TestConfig(8, 2));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message, "the disk is full");
    EXPECT_EQ(bench.measurer->InFlight(), 0);
  }
}

TEST(RunTest, PreparingMayFail) {
  Bench bench;
  FakeMeasurerOptions options;
  options.prepare_error = EnvironmentError("no worker starts");
  bench.measurer =
      std::make_unique<FakeMeasurer>([](const TrialRequest&) { return FakeTrial{}; }, options);
  EXPECT_EQ(bench.Run(TestConfig(4, 1)).error().message, "no worker starts");
}

}  // namespace
}  // namespace banyan
