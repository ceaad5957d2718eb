#include "search/journal_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using ::testing::HasSubstr;

std::vector<Event> Journal() {
  std::vector<Event> events(4);
  events[0].body = ReferenceEvent{};
  events[1].body = LimitsEvent{.call_id = 1, .model = 0, .limits = {.tokens = 70, .cost_usd = 0.5}};
  events[2].body = LimitsEvent{.call_id = 1, .model = 1, .limits = {.tokens = 30, .cost_usd = 0}};
  events[3].body = ReplyEvent{.call_id = 1, .reply = {}};
  for (size_t i = 0; i < events.size(); ++i) events[i].index = static_cast<int64_t>(i);
  return events;
}

TEST(JournalReaderTest, LimitsAreHandedOutWhereTheyWereAskedFor) {
  const std::vector<Event> events = Journal();
  JournalReader reader(&events);
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_EQ(reader.TakeLimits(0)->tokens, 70);
  EXPECT_EQ(reader.TakeLimits(1)->tokens, 30);
  EXPECT_EQ(reader.TakeLimits(0)->tokens, 0) << "limits of 0 are not written";
  const auto reply = reader.Next();
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ((*reply)->index, 3);
  EXPECT_FALSE(reader.TakeLimits(0)) << "the journal has ended";
  EXPECT_EQ(*reader.Next(), nullptr);
}

TEST(JournalReaderTest, AnotherQuestionOrNoneIsAnotherSearch) {
  const std::vector<Event> events = Journal();
  JournalReader none(&events);
  ASSERT_TRUE(none.Next().ok());
  EXPECT_THAT(none.Next().error().message, HasSubstr("event 1"));
  JournalReader other(&events);
  ASSERT_TRUE(other.Next().ok());
  EXPECT_EQ(other.TakeLimits(1)->tokens, 70);
  EXPECT_THAT(other.Next().error().message, HasSubstr("now it is model 1"));
}

TEST(JournalReaderTest, AMissingEventIsSaid) {
  std::vector<Event> events = Journal();
  events.erase(events.begin());
  JournalReader reader(&events);
  EXPECT_EQ(reader.Next().error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace banyan
