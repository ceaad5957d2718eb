// Events, configurations, strategies, routing: values and their JSON.
#include <gtest/gtest.h>

#include <cmath>

#include "search/event.h"
#include "search/router.h"
#include "search/run_config.h"
#include "search/strategy.h"

namespace banyan {
namespace {

Event RoundTrip(const Event& event) {
  const auto copy = EventFromJson(Json::parse(ToJson(event).dump()));
  EXPECT_TRUE(copy.ok());
  return copy.ok() ? *copy : Event{};
}

TEST(EventTest, AllKindsSurviveJson) {
  ReferenceEvent reference;
  reference.reference.default_latency_ms = NAN;
  reference.reference.samples_ms = {1.25, 0.1};
  reference.peak_gflops = 100.5;
  reference.budget.trials = 5;
  reference.examples.push_back({"mlp:T=8", {{{"vectorize", {{"loop", "C.j"}}}}}, 3.5});
  reference.examples.push_back({"mlp:T=9", {{{"unroll", {{"loop", "C.j"}}}}}, NAN});
  reference.gains.push_back({"m", Phase::kStuck, 0.25, true});
  ReplyEvent reply{.call_id = 7, .reply = {}};
  reply.reply.proposals.push_back({0, {{"vectorize", {{"loop", "C.j"}}}}, 0.25, "why"});
  reply.reply.usage.seconds = 0.1;
  OutcomeEvent outcome;
  outcome.outcome.trial_id = 3;
  outcome.outcome.failure = FailureKind::kRunCrash;
  outcome.outcome.failure_text = "signal 11";
  FinalsEvent finals;
  finals.finals.push_back({2, FailureKind::kNone, "", {0.5, 0.25}});
  finals.drift = 1.01;
  finals.peak_gflops = 101.5;
  const std::vector<Event> events = {{0, 0.5, reference},
                                     {1, 1.5, reply},
                                     {2, 2.5, outcome},
                                     {3, 3, TickEvent{}},
                                     {4, 4, CancelEvent{"cancel"}},
                                     {5, 5, finals},
                                     {6, 6.25, ResumeEvent{{.trials = 9}}},
                                     {7, 7, LimitsEvent{3, 1, {.tokens = 50, .cost_usd = 0.5}}}};
  for (const Event& event : events) {
    const Event copy = RoundTrip(event);
    EXPECT_EQ(copy.index, event.index);
    EXPECT_EQ(copy.elapsed_s, event.elapsed_s);
    EXPECT_STREQ(EventName(copy), EventName(event));
    EXPECT_EQ(ToJson(copy), ToJson(event));
  }
  Json early = ToJson(events[5]);  // of a run recorded before the finals had a peak
  early.erase("peak_gflops");
  const auto finals_without = EventFromJson(early);
  ASSERT_TRUE(finals_without.ok()) << finals_without.error().message;
  EXPECT_EQ(std::get<FinalsEvent>(finals_without->body).peak_gflops, 0);
  const Event first = RoundTrip(events[0]);
  const auto& copy = std::get<ReferenceEvent>(first.body);
  EXPECT_TRUE(std::isnan(copy.reference.default_latency_ms));
  ASSERT_EQ(copy.examples.size(), 2u);
  EXPECT_EQ(copy.examples[0].plan, reference.examples[0].plan);
  EXPECT_TRUE(std::isnan(copy.examples[1].speedup));
  ASSERT_EQ(copy.gains.size(), 1u);
  EXPECT_EQ(copy.gains[0].phase, Phase::kStuck);
  EXPECT_EQ(std::get<LimitsEvent>(RoundTrip(events[7]).body).limits.cost_usd, 0.5);
}

TEST(EventTest, WhatWentOverTheWireIsNoPartOfIt) {
  ReplyEvent reply{.call_id = 7, .reply = {}};
  reply.reply.exchanges = {{"a long prompt", "an answer"}};
  const Event event{1, 1, reply};
  EXPECT_EQ(ToJson(event).dump().find("a long prompt"), std::string::npos);
}

TEST(EventTest, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(EventFromJson(Json::parse("[]")).ok());
  EXPECT_FALSE(EventFromJson(Json::parse(R"({"index": 0})")).ok());
  EXPECT_FALSE(
      EventFromJson(Json::parse(R"({"index": 0, "elapsed_s": 1, "event": "sneeze"})")).ok());
  EXPECT_FALSE(
      EventFromJson(Json::parse(R"({"index": 0, "elapsed_s": 1, "event": "reply"})")).ok());
}

TEST(RunConfigTest, SurvivesJson) {
  RunConfig config;
  config.workload_text = "mlp:T=128";
  config.seed = UINT64_MAX;
  config.pool = LoadPool({"builtin:analytic", "builtin:random"}).value();
  config.strategy.puct_c = 0.125;
  config.budget.trials = 7;
  config.measure.workers = 5;
  const auto copy = RunConfigFromJson(Json::parse(ToJson(config).dump()));
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_EQ(ToJson(*copy), ToJson(config));
  EXPECT_EQ(copy->seed, UINT64_MAX);
  EXPECT_TRUE(std::isinf(copy->budget.seconds));
}

TEST(RunConfigTest, ARunRecordedBeforeTilingsKeepsItsSamples) {
  Json json = ToJson(RunConfig{});
  EXPECT_EQ(RunConfigFromJson(json)->strategy.while_waiting, "tilings");
  EXPECT_EQ(RunConfigFromJson(json)->strategy.wait_fraction, 0.75);
  json["strategy"].erase("while_waiting");
  json["strategy"].erase("wait_fraction");
  json["strategy"]["free_fraction"] = 0.25;
  EXPECT_EQ(RunConfigFromJson(json)->strategy.while_waiting, "samples");
  EXPECT_EQ(RunConfigFromJson(json)->strategy.wait_fraction, 0.25);
}

TEST(RunConfigTest, ReadsNamesOfBuiltInExperts) {
  Json json = ToJson(RunConfig{});
  json["pool"] = {"builtin:analytic", "builtin:heuristic"};
  const auto config = RunConfigFromJson(json);
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config->pool.size(), 2U);
  EXPECT_EQ(config->pool[1].name, "builtin:heuristic");
  json["pool"] = {3};
  EXPECT_FALSE(RunConfigFromJson(json).ok());
}

TEST(RunConfigTest, NamesTheFieldThatIsWrong) {
  Json json = ToJson(StrategyConfig{});
  json["puct_c"] = -1;
  EXPECT_NE(StrategyConfigFromJson(json).error().message.find("puct_c"), std::string::npos);
  json = ToJson(StrategyConfig{});
  json["puct_d"] = 1;
  EXPECT_FALSE(StrategyConfigFromJson(json).ok());
  json = ToJson(StrategyConfig{});
  json["backup"] = "median";
  EXPECT_NE(StrategyConfigFromJson(json).error().message.find("max, mean, mixed"),
            std::string::npos);
  EXPECT_FALSE(BudgetFromJson({{"trials", -1}}).ok());
  EXPECT_FALSE(BudgetFromJson({{"seconds", 0}}).ok());
}

TEST(StrategyTest, PresetsAreValidAndFoundByName) {
  for (const Strategy& strategy : Strategies()) {
    EXPECT_TRUE(CheckStrategy(strategy.config).ok());
    EXPECT_FALSE(strategy.description.empty());
    EXPECT_EQ(FindStrategy(strategy.config.name)->name, strategy.config.name);
  }
  EXPECT_NE(FindStrategy("none").error().message.find("banyan, banyan-single"), std::string::npos);
}

}  // namespace
}  // namespace banyan
