#include "schedule/mutator_steps.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

TEST(MutatorSteps, PrintAndParse) {
  const Plan plan{{DesignSpaceStep(17), MutateStep("tile_size", 12345)}};
  const std::string text = "design_space(sample=17)\nmutate(mutator=tile_size, draw=12345)\n";
  EXPECT_EQ(PrintPlan(plan), text);
  const auto parsed = ParsePlan("mutate(draw=12345, mutator=tile_size)");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->steps[0], plan.steps[1]);
  const auto whole = ParsePlan(text);
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(*whole, plan);
  const auto json = PlanFromJson(PlanToJson(plan));
  ASSERT_TRUE(json.ok()) << json.error().message;
  EXPECT_EQ(*json, plan);
  EXPECT_EQ(PlanHash(*json), PlanHash(plan));
}

TEST(MutatorSteps, AreCanonicalAsMade) {
  for (const std::string& name : MutatorNames()) {
    const Step step = MutateStep(name, uint64_t{5} << 40);
    const auto canonical = CanonicalStep(step);
    ASSERT_TRUE(canonical.ok()) << canonical.error().message;
    EXPECT_EQ(*canonical, step);
    EXPECT_LT(DrawOf(step), kMutatorDraws);
  }
  const Step sample = DesignSpaceStep(kMutatorDraws + 3);
  EXPECT_EQ(DrawOf(sample), 3u);
  EXPECT_TRUE(CanonicalStep(sample).ok());
  EXPECT_TRUE(CanonicalStep(DesignSpaceStep(kMutatorDraws - 1)).ok());
}

TEST(MutatorSteps, WrongArgumentsHaveReasons) {
  const auto reason = [](const char* text) {
    const auto step = ParseStep(text);
    EXPECT_FALSE(step.ok()) << text;
    return step.ok() ? std::string() : step.error().message;
  };
  EXPECT_NE(reason("mutate(mutator=thread_binding, draw=1)")
                .find("one of tile_size, compute_location, parallel, unroll"),
            std::string::npos);
  EXPECT_NE(reason("mutate(mutator=unroll)").find("draw"), std::string::npos);
  EXPECT_NE(reason("mutate(mutator=unroll, draw=-1)").find(">= 0"), std::string::npos);
  EXPECT_NE(reason("design_space(sample=2147483648)").find("<= 2147483647"), std::string::npos);
}

TEST(MutatorSteps, AreFoundButNotOffered) {
  for (const Transformation* step : MutatorSpaceTransformations()) {
    EXPECT_EQ(FindTransformation(step->name()), step);
    const auto& offered = AllTransformations();
    EXPECT_EQ(std::find(offered.begin(), offered.end(), step), offered.end());
    EXPECT_EQ(StepJsonSchema().dump().find("\"" + std::string(step->name()) + "\""),
              std::string::npos);
  }
  const auto unknown = ParseStep("mutat(draw=1)");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().message.find("mutate"), std::string::npos);
}

TEST(MutatorSteps, PlansOfTransformationsRefuseThem) {
  auto compiler = MakeFakeCompiler();
  for (const Step& step : {DesignSpaceStep(1), MutateStep("unroll", 2)}) {
    const auto candidate = compiler->Apply({{step}});
    ASSERT_FALSE(candidate.ok());
    EXPECT_EQ(candidate.error().code, ErrorCode::kIllegalStep);
    EXPECT_NE(candidate.error().message.find("MetaSchedule"), std::string::npos);
    EXPECT_TRUE(NeighbourSteps(*compiler->Root()->program, compiler->target(), step).empty());
    EXPECT_FALSE(FindTransformation(step.op)->Describe(step).empty());
  }
}

TEST(MutatorSteps, MutatorsOfAPlan) {
  const Plan plan{{DesignSpaceStep(1), MutateStep("unroll", 2), MutateStep("parallel", 3)}};
  EXPECT_EQ(MutatorsOf(plan), (std::vector<std::string>{"unroll", "parallel"}));
  EXPECT_TRUE(IsDesignSpaceStep(plan.steps[0]));
  EXPECT_FALSE(IsMutateStep(plan.steps[0]));
  EXPECT_TRUE(IsMutateStep(plan.steps[2]));
}

}  // namespace
}  // namespace banyan
