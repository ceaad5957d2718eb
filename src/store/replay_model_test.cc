#include "store/replay_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/files.h"
#include "schedule/testing/fake_programs.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "store/simulated_measurer.h"
#include "store/testing/fake_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

class ReplayModelTest : public ::testing::Test {
 protected:
  ReplayModelTest() {
    store_ = Store::Open(path_, Store::Mode::kWrite).value();
    FakeRun run{.config = TestConfig(40, 6), .pool = {&strong_, &light_}};
    EXPECT_TRUE(RunIntoStore(store_.get(), &run).ok());
  }
  // A run on simulated measurements, so that nothing hangs on time.
  std::string Run(std::vector<Model*> pool, int64_t calls = 4) {
    const auto measurer = MakeSimulatedMeasurer(path_, MatmulWorkload({}), FakeTarget(), 2).value();
    FakeRun run{.config = TestConfig(16, calls), .pool = std::move(pool)};
    run.config.strategy.proposals_per_call = 2;
    run.measurer = measurer.get();
    run.clock = measurer->clock();
    return RunIntoStore(store_.get(), &run).value();
  }
  static ModelReply Ask(Model& model, int64_t calls_before) {
    ModelRequest request;
    request.workload = std::make_shared<Workload>(MatmulWorkload({}));
    request.pool.push_back({.info = model.info(), .calls = calls_before});
    return model.Propose(request);
  }

  TempDir folder_ = TempDir::Make("banyan-replay-model-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  std::unique_ptr<Store> store_;
  FakeModel strong_{"strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light_{"light", ModelRole::kLight, ProposeSteps};
};

TEST_F(ReplayModelTest, AnswersByOrderAndFailsWhereTheRecordingEnds) {
  const std::string run_id = Run({&strong_});
  const auto calls = store_->LoadCalls(run_id).value();
  ASSERT_GE(calls.size(), 2u);
  PoolEntry entry;
  entry.name = "again";
  entry.provider = "replay";
  entry.model = "strong";
  entry.store = path_;
  const auto model = MakeReplayModel(entry);
  ASSERT_TRUE(model.ok()) << model.error().message;
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(ToJson(Ask(**model, static_cast<int64_t>(i))), ToJson(calls[i].reply));
  }
  const ModelReply over = Ask(**model, static_cast<int64_t>(calls.size()));
  EXPECT_EQ(over.failure, CallFailure::kRefused);
  EXPECT_THAT(over.error, HasSubstr("no further one"));
  EXPECT_TRUE(over.proposals.empty());
}

TEST_F(ReplayModelTest, ReproducesARun) {
  const std::string recorded = Run({&strong_, &light_});
  std::vector<std::unique_ptr<Model>> models;
  std::vector<Model*> pool;
  for (const Model* model : {&strong_, &light_}) {
    PoolEntry entry;
    entry.name = model->name();
    entry.role = model->role();
    entry.provider = "replay";
    entry.store = path_;
    entry.run = recorded;
    auto made = MakeReplayModel(entry);
    if (!made.ok()) continue;  // the run may not have asked it
    models.push_back(std::move(made).value());
    pool.push_back(models.back().get());
  }
  ASSERT_EQ(pool.size(), 2u) << "the run asked one model only: choose another seed";
  const std::string again = Run(pool);
  EXPECT_NE(again, recorded);
  EXPECT_EQ(store_->LoadTree(again)->dump, store_->LoadTree(recorded)->dump);
}

TEST_F(ReplayModelTest, ARecordingThatIsTooShortCostsCallsNotTheRun) {
  Run({&strong_}, 2);
  PoolEntry entry;
  entry.name = "strong";
  entry.provider = "replay";
  entry.store = path_;
  const auto model = MakeReplayModel(entry).value();
  const std::string run_id = Run({model.get()}, 5);
  const auto calls = store_->LoadCalls(run_id).value();
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_EQ(calls[1].reply.error, "");
  EXPECT_THAT(calls[2].reply.error, HasSubstr("no further one"));
}

TEST_F(ReplayModelTest, SaysWhatIsNotThere) {
  PoolEntry entry;
  entry.name = "gpt";
  entry.store = path_;
  const auto model = MakeReplayModel(entry);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(model.error().message, HasSubstr("strong"));
  entry.store = folder_.path() + "/none.db";
  EXPECT_FALSE(MakeReplayModel(entry).ok());
}

}  // namespace
}  // namespace banyan
