#include "model/retry.h"

#include <gtest/gtest.h>

namespace banyan {
namespace {

constexpr int64_t kNowMs = 784'111'777'000;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(ParseRetryAfter("120", kNowMs), 120.0);
  EXPECT_EQ(ParseRetryAfter(" 0.5 ", kNowMs), 0.5);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:37 GMT", kNowMs), 60.0);
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:50:37 GMT", kNowMs), 60.0);
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:50:37 1994", kNowMs), 60.0);
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", kNowMs), 0.0) << "in the past";
}

TEST(RetryAfter, TakesNothingElse) {
  for (const char* text :
       {"", "soon", "-3", "1e5", "inf", "nan", "3 s", "0x10", "2 May",
        "99999999999999999999999999999999999999999999999999999999999999999999999"}) {
    EXPECT_EQ(ParseRetryAfter(text, kNowMs), std::nullopt) << text;
  }
}

TEST(RetryStatus, IsWhatMayPass) {
  for (const int status : {408, 409, 429, 500, 502, 503, 504, 529}) {
    EXPECT_TRUE(IsRetryStatus(status)) << status;
  }
  for (const int status : {200, 301, 400, 401, 403, 404, 413, 422}) {
    EXPECT_FALSE(IsRetryStatus(status)) << status;
  }
}

TEST(Backoff, GrowsToItsLimit) {
  EXPECT_DOUBLE_EQ(BackoffSeconds(1, 0.5, 20, 0), 0.25);
  EXPECT_DOUBLE_EQ(BackoffSeconds(1, 0.5, 20, 1), 0.5);
  EXPECT_DOUBLE_EQ(BackoffSeconds(3, 0.5, 20, 1), 2);
  EXPECT_DOUBLE_EQ(BackoffSeconds(50, 0.5, 20, 1), 20);
}

}  // namespace
}  // namespace banyan
