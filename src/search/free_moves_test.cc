#include "search/free_moves.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "schedule/testing/fake_compiler.h"

namespace banyan {
namespace {

TEST(FreeMovesTest, NamesTheParametersThatChanged) {
  const Step before{"tile", {{"block", "C"}, {"factors", {{"i", {8}}, {"j", {16, 2}}}}}};
  Step after = before;
  after.args["factors"]["i"] = Json::array({16});
  EXPECT_EQ(ChangedParameters(before, after), std::vector<std::string>{"tile|C|.factors.i.0|+"});
  after.args["factors"].erase("j");
  EXPECT_EQ(ChangedParameters(before, after),
            (std::vector<std::string>{"tile|C|.factors.i.0|+", "tile|C|.factors.j|~"}));
  EXPECT_EQ(BlockOf({"vectorize", {{"loop", "C.j.1"}}}), "C");
  EXPECT_EQ(BlockOf({"fuse_loops", {{"loops", {"gate.i", "gate.j"}}}}), "gate");
  EXPECT_EQ(BlockOf(before), "C");
  EXPECT_EQ(Rebased(before, "C", "up").args["block"], "up");
  const Step loop{"vectorize", {{"loop", "gate.j.1"}}};
  EXPECT_EQ(Rebased(loop, "gate", "up").args["loop"], "up.j.1");
  EXPECT_EQ(Rebased(loop, "gat", "up"), loop);
}

TEST(FreeMovesTest, ATileThatSpillsIsChangedFirst) {
  const auto compiler = MakeFakeCompiler();  // 32 registers of 16 lanes
  // 16 rows of two vectors leave no register for the operands; half of either is fine.
  const auto plan = ParsePlan(
      "tile(block=C, factors={i: [16], j: [32], k: [4]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])\n"
      "vectorize(loop=C.j.1)\n"
      "unroll(loop=C.i.1)\n"
      "unroll(loop=C.k.1)\n");
  ASSERT_TRUE(plan.ok());
  int fit = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    MoveMaker moves(compiler.get(), [](const Candidate&) { return false; });
    Rng rng(seed);
    bool exhausted = false;
    const auto move = moves.Mutate(*plan, rng, &exhausted);
    ASSERT_TRUE(move.has_value());
    const std::string first = PrintStep(move->candidate.plan.steps[0]);
    fit += first.find("i: [8], j: [32]") != std::string::npos ||
           first.find("i: [16], j: [16]") != std::string::npos;
  }
  EXPECT_GE(fit, 25);
}

}  // namespace
}  // namespace banyan
