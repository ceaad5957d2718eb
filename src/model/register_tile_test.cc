#include "model/register_tile.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "schedule/compiler.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

Target Avx2() {
  Target target = FakeTarget();
  target.vector_bits = 256;
  target.vector_registers = 16;
  return target;
}

TEST(RegisterTileTest, LargeSquareTilesAreBest) {
  const Target target = FakeTarget();
  const auto efficiency = [&](int64_t rows, int64_t vectors) {
    return RegisterTileEfficiency(rows, vectors, target);
  };
  EXPECT_GT(efficiency(6, 4), efficiency(8, 3));
  EXPECT_GT(efficiency(8, 3), efficiency(8, 2));
  EXPECT_GT(efficiency(4, 4), efficiency(16, 1));
  EXPECT_GT(efficiency(8, 2), efficiency(4, 2));
  EXPECT_GT(efficiency(4, 2), efficiency(1, 4));
  // More accumulators than registers.
  EXPECT_GT(efficiency(8, 2), efficiency(16, 2));
  EXPECT_GT(efficiency(8, 2), efficiency(16, 4));
}

class RegisterTileGainTest : public ::testing::Test {
 protected:
  // A matmul's register tile of 8 rows x 16 columns; the gain from other sizes.
  double GainOf(const std::string& factors, const std::string& order = "[i.0, j.0, k, i.1, j.1]") {
    const auto plan = ParsePlan(
        "tile(block=C, factors={i: [8], j: [16]}, order=[i.0, j.0, k, i.1, j.1])\n"
        "vectorize(loop=C.j.1)\n"
        "unroll(loop=C.i.1)\n");
    const auto candidate = compiler_->Apply(*plan);
    EXPECT_TRUE(candidate.ok());
    const auto after = ParsePlan("tile(block=C, factors=" + factors + ", order=" + order + ")\n");
    EXPECT_TRUE(after.ok());
    return RegisterTileGain(*candidate->program, target_, plan->steps[0], after->steps[0]);
  }
  double Efficiency(int64_t rows, int64_t vectors) const {
    return RegisterTileEfficiency(rows, vectors, target_);
  }

  const Target target_ = Avx2();
  const std::unique_ptr<Compiler> compiler_ = MakeFakeCompiler();
};

TEST_F(RegisterTileGainTest, FewerRowsFitTheRegisters) {
  EXPECT_DOUBLE_EQ(GainOf("{i: [4], j: [16]}"), Efficiency(4, 2) / Efficiency(8, 2));
  EXPECT_GT(GainOf("{i: [4], j: [16]}"), 1.5);
  EXPECT_DOUBLE_EQ(GainOf("{i: [8], j: [8]}"), Efficiency(8, 1) / Efficiency(8, 2));
  EXPECT_LT(GainOf("{i: [16], j: [16]}"), 0.7);
  EXPECT_DOUBLE_EQ(GainOf("{i: [8], j: [4]}"), Efficiency(8, 1) / 2 / Efficiency(8, 2));
}

TEST_F(RegisterTileGainTest, KnowsNothingOfOtherChanges) {
  EXPECT_EQ(GainOf("{i: [8], j: [16]}", "[j.0, i.0, k, i.1, j.1]"), 1);
  EXPECT_EQ(GainOf("{i: [2, 8], j: [16]}", "[i.0, i.1, j.0, k, i.2, j.1]"), 1);
  EXPECT_EQ(GainOf("{i: [8], k: [16]}", "[i.0, j, k.0, i.1, k.1]"), 1);
}

TEST_F(RegisterTileGainTest, NeedsVectors) {
  const auto plan = ParsePlan("tile(block=C, factors={i: [8]})\nunroll(loop=C.i.1)\n");
  const auto after = ParsePlan("tile(block=C, factors={i: [4]})\n");
  const auto candidate = compiler_->Apply(*plan);
  ASSERT_TRUE(candidate.ok());
  EXPECT_EQ(RegisterTileGain(*candidate->program, target_, plan->steps[0], after->steps[0]), 1);
  EXPECT_EQ(RegisterTileGain(*candidate->program, target_, plan->steps[1], plan->steps[1]), 1);
}

// The sizes of a consumer are those of the producer that is computed inside it.
TEST(RegisterTileProducerTest, GainsWhatItsConsumersTileGives) {
  const Target target = Avx2();
  const auto compiler = MakeScheduleCompiler(
      FakeWorkload(), FakeTarget(), std::make_unique<FakeLiveSchedule>(FakeConvProgram(32, 32)));
  const std::string order = ", order=[n, c.0, h.0, w.0, c.1, h.1, w.1])\n";
  const auto plan =
      ParsePlan("tile(block=out, factors={c: [4], h: [1], w: [32]}" + order +
                "fuse_producer(block=conv, at=out.w.0)\n"
                "tile(block=conv, factors={rc: [8]}, order=[rc.0, rc.1, ry, rx, oc, y, x])\n"
                "unroll(loop=conv.oc)\nunroll(loop=conv.y)\nvectorize(loop=conv.x)\n");
  ASSERT_TRUE(plan.ok());
  const auto candidate = compiler->Apply(*plan);
  ASSERT_TRUE(candidate.ok()) << candidate.error().message;
  const auto gain = [&](const std::string& factors) {
    const auto after = ParsePlan("tile(block=out, factors=" + factors + order);
    EXPECT_TRUE(after.ok());
    return RegisterTileGain(*candidate->program, target, plan->steps[0], after->steps[0]);
  };
  const auto efficiency = [&](int64_t rows, int64_t vectors) {
    return RegisterTileEfficiency(rows, vectors, target);
  };
  EXPECT_DOUBLE_EQ(gain("{c: [4], h: [1], w: [16]}"), efficiency(4, 2) / efficiency(4, 4));
  EXPECT_GT(gain("{c: [4], h: [1], w: [16]}"), 1.5);
  EXPECT_DOUBLE_EQ(gain("{c: [8], h: [1], w: [32]}"), efficiency(8, 4) / efficiency(4, 4));
  EXPECT_DOUBLE_EQ(gain("{c: [4], h: [2], w: [32]}"), efficiency(8, 4) / efficiency(4, 4));
}

}  // namespace
}  // namespace banyan
