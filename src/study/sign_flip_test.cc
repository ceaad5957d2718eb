#include "study/sign_flip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace banyan {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

// Darwin's fifteen pairs of crossed and self-fertilised maize (The Effects of Cross and Self
// Fertilisation, 1876; differences in eighths of an inch), on which Fisher introduced the test: 863
// of the 32,768 sums are as large as the observed 314 or larger.
const std::vector<double> kDarwin = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};

TEST(SignFlip, CountsAsFisherDid) {
  EXPECT_DOUBLE_EQ(SignFlipAbove(kDarwin, 0).value, 863.0 / 32768);
  EXPECT_DOUBLE_EQ(SignFlipTwoSided(kDarwin, 0).value, 1726.0 / 32768);
  EXPECT_EQ(SignFlipTwoSided(kDarwin, 0).standard_error, 0);
}

// The definition, word for word.
double AboveByEnumeration(const std::vector<double>& values, double center) {
  double observed = 0;
  for (const double value : values) observed += value - center;
  const uint64_t choices = uint64_t{1} << values.size();
  double hits = 0;
  for (uint64_t signs = 0; signs < choices; ++signs) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      sum += (signs >> i & 1 ? 1 : -1) * (values[i] - center);
    }
    if (sum >= observed - 1e-9) ++hits;
  }
  return hits / static_cast<double>(choices);
}

std::vector<double> Normals(Rng& rng, size_t count, double mean = 0) {
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) values.push_back(mean + rng.Normal());
  return values;
}

TEST(SignFlip, MeetingInTheMiddleCountsWhatEnumerationCounts) {
  Rng rng(1);
  for (size_t count = 1; count <= 13; ++count) {
    for (const double center : {-0.5, 0.0, 0.3}) {
      std::vector<double> values = Normals(rng, count, 0.4);
      if (count % 3 == 0) values.front() = center;  // a zero: its two signs tie
      EXPECT_NEAR(SignFlipAbove(values, center).value, AboveByEnumeration(values, center), 1e-12)
          << count << " values, center " << center;
    }
  }
}

TEST(SignFlip, WholeNumbersTieExactly) {
  const std::vector<double> values = {0.1, 0.2, 0.3, -0.3, -0.2, -0.1};
  EXPECT_DOUBLE_EQ(SignFlipTwoSided(values, 0).value, 1);
  EXPECT_DOUBLE_EQ(SignFlipTwoSided({1, 1, 1, 1, 1, 1}, 0).value, 2.0 / 64);
  EXPECT_DOUBLE_EQ(SignFlipTwoSided({}, 0).value, 1);
}

TEST(SignFlip, TheIntervalHoldsTheCentersThatTheTestDoesNotRefuse) {
  Rng rng(2);
  for (size_t count = 6; count <= 12; ++count) {
    const std::vector<double> values = Normals(rng, count, 0.3);
    const Interval interval = SignFlipInterval(values);
    ASSERT_TRUE(std::isfinite(interval.low) && std::isfinite(interval.high));
    const double step = 1e-6;
    EXPECT_GT(SignFlipTwoSided(values, interval.low + step).value, 0.05) << count;
    EXPECT_LE(SignFlipTwoSided(values, interval.low - step).value, 0.05) << count;
    EXPECT_GT(SignFlipTwoSided(values, interval.high - step).value, 0.05) << count;
    EXPECT_LE(SignFlipTwoSided(values, interval.high + step).value, 0.05) << count;
  }
}

// All subset means of six values: five of 64 choices would be needed to refuse at 10 % a side, one
// at 2.5 %, which is the least mean there is: the least value.
TEST(SignFlip, SixPairsGiveTheWholeRange) {
  const std::vector<double> values = {0.4, -0.1, 0.3, 0.2, 0.6, 0.5};
  const Interval interval = SignFlipInterval(values);
  EXPECT_NEAR(interval.low, -0.1, 1e-9);
  EXPECT_NEAR(interval.high, 0.6, 1e-9);
}

TEST(SignFlip, FivePairsBoundNothing) {
  const Interval interval = SignFlipInterval({1, 2, 3, 4, 5});
  EXPECT_EQ(interval.low, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(interval.high, std::numeric_limits<double>::infinity());
}

TEST(SignFlip, RandomChoicesAgreeWithAllOfThemWithinTheirError) {
  Rng rng(3);
  const std::vector<double> values = Normals(rng, 20, 0.3);
  const SignFlipOptions random{.exact_pairs = 10, .samples = 50'000, .seed = 4};
  const PValue exact = SignFlipTwoSided(values, 0);
  const PValue sampled = SignFlipTwoSided(values, 0, random);
  EXPECT_GT(sampled.standard_error, 0);
  EXPECT_NEAR(sampled.value, exact.value, 4 * sampled.standard_error);
  EXPECT_EQ(sampled.value, SignFlipTwoSided(values, 0, random).value);  // seeded
  const Interval all = SignFlipInterval(values);
  const Interval some = SignFlipInterval(values, random);
  EXPECT_NEAR(some.low, all.low, 0.05);
  EXPECT_NEAR(some.high, all.high, 0.05);
}

TEST(SignFlip, ManyPairsAreSampled) {
  Rng rng(5);
  const std::vector<double> values = Normals(rng, 150, 0.5);
  EXPECT_LT(SignFlipTwoSided(values, 0).value, 0.001);
  EXPECT_GT(SignFlipTwoSided(values, 0).value, 0);
  const Interval interval = SignFlipInterval(values);
  EXPECT_GT(interval.low, 0.2);
  EXPECT_LT(interval.high, 0.8);
}

// Wikipedia's example of the method: of 0.01, 0.04, 0.03, 0.005 the first and the last are refused.
TEST(Holm, MultipliesByWhatIsLeft) {
  EXPECT_THAT(HolmAdjusted({0.01, 0.04, 0.03, 0.005}),
              ElementsAre(DoubleNear(0.03, 1e-12), DoubleNear(0.06, 1e-12), DoubleNear(0.06, 1e-12),
                          DoubleNear(0.02, 1e-12)));
  EXPECT_THAT(HolmAdjusted({0.9, 0.8}), ElementsAre(1, 1));
  EXPECT_TRUE(HolmAdjusted({}).empty());
}

}  // namespace
}  // namespace banyan
