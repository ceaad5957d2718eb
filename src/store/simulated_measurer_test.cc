#include "store/simulated_measurer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/files.h"
#include "schedule/testing/fake_programs.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "store/testing/fake_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

class SimulatedMeasurerTest : public ::testing::Test {
 protected:
  SimulatedMeasurerTest() {
    store_ = Store::Open(path_, Store::Mode::kWrite).value();
    FakeRun run = Experts();
    run.config.budget.trials = 40;
    measured_ = RunIntoStore(store_.get(), &run).value();
  }
  FakeRun Experts() { return {.config = TestConfig(12, 3), .pool = {&strong_, &light_}}; }
  std::unique_ptr<SimulatedMeasurer> Make() {
    auto made = MakeSimulatedMeasurer(path_, MatmulWorkload({}), FakeTarget(), 2);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(made).value();
  }
  // The tree of a simulated run.
  std::string Simulate(uint64_t seed) {
    const auto measurer = Make();
    FakeRun run = Experts();
    run.config.seed = seed;
    run.config.simulate = path_;
    run.measurer = measurer.get();
    run.clock = measurer->clock();
    const auto run_id = RunIntoStore(store_.get(), &run);
    EXPECT_TRUE(run_id.ok()) << run_id.error().message;
    last_ = run.result;
    return store_->LoadTree(*run_id)->dump;
  }

  TempDir folder_ = TempDir::Make("banyan-simulate-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  std::unique_ptr<Store> store_;
  FakeModel strong_{"builtin:strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light_{"builtin:light", ModelRole::kLight, ProposeSteps};
  std::string measured_;
  SearchResult last_;
};

TEST_F(SimulatedMeasurerTest, AnswersWhatWasMeasured) {
  const auto measurer = Make();
  const auto reference = measurer->Prepare(MatmulWorkload({}), FakeTarget(), 0);
  ASSERT_TRUE(reference.ok());
  EXPECT_GT(reference->default_latency_ms, 1);
  const auto trials = store_->LoadTrials(measured_).value();
  for (const TrialRecord& trial : trials) {
    measurer->Submit({.trial_id = 100 + trial.trial_id,
                      .program_hash = trial.program_hash,
                      .module_json = "",
                      .timing = {}});
  }
  EXPECT_EQ(measurer->InFlight(), static_cast<int>(trials.size()));
  for (const TrialRecord& trial : trials) {
    const auto outcome = measurer->Wait(0);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->trial_id, 100 + trial.trial_id);
    EXPECT_EQ(outcome->samples_ms, trial.outcome.samples_ms);
  }
  EXPECT_FALSE(measurer->Wait(0));
  EXPECT_GT(measurer->run_s(), 0);
  EXPECT_DOUBLE_EQ(measurer->clock()->NowS(), (measurer->run_s() + measurer->build_s()) / 2);
}

TEST_F(SimulatedMeasurerTest, WhatWasNotMeasuredIsNoWrongResult) {
  const auto measurer = Make();
  measurer->Submit({.trial_id = 1, .program_hash = 4711, .module_json = "", .timing = {}});
  const auto outcome = measurer->Wait(0);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->failure, FailureKind::kNotMeasured);
  EXPECT_THAT(outcome->failure_text, HasSubstr(path_));
  EXPECT_EQ(measurer->clock()->NowS(), 0);
}

TEST_F(SimulatedMeasurerTest, AHopelessCandidateIsStoppedAndACancelledOneDropped) {
  const auto measurer = Make();
  const auto trials = store_->LoadTrials(measured_).value();
  const auto whole = std::find_if(trials.begin(), trials.end(), [](const TrialRecord& trial) {
    return trial.outcome.ok() && trial.outcome.samples_ms.size() > 1;
  });
  ASSERT_NE(whole, trials.end());
  const TrialRequest request{
      .trial_id = 1, .program_hash = whole->program_hash, .module_json = "", .timing = {}};
  measurer->SetStopAbove(whole->outcome.samples_ms.front() / 2);
  measurer->Submit(request);
  const auto stopped = measurer->Wait(0);
  EXPECT_TRUE(stopped->stopped_early);
  EXPECT_EQ(stopped->samples_ms.size(), 1u);
  measurer->Submit(request);
  measurer->CancelAll();
  EXPECT_EQ(measurer->Wait(0)->failure, FailureKind::kCancelled);
  EXPECT_EQ(measurer->InFlight(), 0);
}

TEST_F(SimulatedMeasurerTest, AnUnknownWorkloadIsRefused) {
  const auto sizes = MakeSimulatedMeasurer(path_, MatmulWorkload({32, 32, 32}), FakeTarget(), 2);
  ASSERT_FALSE(sizes.ok());
  EXPECT_EQ(sizes.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(sizes.error().message, HasSubstr("M=32"));
  EXPECT_THAT(sizes.error().message, HasSubstr("it knows: matmul:M=64"));
  Target other = FakeTarget();
  other.fingerprint += 1;
  EXPECT_FALSE(MakeSimulatedMeasurer(path_, MatmulWorkload({}), other, 2).ok());
  EXPECT_FALSE(MakeSimulatedMeasurer(path_ + ".no", MatmulWorkload({}), FakeTarget(), 2).ok());
}

TEST_F(SimulatedMeasurerTest, TheSameRunTwiceIsTheSame) {
  const std::string first = Simulate(0);
  EXPECT_EQ(last_.trials, 12);
  EXPECT_GT(last_.best_latency_ms, 0);
  EXPECT_EQ(Simulate(0), first);
  EXPECT_NE(Simulate(1), first);
}

}  // namespace
}  // namespace banyan
