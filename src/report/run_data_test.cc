#include "report/run_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/numbers.h"
#include "report/run_tree.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NodeRecord Made(int64_t id, int64_t parent, const std::string& origin, uint64_t call_id,
                const std::string& delta) {
  NodeRecord node;
  node.node_id = id;
  node.parent_id = parent;
  node.plan_hash = 100 + static_cast<uint64_t>(id);
  node.program_hash = 200 + static_cast<uint64_t>(id);
  node.delta = delta;
  node.origin = origin;
  node.call_id = call_id;
  node.reason = "because of " + std::to_string(id);
  return node;
}

TrialRecord Tried(uint64_t id, int64_t node, double ended_s, double latency_ms) {
  TrialRecord trial;
  trial.trial_id = id;
  trial.node_id = node;
  trial.program_hash = 200 + static_cast<uint64_t>(node);
  trial.plan = "plan of " + std::to_string(node);
  trial.finished = true;
  trial.elapsed_s = ended_s;
  trial.outcome.trial_id = id;
  if (std::isnan(latency_ms)) {
    trial.outcome.failure = FailureKind::kWrongResult;
    trial.outcome.failure_text = "element 0 differs";
  } else {
    trial.outcome.samples_ms = {latency_ms, latency_ms, latency_ms};
  }
  return trial;
}

CallRecord Called(uint64_t id, const std::string& model, int64_t node, int64_t tokens) {
  CallRecord call;
  call.call_id = id;
  call.model = model;
  call.node_id = node;
  call.why = "its turn";
  call.answered = true;
  call.accepted = 2;
  call.reply.usage.tokens_in = tokens;
  call.reply.usage.cost_usd = 0.01;
  call.reply.usage.seconds = 0.5;
  call.reply.proposals.push_back({0, {{"unroll", {{"loop", "C.k"}}}}, 0.75, "a reason"});
  return call;
}

// A root of 8 ms; call 1 of "strong" gives 4 ms and a failure, a mutation of it 2 ms, call 2 of
// "light" 6 ms, which is slower than its leaf.
RunRecords Sample() {
  RunRecords records;
  records.run.run_id = "20260101-000000-1";
  records.run.status = RunStatus::kInterrupted;
  records.run.start.config.workload_text = "mlp:T=8; rm -rf 'x'";
  records.run.start.config.seed = 18446744073709551615ULL;
  for (const char* name : {"strong", "light", "idle"}) {
    records.run.start.config.pool.emplace_back().name = name;
    records.run.start.config.pool.back().provider = "builtin";
  }
  records.run.start.workload.id = "mlp";
  records.run.start.workload.flops = 4e9;
  records.run.start.target.cores = 2;
  records.nodes = {Made(0, -1, "root", 0, ""),       Made(1, 0, "strong", 1, "one\n"),
                   Made(2, 0, "strong", 1, "two\n"), Made(3, 1, "mutation", 0, "three\n"),
                   Made(4, 3, "light", 2, "four\n"), Made(5, 3, "light", 2, "five\n")};
  records.trials = {Tried(1, 1, 1.0, 4), Tried(2, 2, 1.5, kNaN), Tried(3, 3, 2.0, 2),
                    Tried(4, 4, 3.0, 6)};
  records.calls = {Called(1, "strong", 0, 1000), Called(2, "light", 3, 10)};
  Event reference;
  reference.body = ReferenceEvent{{.default_latency_ms = 8, .samples_ms = {8}}, 500};
  Event first;
  first.elapsed_s = 0.5;
  first.body = ReplyEvent{1, records.calls[0].reply};
  Event second;
  second.elapsed_s = 2.5;
  second.body = ReplyEvent{2, records.calls[1].reply};
  records.events = {reference, first, second};
  return records;
}

TEST(RunTreeTest, KnowsNewBestsAndWhatTheyBrought) {
  const RunRecords records = Sample();
  const RunTree tree(records);
  EXPECT_EQ(tree.Find(0)->latency_ms, 8);
  EXPECT_TRUE(tree.Find(1)->new_best);
  EXPECT_DOUBLE_EQ(tree.Find(1)->gain, std::log(2.0));
  EXPECT_DOUBLE_EQ(tree.Find(3)->gain, std::log(2.0));
  EXPECT_TRUE(tree.Find(1)->first_best);
  EXPECT_FALSE(tree.Find(3)->first_best);
  EXPECT_FALSE(tree.Find(4)->new_best);
  EXPECT_EQ(tree.Find(1)->visits, 3);
  EXPECT_EQ(tree.Find(0)->best_below_ms, 2);
  EXPECT_EQ(tree.best(), 3);
  EXPECT_EQ(tree.NearestLatencyMs(5), 2);
}

TEST(RunTreeTest, WhatIsShownIsClosedUnderParentsAndHoldsTheBest) {
  const RunRecords records = Sample();
  const RunTree tree(records);
  EXPECT_THAT(tree.Shown(6), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_THAT(tree.Shown(3), ElementsAre(1, 1, 0, 1, 0, 0));
  EXPECT_THAT(tree.Shown(4), ElementsAre(1, 1, 0, 1, 1, 0));
}

TEST(RunDataTest, LedgerSaysWhoEarnedTheCalls) {
  const Json data = RunData(Sample());
  const Json& models = data["models"];
  ASSERT_EQ(models.size(), 4U);
  EXPECT_EQ(models[0]["name"], "strong");
  EXPECT_EQ(models[0]["verdict"], "earned its calls");
  EXPECT_EQ(models[0]["measured"], 1);
  EXPECT_EQ(models[0]["failed"], 1);
  EXPECT_EQ(models[0]["tokens_in"], 1000);
  EXPECT_EQ(models[0]["gain_share"], 0.5);
  EXPECT_EQ(models[0]["first_gain"], models[0]["gain"]);  // all of it over the unscheduled program
  EXPECT_EQ(models[3]["first_gain"], 0);
  EXPECT_DOUBLE_EQ(models[3]["gain"].get<double>(), std::log(2.0));
  EXPECT_EQ(models[1]["verdict"], "nothing gained");
  EXPECT_EQ(models[1]["hits"], 0);
  EXPECT_EQ(models[2]["verdict"], "never asked");
  EXPECT_EQ(models[3]["name"], "mutation");
  EXPECT_EQ(models[3]["is_model"], false);
  EXPECT_EQ(models[3]["verdict"], "moved the best");
}

TEST(RunDataTest, CallsSayWhatCameOfThem) {
  const Json data = RunData(Sample());
  ASSERT_EQ(data["calls"].size(), 2U);
  const Json& first = data["calls"][0];
  EXPECT_THAT(first["came"].get<std::string>(), HasSubstr("new best"));
  EXPECT_EQ(first["made"], Json::array({1, 2}));
  EXPECT_EQ(data["strings"][first["why"].get<size_t>()], "its turn");
  EXPECT_EQ(first["leaf_latency_ms"], 8);
  EXPECT_EQ(first["at_s"], 0.5);
  EXPECT_EQ(data["calls"][1]["came"], "nothing faster");
}

TEST(RunDataTest, HeadlineWithoutAResultComesFromTheRows) {
  const Json head = RunData(Sample())["headline"];
  EXPECT_EQ(head["best_latency_ms"], 2);
  EXPECT_EQ(head["speedup"], 4);
  EXPECT_EQ(head["peak_fraction"], 2);  // 2000 GFLOP/s of two cores of 500
  EXPECT_EQ(head["trials_failed"], 1);
  EXPECT_EQ(head["final"], false);
}

TEST(RunDataTest, CurveCountsTrialsCallsAndMoney) {
  const Json curve = RunData(Sample())["curve"];
  ASSERT_EQ(curve.size(), 4U);
  EXPECT_EQ(curve[0]["best_ms"], 4);
  EXPECT_EQ(curve[0]["calls"], 1);
  EXPECT_EQ(curve[1]["latency_ms"], nullptr);
  EXPECT_EQ(curve[3]["best_ms"], 2);
  EXPECT_EQ(curve[3]["calls"], 2);
  EXPECT_EQ(curve[3]["cost_usd"], 0.02);
  EXPECT_EQ(curve[3]["trials"], 4);
}

TEST(RunDataTest, SeedsAndFailuresSurvive) {
  const Json data = RunData(Sample());
  EXPECT_EQ(data["config"]["seed"], "18446744073709551615");
  EXPECT_EQ(data["trials"]["failure"], Json::array({"", "wrong_result", "", ""}));
  EXPECT_EQ(data["strings"][data["trials"]["failure_text"][1].get<size_t>()], "element 0 differs");
  EXPECT_EQ(data["trials"]["latency_ms"][1], nullptr);
}

TEST(RunDataTest, CommandsAreQuotedForAShell) {
  const Json commands = RunData(Sample())["commands"];
  EXPECT_THAT(commands[0]["command"].get<std::string>(),
              HasSubstr(R"(banyan tune 'mlp:T=8; rm -rf '\''x'\''' --trials)"));
  EXPECT_EQ(ShellWord("builtin:analytic,a.b"), "builtin:analytic,a.b");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("$(x)"), "'$(x)'");
}

TEST(RunDataTest, LineageSaysWhoContributedWhat) {
  const Json best = RunData(Sample(), {{3, "def main"}})["best"];
  EXPECT_EQ(best["node"], 3);
  EXPECT_EQ(best["plan"], "one\nthree\n");
  ASSERT_EQ(best["lineage"].size(), 3U);
  EXPECT_EQ(best["lineage"][1]["origin"], "strong");
  EXPECT_EQ(best["lineage"][2]["ratio"], 2);
}

TEST(RunDataTest, EmptyRunIsAReportAllTheSame) {
  RunRecords records = Sample();
  records.nodes.clear();
  records.trials.clear();
  records.calls.clear();
  records.events.clear();
  const Json data = RunData(records);
  EXPECT_EQ(data["headline"]["best_latency_ms"], nullptr);
  EXPECT_EQ(data["finals"], nullptr);
  EXPECT_TRUE(data["nodes"]["id"].empty());
}

TEST(RunDataTest, LargeRunsAreBoundedAndSaySo) {
  RunRecords records = Sample();
  constexpr int64_t kNodes = 100'000;
  std::string long_delta(500, 'x');
  long_delta.back() = '\n';
  for (int64_t id = 6; id < kNodes; ++id) {
    records.nodes.push_back(Made(id, id % 7 == 0 ? id - 1 : id % 5, "mutation", 0, long_delta));
    records.trials.push_back(Tried(static_cast<uint64_t>(id), id, static_cast<double>(id),
                                   3 + static_cast<double>(id % 1000)));
  }
  for (uint64_t id = 3; id < 5000; ++id) records.calls.push_back(Called(id, "strong", 0, 1));
  const Json data = RunData(records);
  EXPECT_EQ(data["nodes"]["id"].size(), RunDataLimits{}.nodes);
  EXPECT_EQ(data["trials"]["id"].size(), RunDataLimits{}.trials);
  EXPECT_EQ(data["calls"].size(), RunDataLimits{}.calls);
  EXPECT_LE(data["curve"].size(), 2 * RunDataLimits{}.points);
  int64_t hidden = 0;
  for (const Json& count : data["nodes"]["hidden"]) hidden += count.get<int64_t>();
  EXPECT_EQ(hidden + static_cast<int64_t>(data["nodes"]["id"].size()), kNodes);
  EXPECT_EQ(data["notes"].size(), 3U);
  EXPECT_LT(data.dump().size(), size_t{5'000'000});
}

}  // namespace
}  // namespace banyan
