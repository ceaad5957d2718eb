#include "study/study_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "schedule/workload.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kSmall = R"(name = "small"
workloads = ["mlp", "conv"]
seeds = "0-2"
trials = 16
calls = 2
baseline = "reasoning"

[[arm]]
strategy = "reasoning"

[[arm]]
label = "ours"
strategy = "banyan"
pool = ["builtin:analytic"]
set = {puct_c = 1.5, crossover = false}
seed_offset = 100
)";

StudyConfig Parse(const std::string& toml) {
  auto config = ParseStudy(toml, "s.toml");
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? *std::move(config) : StudyConfig{};
}

std::string ErrorOf(const std::string& toml) {
  const auto config = ParseStudy(toml, "s.toml");
  if (config.ok()) return "it parsed";
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  return config.error().message;
}

std::string With(std::string what, const std::string& by) {
  std::string text = kSmall;
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(StudyFile, ReadsWhatAPersonWrote) {
  const StudyConfig config = Parse(kSmall);
  EXPECT_EQ(config.name, "small");
  EXPECT_THAT(config.workloads, ElementsAre("mlp", "conv"));
  EXPECT_THAT(config.seeds, ElementsAre(0, 1, 2));
  ASSERT_EQ(config.budgets.size(), 1u);
  EXPECT_EQ(BudgetText(config.budgets[0]), "16 trials, 2 calls");
  ASSERT_EQ(config.arms.size(), 2u);
  EXPECT_EQ(config.arms[1].label, "ours");
  EXPECT_EQ(config.arms[1].seed_offset, 100u);
  EXPECT_THAT(config.arms[1].pool, ElementsAre("builtin:analytic"));
  ASSERT_EQ(config.comparisons.size(), 1u);
  EXPECT_EQ(config.comparisons[0].arm, "ours");
  EXPECT_EQ(config.comparisons[0].baseline, "reasoning");
  const auto strategy = ArmStrategy(config.arms[1]);
  ASSERT_TRUE(strategy.ok());
  EXPECT_EQ(strategy->puct_c, 1.5);
  EXPECT_FALSE(strategy->crossover);
}

TEST(StudyFile, SeveralBudgetsTakeWhatTheyDoNotSayFromTheTop) {
  const StudyConfig config =
      Parse(std::string(kSmall) + "[[budget]]\ntrials = 8\n[[budget]]\ncost_usd = 0.5\n");
  ASSERT_EQ(config.budgets.size(), 2u);
  EXPECT_EQ(BudgetText(config.budgets[0]), "8 trials, 2 calls");
  EXPECT_EQ(BudgetText(config.budgets[1]), "16 trials, 2 calls, 0.5 USD");
  EXPECT_EQ(StudyOrder(config).size(), 12u);
}

TEST(StudyFile, ComparisonsMayBeNamed) {
  const StudyConfig config =
      Parse(With("baseline = \"reasoning\"", "comparisons = [[\"reasoning\", \"ours\"]]"));
  ASSERT_EQ(config.comparisons.size(), 1u);
  EXPECT_EQ(config.comparisons[0].baseline, "ours");
}

TEST(StudyFile, EveryMistakeIsALineWithItsPlace) {
  EXPECT_THAT(ErrorOf("name = "), StartsWith("s.toml:1: "));
  EXPECT_THAT(ErrorOf("workloads = [\"mlp\"]"), StartsWith("s.toml:1: a study needs a 'name'"));
  EXPECT_THAT(ErrorOf(With("\"small\"", "\"a/b\"")),
              StartsWith("s.toml:1: a study needs a 'name'"));
  EXPECT_THAT(ErrorOf(With("\"mlp\", \"conv\"", "")), StartsWith("s.toml:2: a study needs 'work"));
  EXPECT_THAT(ErrorOf(With("\"conv\"", "\"mlp\"")), StartsWith("s.toml:2: workload 'mlp' stands"));
  EXPECT_THAT(ErrorOf(With("\"0-2\"", "\"2-0\"")), StartsWith("s.toml:3: 'seeds' is neither"));
  EXPECT_THAT(ErrorOf(With("\"0-2\"", "[1, 1]")), StartsWith("s.toml:3: 'seeds' has one twice"));
  EXPECT_THAT(ErrorOf(With("\"0-2\"", "[-1]")), StartsWith("s.toml:3: 'seeds'"));
  EXPECT_THAT(ErrorOf(With("trials = 16", "trials = 0")),
              StartsWith("s.toml:4: 'trials' is no wh"));
  EXPECT_THAT(ErrorOf(With("trials = 16", "trails = 16")),
              AllOf(StartsWith("s.toml:4: unknown key 'trails'"), HasSubstr("'trials'?")));
  EXPECT_THAT(ErrorOf(With("calls = 2", "calls = \"2\"")), StartsWith("s.toml:5: 'calls'"));
  EXPECT_THAT(
      ErrorOf(With("baseline = \"reasoning\"", "baseline = \"reasonin\"")),
      AllOf(StartsWith("s.toml:6: no arm is called 'reasonin'"), HasSubstr("did you mean")));
  EXPECT_THAT(ErrorOf(With("strategy = \"banyan\"", "strategy = \"banian\"")),
              StartsWith("s.toml:13: no strategy is called 'banian'"));
  EXPECT_THAT(ErrorOf(With("label = \"ours\"", "label = \"reasoning\"")),
              StartsWith("s.toml:11: two arms are called 'reasoning'"));
  EXPECT_THAT(ErrorOf(With("puct_c = 1.5", "puct_x = 1.5")),
              AllOf(StartsWith("s.toml:15: "), HasSubstr("puct_x")));
  EXPECT_THAT(ErrorOf(With("puct_c = 1.5", "puct_c = -1")),
              AllOf(StartsWith("s.toml:15: "), HasSubstr("puct_c")));
  EXPECT_THAT(ErrorOf(With("seed_offset = 100", "seedoffset = 100")),
              StartsWith("s.toml:16: unknown key 'seedoffset' in [[arm]]"));
  EXPECT_THAT(ErrorOf("name = \"x\"\nworkloads = [\"mlp\"]\n[[arm]]\nstrategy = \"banyan\"\n"),
              HasSubstr("at least two [[arm]]"));
}

TEST(StudyFile, WhatOthersKnowIsAskedOfThem) {
  StudyChecks checks;
  checks.workload = [](const std::string& text) {
    return text == "conv" ? Status(NotFound("no such workload")) : Status(Ok{});
  };
  EXPECT_EQ(ParseStudy(kSmall, "s.toml", checks).error().message, "s.toml:2: no such workload");
  checks = {};
  checks.arm = [](const StudyArm& arm) {
    return arm.pool.empty() ? Status(Ok{}) : Status(NotFound("no such model"));
  };
  EXPECT_EQ(ParseStudy(kSmall, "s.toml", checks).error().message, "s.toml:14: no such model");
}

TEST(StudyFile, TheOrderIsRandomAndTheSameAgain) {
  StudyConfig config = Parse(kSmall);
  config.seeds = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto order = StudyOrder(config);
  ASSERT_EQ(order.size(), 20u);
  std::set<std::pair<std::string, uint64_t>> seen;
  int baseline_first = 0;
  int as_written = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    seen.insert({order[i].workload, order[i].seed});
    EXPECT_EQ(order[i].arms.size(), 2u);
    baseline_first += order[i].arms[0] == 0 ? 1 : 0;
    as_written += order[i].seed == i % 10 ? 1 : 0;
  }
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_GT(baseline_first, 3);  // neither arm always first
  EXPECT_LT(baseline_first, 17);
  EXPECT_LT(as_written, 10);
  const auto again = StudyOrder(config);
  config.order_seed = 1;
  const auto other = StudyOrder(config);
  const auto key = [](const StudyGroup& group) {
    return group.workload + std::to_string(group.seed) + std::to_string(group.arms[0]);
  };
  bool differs = false;
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(key(order[i]), key(again[i]));
    differs |= key(order[i]) != key(other[i]);
  }
  EXPECT_TRUE(differs);
}

// The files in the repository are files a person may run.
TEST(StudyFile, TheShippedStudiesParse) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(BANYAN_SOURCE_DIR) + "/studies")) {
    const std::string path = entry.path().string();
    const auto config = ParseStudy(ReadFile(path).value(), path);
    EXPECT_TRUE(config.ok()) << config.error().message;
    ++files;
    if (!config.ok()) continue;
    EXPECT_EQ(config->name, entry.path().stem().string());
    EXPECT_FALSE(config->description.empty()) << path;
    for (const std::string& workload : config->workloads) {
      EXPECT_TRUE(ParseWorkloadSpec(workload).ok()) << workload;
    }
  }
  EXPECT_EQ(files, 9);
}

}  // namespace
}  // namespace banyan
