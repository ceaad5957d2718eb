#include "schedule/compiler.h"

#include <gtest/gtest.h>

#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

std::vector<Step> Steps(const char* text) {
  auto plan = ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return plan->steps;
}

TEST(CompilerTest, AChildAppliesOnlyItsOwnSteps) {
  auto compiler = MakeFakeCompiler();
  auto root = compiler->Root();
  ASSERT_TRUE(root.ok());
  EXPECT_TRUE(root->plan.steps.empty());
  auto child =
      compiler->Extend(*root, Steps("tile(block=C, factors={i: [8]})\nunroll(loop=C.i.1)"));
  ASSERT_TRUE(child.ok()) << child.error().message;
  auto grandchild = compiler->Extend(*child, Steps("tile(block=C, factors={k: [4]})"));
  ASSERT_TRUE(grandchild.ok());
  EXPECT_EQ(compiler->counters().steps_applied, 3u);
  EXPECT_EQ(compiler->counters().copies, 2u);
  EXPECT_EQ(grandchild->plan.steps.size(), 3u);
  EXPECT_EQ(grandchild->plan_hash, PlanHash(grandchild->plan));
  EXPECT_NE(grandchild->program_hash, child->program_hash);
}

TEST(CompilerTest, TheSamePlanIsAHit) {
  auto compiler = MakeFakeCompiler();
  auto plan = ParsePlan("tile(block=C, factors={i: [8]})");
  auto first = compiler->Apply(*plan);
  auto second = compiler->Apply(*plan);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->program_hash, second->program_hash);
  EXPECT_EQ(compiler->counters().cache_hits, 1u);
  EXPECT_EQ(compiler->counters().copies, 1u);
}

TEST(CompilerTest, DroppedSchedulesAreRebuiltFromTheNearestAncestor) {
  auto compiler = MakeFakeCompiler(2);
  auto root = compiler->Root();
  auto a = compiler->Extend(*root, Steps("tile(block=C, factors={i: [8]})"));
  auto ab = compiler->Extend(*a, Steps("unroll(loop=C.i.1)"));
  auto abc = compiler->Extend(*ab, Steps("tile(block=C, factors={k: [4]})"));  // a is dropped
  ASSERT_TRUE(abc.ok());
  EXPECT_EQ(compiler->counters().evictions, 1u);
  const size_t applied = compiler->counters().steps_applied;
  EXPECT_TRUE(compiler->ModuleJson(*ab).ok());  // still live
  EXPECT_EQ(compiler->counters().steps_applied, applied);
  auto again = compiler->Extend(*a, Steps("reorder(block=C, order=[j, i.0])"));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(compiler->counters().steps_applied, applied + 2);  // a's step and the new one
  auto script = compiler->Script(*abc);
  ASSERT_TRUE(script.ok());
}

TEST(CompilerTest, WorksWithoutACache) {
  auto compiler = MakeFakeCompiler(0);
  auto a = compiler->Apply(*ParsePlan("tile(block=C, factors={i: [8]})"));
  ASSERT_TRUE(a.ok());
  auto b = compiler->Extend(*a, Steps("unroll(loop=C.i.1)"));
  ASSERT_TRUE(b.ok());
  EXPECT_TRUE(compiler->Features(*b).ok());
  EXPECT_TRUE(compiler->TraceJson(*b).ok());
  EXPECT_TRUE(compiler->TracePython(*b).ok());
}

TEST(CompilerTest, AFailureNamesTheStepAndLeavesTheParentUsable) {
  auto compiler = MakeFakeCompiler();
  auto parent = compiler->Apply(*ParsePlan("tile(block=C, factors={i: [8]})"));
  auto failed = compiler->Extend(*parent, Steps("unroll(loop=C.i.1)\nunroll(loop=C.i)"));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kIllegalStep);
  EXPECT_EQ(failed.error().message,
            "step 3, unroll(loop=C.i): no loop 'C.i'; loops around C: i.0, i.1, j, k");
  EXPECT_TRUE(compiler->Extend(*parent, Steps("unroll(loop=C.i.1)")).ok());
}

TEST(CompilerTest, StepsBuiltInCodeAreBroughtToCanonicalForm) {
  auto compiler = MakeFakeCompiler();
  auto root = compiler->Root();
  auto child = compiler->Extend(*root, {{"tile", {{"factors", {{"C.i", 8}}}, {"block", "C"}}}});
  ASSERT_TRUE(child.ok()) << child.error().message;
  EXPECT_EQ(PrintPlan(child->plan), "tile(block=C, factors={i: [8]})\n");
  auto bad = compiler->Extend(*child, {{"tile", {{"block", "C"}}}});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "step 2: tile: argument 'factors' is missing");
}

TEST(CompilerTest, EqualProgramsFromDifferentPlansHaveEqualHashes) {
  auto compiler = MakeFakeCompiler();
  auto a = compiler->Apply(
      *ParsePlan("tile(block=C, factors={i: [8]})\nreorder(block=C, order=[k, j])"));
  auto b = compiler->Apply(
      *ParsePlan("reorder(block=C, order=[k, j])\ntile(block=C, factors={i: [8]})"));
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->plan_hash, b->plan_hash);
  EXPECT_EQ(a->program_hash, b->program_hash);
  EXPECT_EQ(FakeLatencyMs(*a), FakeLatencyMs(*b));
}

TEST(FakeCompilerTest, TheFakeLatencyRewardsGoodSchedules) {
  auto compiler = MakeFakeCompiler();
  auto root = compiler->Root();
  auto good = compiler->Apply(*ParsePlan(
      "tile(block=C, factors={i: [8], j: [32], k: [4]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])\n"
      "vectorize(loop=C.j.1)\nunroll(loop=C.i.1)\nunroll(loop=C.k.1)\naccumulate(block=C, "
      "init=k.0)"));
  ASSERT_TRUE(root.ok());
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_LT(10 * FakeLatencyMs(*good), FakeLatencyMs(*root));
}

}  // namespace
}  // namespace banyan
