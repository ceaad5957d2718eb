#include "store/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

#include "base/files.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "store/testing/fake_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Says how dear its calls may be, and then uses half of that.
class PricedModel final : public Model {
 public:
  explicit PricedModel(const std::string& name) { info_.name = name; }
  const ModelInfo& info() const override { return info_; }
  ModelReply Propose(const ModelRequest& request) override {
    ModelReply reply = ProposeTiles(request);
    reply.usage.tokens_in = 400;
    reply.usage.tokens_out = 100 + 10 * static_cast<int64_t>(request.call_id);
    return reply;
  }
  CallLimits Limits(const ModelRequest& request) const override {
    return {.tokens = 1000 + 20 * static_cast<int64_t>(request.call_id), .cost_usd = 0};
  }

 private:
  ModelInfo info_;
};

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    auto store = Store::Open(path_, Store::Mode::kWrite);
    EXPECT_TRUE(store.ok());
    store_ = std::move(store).value();
  }
  std::string Run(FakeRun run) {
    const auto run_id = RunIntoStore(store_.get(), &run);
    EXPECT_TRUE(run_id.ok()) << run_id.error().message;
    return run_id.ok() ? *run_id : "none";
  }
  FakeRun Experts(int64_t trials = 16, int64_t calls = 4) {
    return {.config = TestConfig(trials, calls), .pool = {&strong_, &light_}};
  }
  ReplayReport Replay(const std::string& run_id) {
    const auto run = store_->LoadRun(run_id);
    EXPECT_TRUE(run.ok()) << run.error().message;
    const auto compiler = MakeMatmulCompiler({});
    auto report = ReplayRun(*store_, *run, compiler.get());
    EXPECT_TRUE(report.ok()) << report.error().message;
    return *std::move(report);
  }
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    EXPECT_GT(sqlite3_changes(db), 0) << sql;
    sqlite3_close(db);
  }

  TempDir folder_ = TempDir::Make("banyan-replay-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  std::unique_ptr<Store> store_;
  FakeModel strong_{"builtin:strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light_{"builtin:light", ModelRole::kLight, ProposeSteps};
};

TEST_F(ReplayTest, AFinishedRunComesAgainByteForByte) {
  const std::string run_id = Run(Experts());
  const ReplayReport report = Replay(run_id);
  EXPECT_TRUE(report.identical) << report.where << ": " << report.stored << " / " << report.now;
  EXPECT_TRUE(report.whole_tree);
  EXPECT_EQ(report.dump, store_->LoadTree(run_id)->dump);
  EXPECT_EQ(report.trials, 16);
  EXPECT_THAT(report.dump, HasSubstr("trial 16 "));
}

TEST_F(ReplayTest, AKilledRunIsComparedAsFarAsItGot) {
  FakeRun whole = Experts(8, 2);
  const auto events = static_cast<int64_t>(store_->LoadEvents(Run(whole))->size());
  for (int64_t kill_at = 1; kill_at < events; kill_at += 3) {
    FakeRun run = Experts(8, 2);
    run.kill_at = kill_at;
    const std::string run_id = Run(run);
    const ReplayReport killed = Replay(run_id);
    EXPECT_TRUE(killed.identical) << kill_at << " " << killed.where << ": " << killed.stored
                                  << " / " << killed.now;
    EXPECT_FALSE(killed.whole_tree);
    EXPECT_EQ(killed.events, kill_at);
    run.kill_at = -1;
    run.resume = run_id;
    Run(run);
    const ReplayReport resumed = Replay(run_id);
    EXPECT_TRUE(resumed.identical)
        << kill_at << " " << resumed.where << ": " << resumed.stored << " / " << resumed.now;
    EXPECT_TRUE(resumed.whole_tree);
  }
}

TEST_F(ReplayTest, SaysWhereARowDiffers) {
  const std::string run_id = Run(Experts());
  Sql("UPDATE node SET origin='somebody' WHERE node_id=3");
  const ReplayReport report = Replay(run_id);
  EXPECT_FALSE(report.identical);
  EXPECT_THAT(report.where, StartsWith("event "));
  EXPECT_THAT(report.where, HasSubstr("node 3"));
  EXPECT_THAT(report.stored, HasSubstr("somebody"));
  EXPECT_THAT(report.now, Not(HasSubstr("somebody")));
}

TEST_F(ReplayTest, SaysWhereAnEventLeadsElsewhere) {
  const std::string run_id = Run(Experts());
  // The first trial was a hundred times faster.
  Sql("UPDATE event SET json=replace(json, '\"samples_ms\":[', '\"samples_ms\":[0.001,0.001,0.001,"
      "0.001,0.001,0.001,0.001,') WHERE event_index=(SELECT min(event_index) FROM event WHERE "
      "name='outcome')");
  const ReplayReport report = Replay(run_id);
  EXPECT_FALSE(report.identical);
  EXPECT_NE(report.stored, report.now);
}

TEST_F(ReplayTest, SaysWhichLineOfTheTreeDiffers) {
  const std::string first = Run(Experts());
  FakeRun other = Experts();
  other.config.seed = 5;
  Run(other);
  Sql("UPDATE run SET tree_hash=(SELECT tree_hash FROM run WHERE number=2), tree_events=(SELECT "
      "tree_events FROM run WHERE number=1) WHERE number=1");
  const ReplayReport report = Replay(first);
  EXPECT_FALSE(report.identical);
  EXPECT_THAT(report.where, StartsWith("line 1 of the tree"));
  EXPECT_THAT(report.stored, HasSubstr("seed 5"));
  EXPECT_THAT(report.now, HasSubstr("seed 0"));
}

TEST_F(ReplayTest, ALimitOfTokensIsReplayedWithoutModels) {
  PricedModel dear("dear");
  PricedModel other("other");
  const auto make = [&] {
    FakeRun run{.config = TestConfig(16, 8), .pool = {&dear, &other}};
    run.config.budget.tokens = 2600;
    run.config.strategy.proposals_per_call = 2;
    return run;
  };
  const std::string run_id = Run(make());
  const auto events = store_->LoadEvents(run_id).value();
  int64_t limits = 0;
  int64_t replies = 0;
  for (const Event& event : events) {
    limits += int64_t{std::holds_alternative<LimitsEvent>(event.body)};
    replies += int64_t{std::holds_alternative<ReplyEvent>(event.body)};
  }
  EXPECT_GE(replies, 2);
  EXPECT_LT(replies, 8) << "the budget of tokens had no effect";
  EXPECT_GT(limits, replies) << "no call was refused for what it may cost";
  const ReplayReport report = Replay(run_id);
  EXPECT_TRUE(report.identical) << report.where << ": " << report.stored << " / " << report.now;
  EXPECT_TRUE(report.whole_tree);

  for (int64_t kill_at = 1; kill_at < static_cast<int64_t>(events.size()); kill_at += 2) {
    FakeRun run = make();
    run.kill_at = kill_at;
    run.resume = "";
    const std::string killed = Run(run);
    run.kill_at = -1;
    run.resume = killed;
    Run(run);
    const ReplayReport again = Replay(killed);
    EXPECT_TRUE(again.identical) << kill_at << " " << again.where << ": " << again.stored << " / "
                                 << again.now;
    int64_t tokens = 0;
    const auto calls = store_->LoadCalls(killed).value();
    for (const CallRecord& call : calls) {
      tokens += call.reply.usage.tokens_in + call.reply.usage.tokens_out;
    }
    EXPECT_LE(tokens, 2600);
  }
}

TEST_F(ReplayTest, OtherLimitsAreADifference) {
  PricedModel dear("dear");
  FakeRun run{.config = TestConfig(8, 3), .pool = {&dear}};
  run.config.budget.tokens = 5000;
  const std::string run_id = Run(run);
  Sql("UPDATE event SET json=replace(json, '\"tokens\":1020', '\"tokens\":9020') WHERE "
      "name='limits'");
  const ReplayReport report = Replay(run_id);
  EXPECT_FALSE(report.identical);
  EXPECT_NE(report.where, "");
}

}  // namespace
}  // namespace banyan
