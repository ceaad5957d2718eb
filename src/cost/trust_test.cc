// Kendall's tau-b against numbers worked out by hand and published by scipy, and the record of
// trust made of it.
#include "cost/trust.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/numbers.h"
#include "base/rng.h"

namespace banyan {
namespace {

TEST(KendallTauB, Extremes) {
  EXPECT_DOUBLE_EQ(KendallTauB({1, 2, 3, 4}, {10, 20, 30, 40}), 1);
  EXPECT_DOUBLE_EQ(KendallTauB({1, 2, 3, 4}, {4, 3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(KendallTauB({1, 2}, {5, 6}), 1);
}

TEST(KendallTauB, ByHand) {
  // Pairs of b in the order of a: (1,3)+ (1,2)+ (1,4)+ (3,2)- (3,4)+ (2,4)+: (5 - 1) / 6.
  EXPECT_NEAR(KendallTauB({1, 2, 3, 4}, {1, 3, 2, 4}), 4.0 / 6, 1e-12);
  // A tie in a: of 3 pairs 2 differ in a, 3 in b; both of the 2 agree: 2 / sqrt(2 * 3).
  EXPECT_NEAR(KendallTauB({1, 1, 2}, {1, 2, 3}), 2 / std::sqrt(6.0), 1e-12);
  // Ties in both, (1,1) twice: 5 of 6 pairs differ in a, 5 in b, all agree.
  EXPECT_NEAR(KendallTauB({1, 1, 2, 3}, {1, 1, 2, 3}), 1, 1e-12);
}

// The examples of scipy.stats.kendalltau's documentation and tests.
TEST(KendallTauB, AsScipy) {
  EXPECT_NEAR(KendallTauB({12, 2, 1, 12, 2}, {1, 4, 7, 1, 0}), -0.47140452079103173, 1e-14);
  EXPECT_NEAR(KendallTauB({5, 2, 1, 3, 6, 4, 7, 8}, {5, 2, 6, 3, 1, 8, 7, 4}), 0.0, 1e-14);
  EXPECT_NEAR(KendallTauB({0, 5, 2, 1, 3, 6, 4, 7, 8}, {5, 2, 0, 6, 3, 1, 8, 7, 4}), 0.0, 1e-14);
  EXPECT_NEAR(KendallTauB({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 2, 1, 3, 4, 6, 5, 7, 8, 9}),
              0.9111111111111111, 1e-14);
  EXPECT_NEAR(KendallTauB({1, 1, 2}, {1, 1, 2}), 1.0, 1e-14);
}

TEST(KendallTauB, Undefined) {
  EXPECT_TRUE(std::isnan(KendallTauB({}, {})));
  EXPECT_TRUE(std::isnan(KendallTauB({1}, {1})));
  EXPECT_TRUE(std::isnan(KendallTauB({1, 1, 1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(KendallTauB({1, 2, 3}, {7, 7, 7})));
  EXPECT_TRUE(std::isnan(KendallTauB({1, kNaN, 3}, {1, 2, 3})));
}

TEST(TrustTest, NothingUntilThereAreEnough) {
  Trust trust;
  EXPECT_EQ(trust.value(), 0);
  for (size_t i = 0; i + 1 < Trust::kEnough; ++i) {
    trust.Add(static_cast<double>(i), static_cast<double>(i));
    EXPECT_EQ(trust.value(), 0);
  }
  trust.Add(100, 100);
  EXPECT_EQ(trust.value(), 1);
}

TEST(TrustTest, WrongPredictionsAreWorthNothing) {
  Trust reversed;
  Trust constant;
  Trust unknown;
  for (int i = 0; i < 40; ++i) {
    reversed.Add(-i, i);
    constant.Add(1, i);
    unknown.Add(kNaN, i);
  }
  EXPECT_EQ(reversed.value(), 0);
  EXPECT_EQ(constant.value(), 0);
  EXPECT_EQ(unknown.value(), 0);
}

TEST(TrustTest, NoiseIsNearNothing) {
  Rng rng(7);
  double sum = 0;
  for (int record = 0; record < 50; ++record) {
    Trust trust;
    for (size_t i = 0; i < 2 * Trust::kWindow; ++i) trust.Add(rng.Uniform(), rng.Uniform());
    EXPECT_LT(trust.value(), 0.3);  // 3.5 standard deviations of tau at 64 are 0.30
    sum += trust.value();
  }
  EXPECT_LT(sum / 50, 0.06);  // the positive half of a normal with deviation 0.085: mean 0.034
}

TEST(TrustTest, ForgetsWhatIsLongAgo) {
  Trust trust;
  for (int i = 0; i < 100; ++i) trust.Add(-i, i);
  for (size_t i = 0; i < Trust::kWindow; ++i) {
    trust.Add(static_cast<double>(i), static_cast<double>(i));
  }
  EXPECT_EQ(trust.value(), 1);
}

TEST(TrustTest, APriorCountsAsTenMeasurements) {
  Trust trust;
  trust.SetPrior(kNaN);
  EXPECT_EQ(trust.value(), 0);
  trust.SetPrior(0.6);
  EXPECT_DOUBLE_EQ(trust.value(), 0.6);
  for (int i = 0; i < 10; ++i) trust.Add(i, i);
  EXPECT_DOUBLE_EQ(trust.value(), 0.8);  // (10 * 1 + 10 * 0.6) / 20
  Trust bad;
  bad.SetPrior(-0.5);
  EXPECT_EQ(bad.value(), 0);
}

}  // namespace
}  // namespace banyan
