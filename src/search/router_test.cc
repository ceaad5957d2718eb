#include "search/router.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace banyan {
namespace {

using ::testing::HasSubstr;

RouteQuestion Ask(int64_t strong_calls, double strong_gain, int64_t light_calls, double light_gain,
                  Phase phase = Phase::kRefinement) {
  RouteQuestion question{.phase = phase, .worth = 0.1, .calls_left = 4};
  question.pool.resize(2);
  question.pool[0].info = {"strong", ModelRole::kStrong};
  question.pool[1].info = {"light", ModelRole::kLight};
  question.pool[0].calls = strong_calls;
  question.pool[1].calls = light_calls;
  question.pool[0].gains.assign(static_cast<size_t>(strong_calls), {phase, strong_gain});
  question.pool[1].gains.assign(static_cast<size_t>(light_calls), {phase, light_gain});
  return question;
}

// Of 400 draws, how many went to the strong model.
int Strong(const RouteQuestion& question) {
  const auto router = MakeRouter("thompson").value();
  int strong = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    Rng rng(0, "router test", i);
    strong += router->Choose(question, rng).model == 0 ? 1 : 0;
  }
  return strong;
}

TEST(RouterTest, FirstStructureIsTheStrongModels) {
  EXPECT_GT(Strong(Ask(0, 0, 0, 0, Phase::kStructure)), 380);
}

TEST(RouterTest, AfterItAStrongCallHasToPay) {
  const int strong = Strong(Ask(0, 0, 0, 0));
  EXPECT_LT(strong, 12);  // 3 %
  RouteQuestion many = Ask(0, 0, 0, 0);
  many.calls_left = 100;  // learning pays
  EXPECT_GT(Strong(many), 40);
  EXPECT_GT(Strong(Ask(3, 0.3, 3, 0.02)), 380);
  EXPECT_LT(Strong(Ask(3, 0.02, 3, 0.02)), 10);
  RouteQuestion free = Ask(3, 0.05, 3, 0.02);
  free.worth = 0;  // only the gain counts
  EXPECT_GT(Strong(free), 300);
}

TEST(RouterTest, TheRecordOverrulesThePrior) {
  EXPECT_LT(Strong(Ask(6, 0.0, 6, 0.9, Phase::kStructure)), 40);
}

TEST(RouterTest, ScarcityMakesAStrongCallDearer) {
  RouteQuestion question = Ask(3, 0.14, 3, 0.02);
  question.calls_left = 40;
  const int plenty = Strong(question);
  question.pool[0].scarcity = 4;
  EXPECT_LT(Strong(question), plenty / 2);
}

TEST(RouterTest, PricesOfThePoolReplaceThoseByRole) {
  RouteQuestion question = Ask(3, 0.06, 3, 0.05);
  question.pool[0].usd = 0.001;  // the strong one is the cheap one here
  question.pool[1].usd = 0.02;
  EXPECT_GT(Strong(question), 390);
}

TEST(RouterTest, AdviceAndDisappointmentNudge) {
  RouteQuestion plain = Ask(2, 0.1, 2, 0.03);
  plain.calls_left = 40;
  RouteQuestion advised = plain;
  advised.advice = "strong";
  EXPECT_GT(Strong(advised), Strong(plain) + 20);
  RouteQuestion disappointed = plain;
  disappointed.disappointed = 2;
  EXPECT_GT(Strong(disappointed), Strong(plain) + 20);
}

TEST(RouterTest, EarlierRunsCountAsAFewObservations) {
  RouteQuestion question = Ask(0, 0, 0, 0);
  question.pool[0].past.assign(50, {Phase::kRefinement, 0.4});
  EXPECT_GT(Strong(question), 380);
  const GainBelief belief = BeliefOf(question.pool[0], Phase::kRefinement);
  EXPECT_NEAR(belief.observations, 4, 1e-9);
  EXPECT_NEAR(belief.mean, (0.05 + 4 * 0.4) / 5, 1e-9);
  EXPECT_THAT(DescribePriors(question.pool), HasSubstr("with earlier runs"));
}

TEST(RouterTest, SaysItsPriorsWhereThereIsNoHistory) {
  EXPECT_EQ(DescribePriors(Ask(0, 0, 0, 0).pool),
            "expected log-speedup of a call, no history, so priors: "
            "strong structure 2.00±0.50, refinement 0.05±0.06, stuck 0.06±0.06; "
            "light structure 0.70±0.50, refinement 0.03±0.04, stuck 0.02±0.04");
}

TEST(RouterTest, OtherRules) {
  Rng rng(0);
  EXPECT_EQ(MakeRouter("round_robin").value()->Choose(Ask(2, 0, 1, 0), rng).model, 1);
  EXPECT_EQ(MakeRouter("round_robin").value()->Choose(Ask(1, 0, 1, 0), rng).model, 0);
  EXPECT_EQ(MakeRouter("strongest").value()->Choose(Ask(9, 0, 0, 0), rng).model, 0);
  EXPECT_EQ(MakeRouter("none").value()->Choose(Ask(0, 0, 0, 0), rng).model, -1);
  EXPECT_FALSE(MakeRouter("coin").ok());
  for (const char* unit : {"auto", "usd", "seconds", "calls"})
    EXPECT_TRUE(ParseCostUnit(unit).ok());
  EXPECT_FALSE(ParseCostUnit("eur").ok());
}

// ---- Regret on scripted arms of known gain and price

struct ScriptedArm {
  ModelRole role = ModelRole::kLight;
  double usd = 0.01;
  std::function<double(int call)> mean;  // of the gain of the call'th call
};

// Sum over `calls` of the best arm's expected value less that of the arm chosen; `value` of an arm
// is what the unit says. Fixed policies: choose(call) given.
double Regret(const std::vector<ScriptedArm>& arms, int calls, CostUnit unit, uint64_t seed,
              const std::function<int(int call)>& fixed) {
  const auto router = MakeRouter("thompson").value();
  constexpr double kWorth = 0.1;
  double dearest = 0;
  for (const ScriptedArm& arm : arms) dearest = std::max(dearest, arm.usd);
  RouteQuestion question{.phase = Phase::kRefinement, .unit = unit, .worth = kWorth};
  for (size_t i = 0; i < arms.size(); ++i) {
    ModelRecord record;
    record.info = {"arm" + std::to_string(i), arms[i].role};
    record.usd = arms[i].usd;
    question.pool.push_back(record);
  }
  const auto value = [&](const ScriptedArm& arm, int call) {
    return unit == CostUnit::kWorth ? arm.mean(call) - kWorth * arm.usd / dearest
                                    : arm.mean(call) / arm.usd;
  };
  double regret = 0;
  for (int call = 0; call < calls; ++call) {
    question.calls_left = calls - call;
    Rng rng(seed, "regret", static_cast<uint64_t>(call));
    const int chosen = fixed ? fixed(call) : router->Choose(question, rng).model;
    double best = value(arms[0], call);
    for (const ScriptedArm& arm : arms) best = std::max(best, value(arm, call));
    regret += best - value(arms[static_cast<size_t>(chosen)], call);
    const double seen =
        std::max(0.0, arms[static_cast<size_t>(chosen)].mean(call) + 0.02 * rng.Normal());
    ModelRecord& record = question.pool[static_cast<size_t>(chosen)];
    record.gains.push_back({Phase::kRefinement, seen});
    ++record.calls;
  }
  return regret;
}

double Mean(const std::vector<ScriptedArm>& arms, CostUnit unit,
            const std::function<int(int)>& fixed) {
  double sum = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) sum += Regret(arms, 200, unit, seed, fixed);
  return sum / 20;
}

class RouterRegretTest : public ::testing::TestWithParam<CostUnit> {};

TEST_P(RouterRegretTest, BelowUniformChoice) {
  const std::vector<ScriptedArm> arms = {
      {ModelRole::kStrong, 0.05, [](int) { return 0.20; }},
      {ModelRole::kLight, 0.01, [](int) { return 0.06; }},
      {ModelRole::kLight, 0.02, [](int) { return 0.01; }},
  };
  Rng uniform(7);
  const double ours = Mean(arms, GetParam(), {});
  const double chance = Mean(arms, GetParam(), [&](int) { return int(uniform.Below(3)); });
  EXPECT_LT(ours, 0.4 * chance);
}

TEST_P(RouterRegretTest, BelowTheBestFixedArmWhereThingsShift) {
  // A strong model that runs dry, and a light one that gets going.
  const std::vector<ScriptedArm> arms = {
      {ModelRole::kStrong, 0.03, [](int call) { return call < 80 ? 0.30 : 0.0; }},
      {ModelRole::kLight, 0.01, [](int call) { return call < 80 ? 0.01 : 0.09; }},
  };
  const double ours = Mean(arms, GetParam(), {});
  for (int arm = 0; arm < 2; ++arm) {
    EXPECT_LT(ours, Mean(arms, GetParam(), [arm](int) { return arm; })) << "arm " << arm;
  }
}

INSTANTIATE_TEST_SUITE_P(Units, RouterRegretTest,
                         ::testing::Values(CostUnit::kWorth, CostUnit::kUsd));

}  // namespace
}  // namespace banyan
