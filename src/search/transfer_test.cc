#include "search/transfer.h"

#include <gtest/gtest.h>

#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

std::unique_ptr<Compiler> Matmul(int64_t m, int64_t n, int64_t k) {
  return MakeScheduleCompiler(FakeWorkload(), FakeTarget(),
                              std::make_unique<FakeLiveSchedule>(FakeMatmulProgram(m, n, k)));
}

const char kWinner[] =
    R"(tile(block=C, factors={i: [4], j: [32], k: [8]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])
vectorize(loop=C.j.1)
unroll(loop=C.i.1)
unroll(loop=C.k.1)
accumulate(block=C, init=k.0)
)";

Plan Winner() {
  const auto plan = ParsePlan(kWinner);
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  return *plan;
}

TEST(TransferTest, APlanThatFitsStaysAsItIs) {
  const auto compiler = Matmul(64, 64, 64);
  const auto adapted = Adapt(compiler.get(), Winner());
  ASSERT_TRUE(adapted);
  EXPECT_EQ(adapted->changed, 0u);
  EXPECT_EQ(adapted->left_out, 0u);
  EXPECT_EQ(PrintPlan(adapted->candidate.plan), PrintPlan(Winner()));
}

TEST(TransferTest, FactorsGoToTheNearestThatDivides) {
  const auto compiler = Matmul(90, 48, 100);
  const auto adapted = Adapt(compiler.get(), Winner());
  ASSERT_TRUE(adapted);
  EXPECT_EQ(adapted->left_out, 0u);
  EXPECT_EQ(adapted->changed, 1u);
  const Step& tile = adapted->candidate.plan.steps.front();
  EXPECT_EQ(PrintStep(tile),
            "tile(block=C, factors={i: [5], j: [16], k: [10]}, order=[i.0, j.0, k.0, k.1, i.1, "
            "j.1])");
}

TEST(TransferTest, AnUnevenPartIsBetterThanAnotherShape) {
  const auto compiler = Matmul(97, 64, 64);  // a prime
  const auto adapted = Adapt(compiler.get(), Winner());
  ASSERT_TRUE(adapted);
  EXPECT_EQ(adapted->candidate.plan.steps.front().args["factors"]["i"][0], 4);
}

TEST(TransferTest, SmallerThanThePartsOfTheWinner) {
  const auto compiler = Matmul(2, 16, 4);
  const auto adapted = Adapt(compiler.get(), Winner());
  ASSERT_TRUE(adapted);
  EXPECT_EQ(adapted->candidate.plan.steps.front().args["factors"]["j"][0], 16);
}

TEST(TransferTest, CutsOfAMapFitTheBuffer) {
  const ProgramView program = FakeMatmulProgram(64, 48, 100);
  const auto step = ParseStep("pack(block=C, buffer=B, map=[d1/32, d0, d1%32])");
  ASSERT_TRUE(step.ok()) << step.error().message;
  EXPECT_EQ(FitSizes(*step, program, {}, false), *step);
  const Step fitted = FitSizes(*step, program, {}, true);
  EXPECT_EQ(fitted.args["map"].dump(), R"(["d1/24","d0","d1%24"])");
}

TEST(TransferTest, WhatHangsOnAStepThatDoesNotFitFallsWithIt) {
  Plan plan = Winner();
  plan.steps.push_back({"vectorize", {{"loop", "nothing.j"}}});
  const auto compiler = Matmul(64, 64, 64);
  const auto adapted = Adapt(compiler.get(), plan);
  ASSERT_TRUE(adapted);
  EXPECT_EQ(adapted->left_out, 1u);
  EXPECT_EQ(PrintPlan(adapted->candidate.plan), PrintPlan(Winner()));
}

TEST(TransferTest, APlanOfAnotherProgramIsRefused) {
  const auto compiler = MakeScheduleCompiler(
      FakeWorkload(), FakeTarget(), std::make_unique<FakeLiveSchedule>(FakeMlpProgram(16, 32, 64)));
  EXPECT_FALSE(Adapt(compiler.get(), Winner()));
}

}  // namespace
}  // namespace banyan
