#include "measure/types.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace banyan {
namespace {

using testing::HasSubstr;

TEST(FailureKindTest, NamesRoundTrip) {
  for (int i = 0; i <= static_cast<int>(FailureKind::kCancelled); ++i) {
    const auto kind = static_cast<FailureKind>(i);
    const auto parsed = ParseFailureKind(FailureKindName(kind));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, kind);
  }
  EXPECT_FALSE(ParseFailureKind("gremlins").ok());
}

TEST(RankingLatencyTest, IsTheMedian) {
  EXPECT_EQ(RankingLatencyMs({3, 1, 2}), 2);
  EXPECT_EQ(RankingLatencyMs({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(RankingLatencyMs({7}), 7);
  EXPECT_TRUE(std::isnan(RankingLatencyMs({})));
}

TEST(MedianIntervalTest, FewSamplesGiveTheRange) {
  const Interval interval = MedianIntervalMs({5, 1, 3, 2, 4});
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 5);
  EXPECT_TRUE(std::isnan(MedianIntervalMs({}).low));
}

TEST(MedianIntervalTest, KnownOrderStatistics) {
  // Tables of the sign test: n = 10 gives x(2)..x(9), n = 20 gives x(6)..x(15), n = 6 the range.
  std::vector<double> samples;
  for (int i = 1; i <= 20; ++i) samples.push_back(i);
  EXPECT_EQ(MedianIntervalMs(samples).low, 6);
  EXPECT_EQ(MedianIntervalMs(samples).high, 15);
  samples.resize(10);
  EXPECT_EQ(MedianIntervalMs(samples).low, 2);
  EXPECT_EQ(MedianIntervalMs(samples).high, 9);
  samples.resize(6);
  EXPECT_EQ(MedianIntervalMs(samples).low, 1);
  EXPECT_EQ(MedianIntervalMs(samples).high, 6);
}

TEST(MedianIntervalTest, CoversAsOftenAsItSays) {
  int covered = 0;
  const int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    Rng rng(7, "coverage", static_cast<uint64_t>(round));
    std::vector<double> samples;
    for (int i = 0; i < 25; ++i) samples.push_back(std::exp(rng.Normal()));  // median 1
    const Interval interval = MedianIntervalMs(samples);
    if (interval.low <= 1 && 1 <= interval.high) ++covered;
  }
  EXPECT_GE(covered, rounds * 0.94);
  EXPECT_LE(covered, rounds * 0.99);
}

TEST(MedianIntervalTest, ManySamplesDoNotUnderflow) {
  std::vector<double> samples(20000);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<double>(i);
  const Interval interval = MedianIntervalMs(samples);
  // n / 2 -+ 1.96 sqrt(n) / 2.
  EXPECT_NEAR(interval.low, 10000 - 139, 3);
  EXPECT_NEAR(interval.high, 10000 + 139, 3);
}

TEST(MeasureJsonTest, TrialOutcomeRoundTrips) {
  TrialOutcome outcome;
  outcome.trial_id = 12345678901234567ULL;
  outcome.samples_ms = {0.1, 1.0 / 3, 7};
  outcome.stopped_early = true;
  outcome.max_relative_error = 0.25;
  outcome.build_s = 0.5;
  outcome.run_s = 0.125;
  const auto back = TrialOutcomeFromJson(Json::parse(ToJson(outcome).dump()));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->trial_id, outcome.trial_id);
  EXPECT_EQ(back->samples_ms, outcome.samples_ms);
  EXPECT_EQ(back->max_relative_error, 0.25);
  EXPECT_TRUE(back->stopped_early);
  EXPECT_TRUE(back->ok());
}

TEST(MeasureJsonTest, NotANumberIsNullBothWays) {
  ReferenceOutcome reference;
  reference.default_latency_ms = std::numeric_limits<double>::quiet_NaN();
  reference.stand_in = true;
  const Json json = Json::parse(ToJson(reference).dump());
  EXPECT_TRUE(json["default_latency_ms"].is_null());
  const auto back = ReferenceOutcomeFromJson(json);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(std::isnan(back->default_latency_ms));

  const auto timing = TimingFromJson(Json::parse(ToJson(Timing{}).dump()));
  ASSERT_TRUE(timing.ok());
  EXPECT_TRUE(std::isinf(timing->stop_above_ms));
  EXPECT_EQ(timing->enough_ms, Timing{}.enough_ms);
  Json older = ToJson(Timing{});
  older.erase("enough_ms");
  EXPECT_TRUE(std::isinf(TimingFromJson(older)->enough_ms));
  EXPECT_TRUE(std::isinf(TimingFromJson(ToJson(FinalTiming()))->enough_ms));
}

TEST(MeasureJsonTest, FinalOutcomeRoundTrips) {
  const FinalOutcome outcome = {.trial_id = 3,
                                .failure = FailureKind::kRunCrash,
                                .failure_text = "line \"one\"",
                                .samples_ms = {}};
  const auto back = FinalOutcomeFromJson(ToJson(outcome));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->failure, FailureKind::kRunCrash);
  EXPECT_EQ(back->failure_text, outcome.failure_text);
}

TEST(MeasureJsonTest, SaysWhatIsWrong) {
  Json json = ToJson(TrialOutcome{});
  json["failure"] = "gremlins";
  EXPECT_THAT(TrialOutcomeFromJson(json).error().message, HasSubstr("gremlins"));
  json = ToJson(TrialOutcome{});
  json.erase("samples_ms");
  EXPECT_THAT(TrialOutcomeFromJson(json).error().message, HasSubstr("has no 'samples_ms'"));
  json["samples_ms"] = {1, "two"};
  EXPECT_FALSE(TrialOutcomeFromJson(json).ok());
  EXPECT_FALSE(TimingFromJson(Json::array()).ok());
  EXPECT_FALSE(TimingFromJson({{"number", -1.5}}).ok());
}

}  // namespace
}  // namespace banyan
