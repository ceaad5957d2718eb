#include "schedule/step.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

std::string ErrorOf(std::string_view text) {
  auto plan = ParsePlan(text);
  return plan.ok() ? "" : plan.error().message;
}

TEST(StepTextTest, PrintsCanonicalText) {
  auto step = ParseStep("tile( order=[k.0, O.i.1], block = O, factors={k: 4, O.i: [8,]} )");
  ASSERT_TRUE(step.ok()) << step.error().message;
  EXPECT_EQ(PrintStep(*step), "tile(block=O, factors={i: [8], k: [4]}, order=[k.0, i.1])");
}

TEST(StepTextTest, DefaultsAndNullsAreLeftOut) {
  auto step = ParseStep("pack(block=C, buffer=B, scope=global, name=B_pack, pad=false)");
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(PrintStep(*step), "pack(block=C, buffer=B)");
  auto json = StepFromJson({{"op", "pack"}, {"block", "C"}, {"buffer", "B"}, {"at", nullptr}});
  ASSERT_TRUE(json.ok()) << json.error().message;
  EXPECT_EQ(*json, *step);
}

TEST(StepTextTest, EqualPlansHaveEqualHashesWhateverTheOrderOfArguments) {
  auto a = ParsePlan("tile(block=O, factors={i: [8], k: [4]})\nunroll(loop=O.k.1)");
  auto b = ParsePlan(
      "# comment\n tile(factors={k: [4], O.i: [8]}, block=O); unroll(loop=O.k.1) # end\n");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(*a, *b);
  EXPECT_EQ(PlanHash(*a), PlanHash(*b));
  auto c = ParsePlan("tile(block=O, factors={i: [8], k: [2]})\nunroll(loop=O.k.1)");
  EXPECT_NE(PlanHash(*a), PlanHash(*c));
}

TEST(StepTextTest, ErrorsSayWhereAndWhatIsExpected) {
  EXPECT_EQ(ErrorOf("unroll(loop=O.i)\nunroll(loop=)"),
            "2:13: expected a value: a number, true, false, a name, [...] or {...}, got ')'");
  EXPECT_EQ(ErrorOf("unrol(loop=O.i)")
                .rfind("1:1: unknown transformation 'unrol' (did you mean 'unroll'?)", 0),
            0u);
  EXPECT_EQ(ErrorOf("unroll(block=O)"), "1:8: unroll: unknown argument 'block'; expected loop");
  EXPECT_EQ(ErrorOf("unroll()"), "1:1: unroll: argument 'loop' is missing");
  EXPECT_EQ(ErrorOf("unroll(loop=O.i"), "1:16: expected ',' or ')', got the end of the text");
  EXPECT_EQ(ErrorOf("unroll(loop=O.i) unroll(loop=O.k)"),
            "1:18: expected a new line after the step, got 'u'");
  EXPECT_EQ(ErrorOf("tile(block=O,\n  factors={i: [0]})"),
            "2:3: tile: factors.i[0]: expected an integer >= 1, got 0");
  EXPECT_EQ(ErrorOf("tile(block=O, factors={i: [2], i: [4]})"), "1:32: 'i' is given twice");
  EXPECT_EQ(ErrorOf("inline(block=O, into=both)"),
            "1:17: inline: into: expected one of consumers, producer, got \"both\"");
  EXPECT_EQ(ErrorOf("tile(block=O, factors={i: [99999999999999999999]})"),
            "1:28: 99999999999999999999 does not fit 64 bits");
  EXPECT_EQ(ErrorOf("unroll(loop=\"O.i)"), "1:13: this quoted text does not end on its line");
  EXPECT_EQ(ErrorOf("pack(block=C, buffer=B, map=[e0])"),
            "1:1: pack: layout term 'e0' is none of d0, d0/16, d0%16, d0/16%8");
}

TEST(StepTextTest, StringsThatReadAsNumbersAreQuoted) {
  const Json args =
      Json::array({"16", "a b", "true", 1.5, -3, true, "x\"\n", Json::array({"1e5"}), "-"});
  auto step = CanonicalStep({"primitive", {{"name", "StorageAlign"}, {"args", args}}});
  ASSERT_TRUE(step.ok());
  auto again = ParseStep(PrintStep(*step));
  ASSERT_TRUE(again.ok()) << PrintStep(*step) << ": " << again.error().message;
  EXPECT_EQ(*again, *step);
  EXPECT_TRUE(again->args["args"][0].is_string());
  EXPECT_TRUE(again->args["args"][3].is_number_float());
}

TEST(StepJsonTest, RoundTrips) {
  auto plan = ParsePlan(
      "tile(block=O, factors={i: [8, 2]}, order=[i.1, i.0])\naccumulate(block=O, at=i.0)\n");
  ASSERT_TRUE(plan.ok());
  auto again = PlanFromJson(Json::parse(PlanToJson(*plan).dump()));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, *plan);
}

TEST(StepJsonTest, RefusesWhatIsNoStep) {
  EXPECT_FALSE(StepFromJson(Json::array()).ok());
  EXPECT_FALSE(StepFromJson({{"op", 3}}).ok());
  EXPECT_FALSE(PlanFromJson({{"op", "unroll"}}).ok());
  auto plan = PlanFromJson(Json::array({{{"op", "unroll"}, {"loop", "O.i"}}, {{"op", "unroll"}}}));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message, "step 2: unroll: argument 'loop' is missing");
}

TEST(StepJsonTest, SchemaHasABranchForEachTransformation) {
  const Json schema = StepJsonSchema();
  ASSERT_EQ(schema["anyOf"].size(), AllTransformations().size());
  for (const auto& branch : schema["anyOf"]) {
    EXPECT_TRUE(branch["properties"]["op"].contains("const"));
    EXPECT_EQ(branch["required"][0], "op");
    EXPECT_EQ(branch["additionalProperties"], false);
  }
  EXPECT_EQ(PlanJsonSchema()["type"], "array");
}

TEST(PlanTest, PrefixAndThen) {
  auto plan = ParsePlan("unroll(loop=O.i)\nunroll(loop=O.k)");
  ASSERT_TRUE(plan.ok());
  Plan prefix;
  EXPECT_TRUE(plan->HasPrefix(prefix));
  prefix.steps.push_back(plan->steps[0]);
  EXPECT_TRUE(plan->HasPrefix(prefix));
  EXPECT_FALSE(prefix.HasPrefix(*plan));
  EXPECT_EQ(prefix.Then({plan->steps[1]}), *plan);
  prefix.steps[0] = plan->steps[1];
  EXPECT_FALSE(plan->HasPrefix(prefix));
}

// Text made of the pieces of a plan, at random: parsing never crashes, and what parses,
// round-trips.
TEST(PlanFuzzTest, RandomAndMutatedTextNeverCrashes) {
  const std::string seedling =
      "tile(block=O, factors={i: [8, 2], k: [4]}, order=[k.0, i.0, k.1, i.1])\n"
      "pack(block=O, buffer=B, map=[d1/16, d0, d1%16], at=k.0, name=\"x y\")\n"
      "primitive(name=Annotate, args=[O.i.0, key, {a: 1.5}]) # comment\n";
  const std::vector<std::string> pieces = {
      "(",       ")", "[",  "]",    "{",     "}", ",",  "=",  ":",    "\"",
      "\\",      "#", "\n", "tile", "block", "-", "1e", "0x", "\xff", std::string(1, '\0'),
      "\xc3\x28"};
  Rng rng(11, "fuzz");
  int parsed = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = rng.Chance(0.8) ? seedling : std::string();
    const int edits = static_cast<int>(rng.Between(0, 6));
    for (int edit = 0; edit < edits; ++edit) {
      const size_t at = rng.Below(text.size() + 1);
      switch (rng.Below(4)) {
        case 0:
          text.insert(at, rng.Pick(pieces));
          break;
        case 1:
          text.insert(at, 1, static_cast<char>(rng.Below(256)));
          break;
        case 2:
          text.erase(at, rng.Below(8));
          break;
        default: {
          const std::string part = text.substr(at, rng.Below(20));
          text.insert(rng.Below(text.size() + 1), part);
        }
      }
    }
    auto plan = ParsePlan(text);
    if (!plan.ok()) {
      EXPECT_EQ(plan.error().code, ErrorCode::kInvalidArgument);
      EXPECT_EQ(plan.error().message.find('\n'), std::string::npos) << plan.error().message;
      continue;
    }
    ++parsed;
    auto again = ParsePlan(PrintPlan(*plan));
    ASSERT_TRUE(again.ok()) << again.error().message << "\n" << PrintPlan(*plan);
    EXPECT_EQ(*again, *plan);
    EXPECT_EQ(PrintPlan(*again), PrintPlan(*plan));
    auto from_json = PlanFromJson(PlanToJson(*plan));
    ASSERT_TRUE(from_json.ok()) << from_json.error().message;
    EXPECT_EQ(*from_json, *plan);
  }
  EXPECT_GT(parsed, 1000);
}

TEST(PlanFuzzTest, DeepNestingIsRefused) {
  EXPECT_FALSE(ParsePlan("primitive(name=x, args=" + std::string(100000, '[')).ok());
  Json deep = 1;
  for (int i = 0; i < 50; ++i) deep = Json::array({deep});
  EXPECT_FALSE(CanonicalStep({"primitive", {{"name", "x"}, {"args", deep}}}).ok());
}

}  // namespace
}  // namespace banyan
