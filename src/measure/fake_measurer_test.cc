#include "measure/testing/fake_measurer.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using testing::ElementsAre;

TrialRequest Request(uint64_t id, uint64_t hash = 0) {
  TrialRequest request;
  request.trial_id = id;
  request.program_hash = hash == 0 ? 1000 + id : hash;
  return request;
}

std::vector<uint64_t> DrainIds(FakeMeasurer& measurer) {
  std::vector<uint64_t> ids;
  while (auto outcome = measurer.Wait(1e9)) ids.push_back(outcome->trial_id);
  return ids;
}

TEST(FakeMeasurerTest, SlowBuildsFinishOutOfOrder) {
  FakeMeasurer measurer([](const TrialRequest& request) {
    return FakeTrial{.latency_ms = 1, .build_s = request.trial_id == 1 ? 1.0 : 0.1, .run_s = 0.1};
  });
  ASSERT_TRUE(measurer.Prepare({}, {}, 0).ok());
  for (uint64_t id = 1; id <= 4; ++id) measurer.Submit(Request(id));
  EXPECT_EQ(measurer.InFlight(), 4);
  EXPECT_THAT(DrainIds(measurer), ElementsAre(2, 3, 4, 1));
  EXPECT_EQ(measurer.InFlight(), 0);
}

TEST(FakeMeasurerTest, BuildsOverlapButRunsDoNot) {
  FakeClock clock;
  FakeMeasurer measurer([](const TrialRequest&) { return FakeTrial{.build_s = 1.0, .run_s = 0.5}; },
                        {.workers = 2, .clock = &clock});
  measurer.Submit(Request(1));
  measurer.Submit(Request(2));
  ASSERT_TRUE(measurer.Wait(10));
  EXPECT_DOUBLE_EQ(clock.NowS(), 1.5);
  ASSERT_TRUE(measurer.Wait(10));
  EXPECT_DOUBLE_EQ(clock.NowS(), 2.0);
  EXPECT_DOUBLE_EQ(measurer.build_s(), 2.0);
  EXPECT_DOUBLE_EQ(measurer.run_s(), 1.0);
}

TEST(FakeMeasurerTest, WaitTimesOutInSimulatedTime) {
  FakeMeasurer measurer([](const TrialRequest&) { return FakeTrial{.build_s = 5}; });
  measurer.Submit(Request(1));
  EXPECT_FALSE(measurer.Wait(1));
  EXPECT_DOUBLE_EQ(measurer.clock().NowS(), 1);
  EXPECT_FALSE(measurer.Wait(0));
  EXPECT_TRUE(measurer.Wait(10));
}

TEST(FakeMeasurerTest, StopsHopelessCandidatesEarly) {
  FakeMeasurer measurer([](const TrialRequest& request) {
    return FakeTrial{.latency_ms = static_cast<double>(request.trial_id)};
  });
  measurer.SetStopAbove(2.5);
  for (uint64_t id = 1; id <= 3; ++id) measurer.Submit(Request(id));
  EXPECT_EQ(measurer.Wait(9)->samples_ms.size(), 3u);
  EXPECT_FALSE(measurer.Wait(9)->stopped_early);
  const auto third = measurer.Wait(9);
  EXPECT_TRUE(third->stopped_early);
  EXPECT_THAT(third->samples_ms, ElementsAre(3));
}

TEST(FakeMeasurerTest, FailuresHaveKindsAndWrongResultsAreQuarantined) {
  int runs = 0;
  FakeMeasurer measurer(
      [&runs](const TrialRequest&) {
        ++runs;
        return FakeTrial{.failure = FailureKind::kWrongResult};
      },
      {.workers = 1});
  measurer.Submit(Request(1, 42));
  measurer.Submit(Request(2, 42));
  EXPECT_EQ(measurer.Wait(9)->failure, FailureKind::kWrongResult);
  const double before_s = measurer.clock().NowS();
  const auto second = measurer.Wait(9);
  EXPECT_EQ(second->failure, FailureKind::kWrongResult);
  EXPECT_FALSE(second->ok());
  EXPECT_EQ(measurer.clock().NowS(), before_s);
}

TEST(FakeMeasurerTest, CancelReportsEveryTrialOnce) {
  FakeMeasurer measurer([](const TrialRequest&) { return FakeTrial{}; });
  for (uint64_t id = 1; id <= 5; ++id) measurer.Submit(Request(id));
  ASSERT_TRUE(measurer.Wait(9));
  measurer.CancelAll();
  int cancelled = 0;
  while (auto outcome = measurer.Wait(0)) {
    EXPECT_EQ(outcome->failure, FailureKind::kCancelled);
    ++cancelled;
  }
  EXPECT_EQ(cancelled, 4);
}

TEST(FakeMeasurerTest, NoiseDependsOnTheTrialNotOnTheOrder) {
  const auto script = [](const TrialRequest&) { return FakeTrial{.latency_ms = 10}; };
  FakeMeasurer one(script, {.noise = 0.1, .seed = 5});
  FakeMeasurer other(script, {.noise = 0.1, .seed = 5});
  one.Submit(Request(1));
  one.Submit(Request(2));
  other.Submit(Request(2));
  const auto first = one.Wait(9);
  const auto second = one.Wait(9);
  EXPECT_NE(first->samples_ms, second->samples_ms);
  EXPECT_EQ(other.Wait(9)->samples_ms, second->samples_ms);
}

TEST(FakeMeasurerTest, PrepareFailsAsScripted) {
  FakeMeasurer measurer([](const TrialRequest&) { return FakeTrial{}; },
                        {.prepare_error = EnvironmentError("no such machine")});
  EXPECT_EQ(measurer.Prepare({}, {}, 0).error().message, "no such machine");
  EXPECT_FALSE(measurer.Finals({Request(1)}).ok());
}

}  // namespace
}  // namespace banyan
