#include "search/step_table.h"

#include <gtest/gtest.h>

#include <map>

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

TEST(HashIndexTest, AgreesWithAMap) {
  for (const uint64_t range : {uint64_t{50}, uint64_t{1} << 20, uint64_t{0} - 1}) {
    Rng rng(range);
    HashIndex index;
    std::map<uint64_t, int32_t> reference;
    std::vector<uint64_t> hashes;  // by number
    const auto find = [&](uint64_t hash) {
      return index.Find(
          hash, [&](int32_t number) { return hashes[static_cast<size_t>(number)] == hash; });
    };
    for (int i = 0; i < 2000; ++i) {
      const uint64_t hash = rng.Below(range);
      const auto known = reference.find(hash);
      ASSERT_EQ(find(hash), known == reference.end() ? -1 : known->second);
      if (known != reference.end()) continue;
      const auto number = static_cast<int32_t>(hashes.size());
      hashes.push_back(hash);
      reference.emplace(hash, number);
      index.Add(hash, number);
    }
    for (const auto& [hash, number] : reference) EXPECT_EQ(find(hash), number);
  }
}

// The same 32 bits of two hashes are told apart by the owner.
TEST(HashIndexTest, CollisionsAreAskedAbout) {
  HashIndex index;
  index.Add(7, 0);
  index.Add(7, 1);
  EXPECT_EQ(index.Find(7, [](int32_t number) { return number == 1; }), 1);
  EXPECT_EQ(index.Find(7, [](int32_t number) { return number == 0; }), 0);
  EXPECT_EQ(index.Find(7, [](int32_t) { return false; }), -1);
  EXPECT_EQ(HashIndex().Find(7, [](int32_t) { return true; }), -1);
}

}  // namespace
}  // namespace banyan
