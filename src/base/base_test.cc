// Tests of the small headers: result, hash, json, numbers, bounded_map, clock, cpu.
#include <sched.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bounded_map.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/numbers.h"
#include "base/result.h"
#include "base/testing/fake_clock.h"

namespace banyan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("odd");
  return value / 2;
}

Result<std::string> QuarterText(int value) {
  BANYAN_ASSIGN_OR_RETURN(const int half, Half(value));
  BANYAN_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return std::to_string(quarter);
}

Status MustBeEven(int value) {
  BANYAN_RETURN_IF_ERROR(Half(value));
  return Ok{};
}

TEST(ResultTest, ValueOrError) {
  EXPECT_EQ(*Half(4), 2);
  const Result<int> bad = Half(3);
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(bad.error().message, "odd");
}

TEST(ResultTest, MacrosPassErrorsOn) {
  EXPECT_EQ(*QuarterText(12), "3");
  EXPECT_EQ(QuarterText(6).error().message, "odd");
  EXPECT_TRUE(MustBeEven(2).ok());
  EXPECT_FALSE(MustBeEven(1).ok());
}

TEST(ResultTest, CodesHaveNames) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(ParseErrorCode(ErrorCodeName(code)), code);
  }
  EXPECT_EQ(ParseErrorCode("nonsense"), ErrorCode::kInternal);
}

TEST(HashTest, IsXxh3AndStable) {
  // XXH3_64bits("banyan") by the reference implementation: hashes are stored.
  EXPECT_EQ(HashHex(Hash64("banyan")), "cea494b47bf6d345");
  EXPECT_NE(Hash64("banyan", 1), Hash64("banyan"));
  EXPECT_EQ(HashHex(0xABC), "0000000000000abc");
  EXPECT_NE(HashCombine(1, 2), HashCombine(2, 1));
}

TEST(JsonTest, KeepsTheOrderOfKeys) {
  EXPECT_EQ(Json({{"z", 1}, {"a", 2}}).dump(), R"({"z":1,"a":2})");
}

TEST(ClockTest, FakeMovesOnlyWhenTold) {
  FakeClock clock(5);
  const Stopwatch watch(&clock);
  EXPECT_EQ(watch.ElapsedS(), 0);
  clock.SleepS(2);
  clock.Advance(-1);
  clock.AdvanceTo(6);
  EXPECT_EQ(watch.ElapsedS(), 2);
  clock.AdvanceTo(10);
  EXPECT_EQ(clock.NowS(), 10);
  EXPECT_EQ(clock.UnixMs(), 1'700'000'010'000);
}

TEST(ClockTest, SystemNeverGoesBack) {
  double last = SystemClock::Get()->NowS();
  for (int i = 0; i < 1000; ++i) {
    const double now = SystemClock::Get()->NowS();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(SystemClock::Get()->UnixMs(), 1'600'000'000'000);
}

TEST(CpuTest, SplitsRunFromBuild) {
  auto split = SplitCpus({2, 3, 8, 9}, -1, 1);
  ASSERT_TRUE(split.ok());
  EXPECT_THAT(split->run, ElementsAre(9));
  EXPECT_THAT(split->build, ElementsAre(2, 3, 8));
  split = SplitCpus({2, 3, 8, 9}, 3, 3);
  ASSERT_TRUE(split.ok());
  EXPECT_THAT(split->run, ElementsAre(2, 3, 9));
  EXPECT_THAT(split->build, ElementsAre(8));
  split = SplitCpus({4}, -1, 1);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->run, split->build);
}

TEST(CpuTest, SaysWhatDoesNotFit) {
  EXPECT_THAT(SplitCpus({0, 1}, 5, 1).error().message, HasSubstr("CPU 5"));
  EXPECT_THAT(SplitCpus({0, 1}, -1, 3).error().message, HasSubstr("3 cores"));
  EXPECT_FALSE(SplitCpus({0, 1}, -1, 0).ok());
  EXPECT_FALSE(PinThread(0, {-1}).ok());
  EXPECT_FALSE(PinThread(0, {}).ok());
}

TEST(NumbersTest, MedianOfOddAndEvenAndNone) {
  EXPECT_EQ(Median({5, 1, 3}), 3);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2.5);
  EXPECT_TRUE(std::isnan(Median({})));
}

TEST(BoundedMapTest, TheOldestGoFirst) {
  BoundedMap<int, std::string> map(2);
  EXPECT_EQ(map.Put(1, "one"), "one");
  map.Put(2, "two");
  map.Put(3, "three");
  EXPECT_EQ(map.Find(1), nullptr);
  ASSERT_NE(map.Find(2), nullptr);
  EXPECT_EQ(*map.Find(3), "three");
  map.Put(1, "again");
  EXPECT_EQ(map.Find(2), nullptr);
}

TEST(CpuTest, PinsAThread) {
  const std::vector<int> all = ProcessCpus();
  std::thread([&] {
    ASSERT_TRUE(PinThread(0, {all.back()}).ok());
    EXPECT_EQ(sched_getcpu(), all.back());
    EXPECT_EQ(ProcessCpus(), all);  // what the process was given, not what is left
  }).join();
}

}  // namespace
}  // namespace banyan
