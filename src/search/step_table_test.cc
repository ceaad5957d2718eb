#include "search/step_table.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace banyan {
namespace {

TEST(StepTableTest, EqualStepsHaveOneNumber) {
  StepTable table;
  const Step tile{"tile",
                  {{"block", "O"}, {"factors", {{"i", {8, 4}}}}, {"order", {"i.0", "i.1"}}}};
  const Step other{"tile",
                   {{"block", "O"}, {"factors", {{"i", {4, 8}}}}, {"order", {"i.0", "i.1"}}}};
  const Step plain{"unroll", {{"loop", "O.i"}}};
  EXPECT_EQ(table.Add(tile), 0);
  EXPECT_EQ(table.Add(other), 1);
  EXPECT_EQ(table.Add(plain), 2);
  EXPECT_EQ(table.Add(tile), 0);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.at(0), tile);
  EXPECT_EQ(table.at(1), other);
  EXPECT_EQ(table.at(2), plain);
}

// What a plan may hold: names of any letters, numbers of any size and sign, nested lists.
TEST(StepTableTest, StepsComeBackAsTheyWere) {
  StepTable table;
  Rng rng(0);
  std::vector<Step> steps;
  for (int i = 0; i < 500; ++i) {
    Json list = Json::array();
    for (uint64_t k = rng.Below(5); k > 0; --k)
      list.push_back(static_cast<int64_t>(rng.Below(uint64_t{1} << 40)) - (int64_t{1} << 39));
    steps.push_back({"step",
                     {{"n", i},
                      {"share", rng.Uniform()},
                      {"yes", rng.Chance(0.5)},
                      {"name",
                       "bl\xc3\xb6"
                       "ck" +
                           std::to_string(i)},
                      {"list", std::move(list)}}});
  }
  for (const Step& step : steps) table.Add(step);
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(table.at(static_cast<StepTable::Id>(i)), steps[i]);
    EXPECT_EQ(PrintStep(table.at(static_cast<StepTable::Id>(i))), PrintStep(steps[i]));
  }
}

}  // namespace
}  // namespace banyan
