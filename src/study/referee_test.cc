#include "study/referee.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "base/rng.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

std::vector<PairedRatio> Ratios(const std::vector<double>& speedups, int workloads = 3) {
  std::vector<PairedRatio> pairs;
  for (size_t i = 0; i < speedups.size(); ++i) {
    pairs.push_back(
        {"w" + std::to_string(i % static_cast<size_t>(workloads)), std::log(speedups[i])});
  }
  return pairs;
}

Judgement JudgeOne(const std::vector<double>& speedups) { return Judge({Ratios(speedups)})[0]; }

const ClaimNames kNames{.arm = "new", .baseline = "old", .budget = "32 trials, 4 calls"};

TEST(Referee, SaysFasterWhereEveryPairIs) {
  const Judgement judged = JudgeOne({1.1, 1.2, 1.3, 1.1, 1.2, 1.3, 1.1, 1.2});
  EXPECT_EQ(judged.verdict, Verdict::kFaster);
  EXPECT_EQ(judged.wins, 8);
  EXPECT_EQ(judged.losses, 0);
  EXPECT_NEAR(judged.p.value, 2.0 / 256, 1e-12);
  EXPECT_NEAR(judged.speedup, std::pow(1.1 * 1.1 * 1.1 * 1.2 * 1.2 * 1.2 * 1.3 * 1.3, 1.0 / 8),
              1e-12);
  EXPECT_TRUE(judged.not_worse);
  const std::string claim = ClaimText(judged, kNames);
  EXPECT_THAT(claim, HasSubstr("new finds faster programs than old at 32 trials, 4 calls"));
  EXPECT_THAT(claim, HasSubstr("w0, w1, w2"));  // for these workloads only
  EXPECT_THAT(claim, HasSubstr("p = 0.008"));
}

TEST(Referee, SaysSlowerWhereEveryPairIs) {
  const Judgement judged = JudgeOne({0.9, 0.8, 0.9, 0.8, 0.95, 0.9, 0.8});
  EXPECT_EQ(judged.verdict, Verdict::kSlower);
  EXPECT_FALSE(judged.not_worse);
  EXPECT_THAT(ClaimText(judged, kNames), HasSubstr("slower programs"));
}

TEST(Referee, FivePairsAreTooFewHoweverGood) {
  const Judgement judged = JudgeOne({3, 3, 3, 3, 3});
  EXPECT_EQ(judged.verdict, Verdict::kTooFewPairs);
  EXPECT_FALSE(judged.not_worse);
  EXPECT_TRUE(std::isinf(judged.speedup_ci.high));
  EXPECT_EQ(judged.speedup_ci.low, 0);
  EXPECT_THAT(ClaimText(judged, kNames), HasSubstr("Nothing may be claimed"));
  EXPECT_EQ(JudgeOne({}).verdict, Verdict::kTooFewPairs);
}

TEST(Referee, SixPairsAreEnough) {
  EXPECT_EQ(JudgeOne({1.2, 1.3, 1.1, 1.2, 1.3, 1.2}).verdict, Verdict::kFaster);
}

TEST(Referee, NamesTheMostExtremePairAndWhatIsLeftWithoutIt) {
  const Judgement judged = JudgeOne({1.02, 0.99, 1.01, 0.98, 3.3, 1.0, 0.97, 1.02});
  EXPECT_EQ(judged.verdict, Verdict::kNoDifferenceShown);
  EXPECT_EQ(judged.extreme_pair, 4u);
  EXPECT_NEAR(judged.speedup_without_extreme, 0.998, 0.002);
  EXPECT_GT(judged.speedup, 1.1);
}

TEST(Referee, SaysIfAVerdictHangsOnOnePair) {
  const Judgement judged = JudgeOne({1.05, 1.05, 1.05, 1.05, 1.05, 1.05});
  EXPECT_EQ(judged.verdict, Verdict::kFaster);  // p = 1/32; without one pair 1/16
  EXPECT_THAT(ClaimText(judged, kNames), HasSubstr("hangs on one pair"));
}

TEST(Referee, HolmPaysForLookingManyTimes) {
  const std::vector<double> weak = {1.1, 1.2, 1.1, 1.2, 1.1, 1.2};  // p = 1/32
  EXPECT_EQ(JudgeOne(weak).verdict, Verdict::kFaster);
  const auto judged = Judge({Ratios(weak), Ratios(weak), Ratios({1.1, 1.2})});
  EXPECT_EQ(judged[0].verdict, Verdict::kNoDifferenceShown);
  EXPECT_NEAR(judged[0].p_holm, 2.0 / 32, 1e-12);  // a comparison that is not judged costs nothing
  EXPECT_EQ(judged[2].verdict, Verdict::kTooFewPairs);
  EXPECT_THAT(ClaimText(judged[0], kNames), HasSubstr("after Holm's correction"));
}

TEST(Referee, ResamplesWorkloadsFromEightOn) {
  const std::vector<double> speedups = {1.1, 1.2, 1.3, 1.4, 1.1, 1.2, 1.3, 1.4};
  EXPECT_FALSE(Judge({Ratios(speedups, 7)})[0].workload_ci);
  const auto judged = Judge({Ratios(speedups, 8)})[0];
  ASSERT_TRUE(judged.workload_ci);
  EXPECT_GT(judged.workload_ci->low, 1.1);
  EXPECT_LT(judged.workload_ci->low, judged.speedup);
  EXPECT_GT(judged.workload_ci->high, judged.speedup);
  EXPECT_LT(judged.workload_ci->high, 1.4);
}

TEST(Referee, ASavingNeedsLatencyThatIsShownNotToBeWorse) {
  const Saving half{.baseline = 32, .arm = 16};
  EXPECT_EQ(half.reduction_percent(), 50);
  const Judgement alike =
      JudgeOne({1.001, 0.999, 1.0005, 1.002, 0.998, 1.001, 0.9995, 1.0005, 1.001, 1});
  EXPECT_EQ(alike.verdict, Verdict::kNoDifferenceShown);
  EXPECT_TRUE(alike.not_worse);
  EXPECT_TRUE(half.Supported(alike));
  EXPECT_THAT(SavingText(half, "strong calls", alike),
              HasSubstr("50.0 % fewer strong calls: a saving"));
  const Judgement noisy = JudgeOne({1.3, 0.7, 1.2, 0.8, 1.1, 0.9, 1.2, 0.85});
  EXPECT_EQ(noisy.verdict, Verdict::kNoDifferenceShown);
  EXPECT_FALSE(half.Supported(noisy));
  EXPECT_THAT(SavingText(half, "strong calls", noisy), HasSubstr("no saving may be claimed"));
  EXPECT_FALSE((Saving{.baseline = 0, .arm = 0}).Supported(alike));
  EXPECT_FALSE((Saving{.baseline = 4, .arm = 4}).Supported(alike));
}

// How often the referee is wrong, over many simulated studies of the published size: 3 workloads, 5
// seeds. The bands are three standard errors wide.
class RefereeSimulation : public ::testing::Test {
 protected:
  static constexpr int kPairs = 15;

  struct Counts {
    int studies = 0, faster = 0, slower = 0, covered = 0;
    double faster_rate() const { return static_cast<double>(faster) / studies; }
    double slower_rate() const { return static_cast<double>(slower) / studies; }
    double wrong_rate() const { return faster_rate() + slower_rate(); }
  };
  static double Error(int studies) { return 3 * std::sqrt(0.05 * 0.95 / studies); }

  // `gain`: ln of the true speed-up, `noise`: of a pair's log-ratio, `outlier`: added to one pair.
  static Counts Simulate(int studies, double gain, double noise, double outlier, uint64_t seed) {
    Counts counts;
    Rng rng(seed, "referee simulation");
    for (int study = 0; study < studies; ++study) {
      std::vector<PairedRatio> pairs;
      for (int i = 0; i < kPairs; ++i) {
        pairs.push_back({"w" + std::to_string(i / 5), gain + noise * rng.Normal()});
      }
      if (outlier > 0) {
        pairs[rng.Below(kPairs)].log_ratio += rng.Chance(0.5) ? outlier : -outlier;
      }
      const Judgement judged = Judge({pairs})[0];
      ++counts.studies;
      counts.faster += judged.verdict == Verdict::kFaster ? 1 : 0;
      counts.slower += judged.verdict == Verdict::kSlower ? 1 : 0;
      counts.covered +=
          judged.speedup_ci.low <= std::exp(gain) && std::exp(gain) <= judged.speedup_ci.high ? 1
                                                                                              : 0;
    }
    return counts;
  }
};

TEST_F(RefereeSimulation, TwoEqualArmsDifferInFivePercentOfStudies) {
  const Counts counts = Simulate(2000, 0, 0.15, 0, 1);
  RecordProperty("false_positive_rate", std::to_string(counts.wrong_rate()));
  EXPECT_NEAR(counts.wrong_rate(), 0.05, Error(2000));
  EXPECT_NEAR(counts.covered / 2000.0, 0.95, Error(2000));
}

TEST_F(RefereeSimulation, NoDifferenceIsSeldomCalledOne) {
  EXPECT_LE(Simulate(1000, 0, 0.05, 0, 2).wrong_rate(), 0.05 + Error(1000));
}

TEST_F(RefereeSimulation, ASmallGainUnderMuchNoiseIsSeldomCalledALoss) {
  const Counts counts = Simulate(1000, std::log(1.03), 0.15, 0, 3);
  RecordProperty("power_at_3_percent", std::to_string(counts.faster_rate()));
  std::printf("power at 3 %%, noise 15 %%: %.3f\n", counts.faster_rate());
  EXPECT_LE(counts.slower_rate(), 0.05 + Error(1000));
  EXPECT_NEAR(counts.covered / 1000.0, 0.95, Error(1000));
  EXPECT_GT(counts.faster_rate(), 0.05);  // better than guessing
}

TEST_F(RefereeSimulation, ASmallGainUnderLittleNoiseIsFound) {
  const Counts counts = Simulate(1000, std::log(1.03), 0.03, 0, 4);
  RecordProperty("power_at_3_percent_noise_3_percent", std::to_string(counts.faster_rate()));
  std::printf("power at 3 %%, noise 3 %%: %.3f\n", counts.faster_rate());
  EXPECT_GT(counts.faster_rate(), 0.9);
}

TEST_F(RefereeSimulation, OneOutlierDecidesNothing) {
  EXPECT_LE(Simulate(1000, 0, 0.05, std::log(3.3), 5).wrong_rate(), 0.05 + Error(1000));
}

}  // namespace
}  // namespace banyan
