#include "store/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/files.h"
#include "schedule/testing/fake_programs.h"
#include "search/scorer.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "store/testing/fake_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

constexpr MatmulSizes kOther = {96, 48, 80};

// Notes what it is taught.
class NotingCostModel final : public CostModel {
 public:
  std::vector<double> Predict(const std::vector<Features>& candidates) override {
    return std::vector<double>(candidates.size(), 0.0);
  }
  void Update(const CostSample& sample) override { updates.push_back(sample); }
  void Pretrain(const std::vector<CostSample>& samples) override { pretrained = samples; }
  double trust() const override { return 0; }
  size_t samples() const override { return updates.size(); }

  std::vector<CostSample> updates;
  std::vector<CostSample> pretrained;
};

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() {
    store_ = Store::Open(path_, Store::Mode::kWrite).value();
    FakeRun run = Experts({});
    run.cost_model = &learner_;
    first_ = RunIntoStore(store_.get(), &run).value();
    first_result_ = run.result;
  }
  FakeRun Experts(const MatmulSizes& sizes) {
    FakeRun run{.config = TestConfig(16, 4), .sizes = sizes, .pool = {&strong_, &light_}};
    run.config.strategy.cost_model = "xgboost";
    return run;
  }
  RunHistory Load(const MatmulSizes& sizes, const std::string& except = "",
                  const Target& target = FakeTarget()) {
    const auto history = MakeStoreHistory(store_.get(), except)
                             ->Load(MatmulWorkload(sizes), target, {"strong", "light", "none"});
    EXPECT_TRUE(history.ok()) << history.error().message;
    return *history;
  }

  TempDir folder_ = TempDir::Make("banyan-history-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  std::unique_ptr<Store> store_;
  FakeModel strong_{"strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light_{"light", ModelRole::kLight, ProposeSteps};
  NotingCostModel learner_;
  std::string first_;
  SearchResult first_result_;
};

TEST_F(HistoryTest, KnowsWinnersGainsAndSamples) {
  const RunHistory history = Load(kOther);
  ASSERT_EQ(history.examples.size(), 1u);
  EXPECT_EQ(history.examples[0].workload, "matmul:M=64,N=64,K=64");
  EXPECT_FALSE(history.examples[0].plan.steps.empty());
  EXPECT_GT(history.examples[0].speedup, 2);

  ASSERT_FALSE(history.gains.empty());
  double best = 0;
  for (const PastGain& gain : history.gains) {
    EXPECT_TRUE(gain.model == "strong" || gain.model == "light");
    EXPECT_TRUE(gain.same_family);
    EXPECT_GE(gain.gain, 0);
    best = std::max(best, gain.gain);
  }
  EXPECT_GT(best, 0.5);  // the call that found the structure

  ASSERT_EQ(history.samples.size(), learner_.updates.size());
  for (size_t i = 0; i < history.samples.size(); ++i) {
    EXPECT_EQ(history.samples[i].features, learner_.updates[i].features);
    EXPECT_NEAR(history.samples[i].log_speedup, learner_.updates[i].log_speedup, 1e-12);
    EXPECT_EQ(history.samples[i].group, CostGroup(MatmulWorkload({}), FakeTarget()));
    EXPECT_EQ(history.samples[i].group, learner_.updates[i].group);
  }
}

TEST_F(HistoryTest, OtherMachinesTeachGainsOnly) {
  Target target = FakeTarget();
  target.fingerprint += 1;
  const RunHistory history = Load(kOther, "", target);
  EXPECT_TRUE(history.examples.empty());
  EXPECT_TRUE(history.samples.empty());
  EXPECT_FALSE(history.gains.empty());
}

TEST_F(HistoryTest, TheRunItselfAndSimulationsTeachNothing) {
  RunHistory history = Load(kOther, first_);
  EXPECT_TRUE(history.examples.empty());
  EXPECT_TRUE(history.samples.empty());
  EXPECT_TRUE(history.gains.empty());
  FakeRun run = Experts(kOther);
  run.config.simulate = "somewhere.db";
  ASSERT_TRUE(RunIntoStore(store_.get(), &run).ok());
  history = Load(kOther, first_);
  EXPECT_TRUE(history.examples.empty());
  EXPECT_TRUE(history.gains.empty());
}

TEST_F(HistoryTest, TheSameWorkloadComesFirstThenTheNearest) {
  for (const MatmulSizes& sizes : {MatmulSizes{256, 256, 64}, kOther, MatmulSizes{64, 96, 64}}) {
    FakeRun run = Experts(sizes);
    run.config.seed = static_cast<uint64_t>(sizes.m);
    ASSERT_TRUE(RunIntoStore(store_.get(), &run).ok());
  }
  const RunHistory history = Load(kOther);
  ASSERT_EQ(history.examples.size(), 4u);
  EXPECT_THAT(history.examples[0].workload, HasSubstr("M=96,N=48,K=80"));
  EXPECT_THAT(history.examples[1].workload, HasSubstr("M=64,N=96"));
  EXPECT_THAT(history.examples[3].workload, HasSubstr("M=256"));
}

TEST_F(HistoryTest, ANewRunStartsFromAdaptedWinners) {
  const auto history = MakeStoreHistory(store_.get(), "");
  NotingCostModel pretrained;
  FakeRun run = Experts(kOther);
  run.history = history.get();
  run.cost_model = &pretrained;
  const std::string run_id = RunIntoStore(store_.get(), &run).value();
  const auto nodes = store_->LoadNodes(run_id).value();
  ASSERT_GE(nodes.size(), 2u);
  EXPECT_EQ(nodes[1].origin, "transfer");
  EXPECT_THAT(nodes[1].reason, HasSubstr("won on matmul:M=64,N=64,K=64"));
  EXPECT_EQ(nodes[1].call_id, 0u);
  const auto trials = store_->LoadTrials(run_id).value();
  ASSERT_FALSE(trials.empty());
  EXPECT_EQ(trials[0].node_id, 1) << "it is tried first";
  EXPECT_TRUE(trials[0].outcome.ok());
  EXPECT_EQ(pretrained.pretrained.size(), learner_.updates.size());
  // What was learnt is part of the first event.
  const auto events = store_->LoadEvents(run_id).value();
  const auto& reference = std::get<ReferenceEvent>(events[0].body);
  EXPECT_EQ(reference.examples.size(), 1u);
  EXPECT_FALSE(reference.gains.empty());
}

TEST_F(HistoryTest, WithoutTransferNothingIsLearnt) {
  const auto history = MakeStoreHistory(store_.get(), "");
  NotingCostModel pretrained;
  FakeRun run = Experts(kOther);
  run.config.strategy.transfer = false;
  run.history = history.get();
  run.cost_model = &pretrained;
  const std::string run_id = RunIntoStore(store_.get(), &run).value();
  const auto nodes = store_->LoadNodes(run_id).value();
  for (const NodeRecord& node : nodes) {
    EXPECT_NE(node.origin, "transfer");
  }
  EXPECT_TRUE(pretrained.pretrained.empty());
  const auto events = store_->LoadEvents(run_id).value();
  EXPECT_TRUE(std::get<ReferenceEvent>(events[0].body).examples.empty());
  EXPECT_TRUE(std::get<ReferenceEvent>(events[0].body).gains.empty());
}

TEST_F(HistoryTest, ASnapshotIsReadAsItIs) {
  EXPECT_FALSE(OpenSnapshot(folder_.path() + "/none.db").ok());
  const auto snapshot = OpenSnapshot(path_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message;
  const auto history = (*snapshot)->Load(MatmulWorkload(kOther), FakeTarget(), {"strong"});
  ASSERT_TRUE(history.ok());
  EXPECT_EQ(history->examples.size(), 1u);
}

}  // namespace
}  // namespace banyan
