#include "store/study_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/testing/fake_clock.h"
#include "store/store.h"

namespace banyan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StudyLogTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Store::Open(path_, Store::Mode::kWrite).ok()); }
  std::unique_ptr<StudyLog> Open(bool writable = true) {
    auto log = StudyLog::Open(path_, writable, &clock_);
    EXPECT_TRUE(log.ok()) << log.error().message;
    return std::move(log).value();
  }

  TempDir folder_ = TempDir::Make("banyan-study-log-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  FakeClock clock_;
};

StudyRunRecord SampleRecord(const std::string& arm) {
  StudyRunRecord record;
  record.key = {.workload = "mlp", .seed = UINT64_MAX, .budget = "8 trials", .arm = arm};
  record.config = R"({"a":1})";
  record.status = "running";
  record.facts = {{"commit", "abc"}};
  record.started_unix_ms = 5;
  return record;
}

TEST_F(StudyLogTest, KeepsOneRecordForEachKey) {
  const auto log = Open();
  ASSERT_TRUE(log->Begin("s", "text").ok());
  StudyRunRecord record = SampleRecord("b");
  ASSERT_TRUE(log->Save("s", record).ok());
  ASSERT_TRUE(log->Save("s", SampleRecord("a")).ok());
  record.status = "failed";
  record.run_id = "20260101-000000-1";
  record.error = "two\nlines";
  record.ended_unix_ms = 9;
  ASSERT_TRUE(log->Save("s", record).ok());
  ASSERT_TRUE(log->Begin("other", "text").ok());
  ASSERT_TRUE(log->Save("other", SampleRecord("a")).ok());

  const auto records = Open(false)->LoadRuns("s");
  ASSERT_TRUE(records.ok()) << records.error().message;
  ASSERT_EQ(records->size(), 2u);
  const StudyRunRecord& back = records->front();
  EXPECT_EQ(back.key, record.key);
  EXPECT_EQ(back.config, record.config);
  EXPECT_EQ(back.status, "failed");
  EXPECT_EQ(back.run_id, record.run_id);
  EXPECT_EQ(back.error, "two lines");
  EXPECT_EQ(back.facts, record.facts);
  EXPECT_EQ(back.started_unix_ms, 5);
  EXPECT_EQ(back.ended_unix_ms, 9);
  EXPECT_EQ(records->back().key.arm, "a");
}

TEST_F(StudyLogTest, FinalsAreReplacedWhole) {
  const auto log = Open();
  ASSERT_TRUE(log->Begin("s", "text").ok());
  StudyFinalsRecord record;
  record.workload = "mlp";
  record.seed = 3;
  record.budget = "8 trials";
  record.run_ids = {"r1"};
  ASSERT_TRUE(log->Save("s", record).ok());
  record.run_ids = {"r1", "r2"};
  record.finals = Json::array({Json{{"samples_ms", {1.5}}}, Json{{"samples_ms", {2.5}}}});
  ASSERT_TRUE(log->Save("s", record).ok());
  const auto finals = log->LoadFinals("s");
  ASSERT_TRUE(finals.ok());
  ASSERT_EQ(finals->size(), 1u);
  EXPECT_THAT(finals->front().run_ids, ElementsAre("r1", "r2"));
  EXPECT_EQ(finals->front().finals, record.finals);
  EXPECT_EQ(finals->front().seed, 3u);
}

TEST_F(StudyLogTest, AStoreWithoutStudiesHasNone) {
  const auto log = Open(false);
  EXPECT_THAT(log->LoadRuns("s").value(), IsEmpty());
  EXPECT_THAT(log->ListStudies().value(), IsEmpty());
  EXPECT_THAT(log->LoadFile("s").error().message, HasSubstr("holds no study 's', and no other"));
}

TEST_F(StudyLogTest, TheFileIsTheLastOneRun) {
  const auto log = Open();
  ASSERT_TRUE(log->Begin("s", "first").ok());
  ASSERT_TRUE(log->Begin("s", "second").ok());  // this very process may take it again
  EXPECT_EQ(log->LoadFile("s").value(), "second");
  ASSERT_TRUE(log->End("s").ok());
  EXPECT_THAT(log->ListStudies().value(), ElementsAre("s"));
}

}  // namespace
}  // namespace banyan
