#include "report/study_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

class StudyDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::Make("banyan-study-data-test");
    ASSERT_TRUE(made.ok());
    folder_ = std::move(made).value();
    for (const char* name : {"runs", "pairs", "summary", "aggregate", "ledger"}) {
      Write(name, R"({"schema_version": 1, "study": "s", "rows": [{"a": 1}]})");
    }
    Write("verdicts", R"({"schema_version": 1, "study": "it's", "description": "d",
                          "origin": "study", "command": "banyan study studies/s.toml",
                          "comparisons": [{"verdict": "faster"}],
                          "notes": ["n"]})");
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(WriteFileAtomically(folder_.path() + "/" + name + ".json", text).ok());
  }

  TempDir folder_;
};

TEST_F(StudyDataTest, JoinsTheFiles) {
  EXPECT_TRUE(IsStudyFolder(folder_.path()));
  const auto data = LoadStudyData(folder_.path());
  ASSERT_TRUE(data.ok()) << data.error().message;
  EXPECT_EQ((*data)["kind"], "study");
  EXPECT_EQ((*data)["comparisons"][0]["verdict"], "faster");
  EXPECT_EQ((*data)["pairs"][0]["a"], 1);
  EXPECT_TRUE((*data)["curves"].empty());
  EXPECT_EQ((*data)["commands"][0]["command"], "banyan study studies/s.toml");
  EXPECT_THAT((*data)["commands"][1]["command"].get<std::string>(), HasSubstr("banyan report "));
}

TEST_F(StudyDataTest, CurvesAreThinnedButKeepTheirEnds) {
  Json points = Json::array();
  for (int i = 0; i < 1001; ++i) points.push_back({{"trials", i}});
  const Json curve = {{"points", points}};
  Write("curves", Json({{"schema_version", 1}, {"rows", Json::array({curve})}}).dump());
  const auto data = LoadStudyData(folder_.path(), 100);
  ASSERT_TRUE(data.ok()) << data.error().message;
  const Json& kept = (*data)["curves"][0]["points"];
  EXPECT_LE(kept.size(), 102U);
  EXPECT_EQ(kept.front()["trials"], 0);
  EXPECT_EQ(kept.back()["trials"], 1000);
}

TEST_F(StudyDataTest, WhatIsMissingOrDamagedIsNamed) {
  Write("pairs", "{");
  EXPECT_THAT(LoadStudyData(folder_.path()).error().message, HasSubstr("pairs.json"));
  Write("pairs", R"({"rows": [1]})");
  EXPECT_EQ(LoadStudyData(folder_.path()).error().code, ErrorCode::kCorrupt);
  Write("pairs", R"({"schema_version": 2, "rows": []})");
  EXPECT_THAT(LoadStudyData(folder_.path()).error().message, HasSubstr("newer Banyan"));
  Write("verdicts", R"({"schema_version": 1})");
  EXPECT_THAT(LoadStudyData(folder_.path()).error().message, HasSubstr("comparisons"));
  EXPECT_FALSE(IsStudyFolder(folder_.path() + "/none"));
  EXPECT_EQ(LoadStudyData(folder_.path() + "/none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace banyan
