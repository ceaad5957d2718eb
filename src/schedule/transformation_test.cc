#include "schedule/transformation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

// A program after a plan on the fake; the plan must apply.
std::shared_ptr<const ProgramView> After(ProgramView start, const char* text) {
  FakeLiveSchedule schedule(std::move(start));
  auto plan = ParsePlan(text);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message);
  const Target target = FakeTarget();
  auto status = ApplySteps(schedule, plan->steps, 1, &target);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  return *schedule.Program();
}

// Why the step does not pass Check; empty: it does.
std::string Refusal(const ProgramView& program, const char* text, Target target = FakeTarget()) {
  auto step = ParseStep(text);
  EXPECT_TRUE(step.ok()) << (step.ok() ? "" : step.error().message);
  auto status = FindTransformation(step->op)->Check(program, target, *step);
  return status.ok() ? "" : status.error().message;
}

std::vector<std::string> LoopsOf(const ProgramView& program, const char* block) {
  std::vector<std::string> names;
  for (const int loop : program.blocks[static_cast<size_t>(program.FindBlock(block))].loops) {
    names.push_back(program.loops[static_cast<size_t>(loop)].name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(TransformationsTest, HaveSchemasNamesAndSummaries) {
  std::set<std::string_view> names;
  for (const auto* transformation : AllTransformations()) {
    EXPECT_TRUE(names.insert(transformation->name()).second);
    EXPECT_FALSE(transformation->summary().empty());
    const Json& schema = transformation->schema();
    EXPECT_EQ(schema["type"], "object");
    EXPECT_EQ(schema["additionalProperties"], false);
    for (const auto& name : schema["required"]) {
      EXPECT_TRUE(schema["properties"].contains(name.get<std::string>())) << name;
    }
    for (const auto& [key, property] : schema["properties"].items()) {
      EXPECT_TRUE(property.contains("type")) << transformation->name() << "." << key;
      if (key == "block" || key == "loop") continue;
      EXPECT_TRUE(property.contains("description") || property.contains("enum"))
          << transformation->name() << "." << key;
    }
    EXPECT_EQ(FindTransformation(transformation->name()), transformation);
  }
  EXPECT_EQ(FindTransformation("nothing"), nullptr);
}

// Everything offered is canonical, legal, distinct and applies; and so is everything near to it.
class EverythingOfferedTest : public testing::TestWithParam<const char*> {
 protected:
  static ProgramView Start() {
    const std::string name = GetParam();
    if (name == "mlp") return FakeMlpProgram(16, 32, 64);
    if (name == "conv") return FakeConvProgram(16, 14);
    if (name == "odd") return FakeMatmulProgram(13, 37, 11);
    if (name == "tiled") {
      return *After(
          FakeMatmulProgram(64, 64, 64),
          "tile(block=C, factors={i: [8], j: [16], k: [4]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])\n"
          "accumulate(block=C, at=j.0)");
    }
    return FakeMatmulProgram(64, 64, 64);
  }
  static void ExpectLegal(const ProgramView& program, const Target& target, const Step& step) {
    auto canonical = CanonicalStep(step);
    ASSERT_TRUE(canonical.ok()) << PrintStep(step) << ": " << canonical.error().message;
    EXPECT_EQ(*canonical, step);
    auto parsed = ParseStep(PrintStep(step));
    ASSERT_TRUE(parsed.ok()) << PrintStep(step) << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, step);
    auto check = FindTransformation(step.op)->Check(program, target, step);
    EXPECT_TRUE(check.ok()) << PrintStep(step) << ": " << check.error().message;
    FakeLiveSchedule schedule(program);
    auto applied = FindTransformation(step.op)->Apply(schedule, step);
    EXPECT_TRUE(applied.ok()) << PrintStep(step) << ": " << applied.error().message;
    EXPECT_FALSE(FindTransformation(step.op)->Describe(step).empty());
  }
};

TEST_P(EverythingOfferedTest, IsLegalAndDistinct) {
  const ProgramView program = Start();
  Target target = FakeTarget();
  target.cores = 4;
  size_t kinds = 0;
  for (const auto* transformation : AllTransformations()) {
    const auto steps = transformation->Enumerate(program, target, 60);
    EXPECT_LE(steps.size(), 60u);
    EXPECT_EQ(steps, transformation->Enumerate(program, target, 60)) << "not stable";
    if (!steps.empty()) ++kinds;
    std::set<std::string> texts;
    for (const auto& step : steps) {
      EXPECT_TRUE(texts.insert(PrintStep(step)).second) << PrintStep(step);
      ExpectLegal(program, target, step);
    }
    for (size_t i = 0; i < steps.size(); i += 7) {
      for (const auto& near : transformation->Neighbours(program, target, steps[i])) {
        EXPECT_NE(near, steps[i]);
        ExpectLegal(program, target, near);
      }
    }
    Rng rng(3, transformation->name());
    for (int draw = 0; draw < 12; ++draw) {
      auto step = transformation->Sample(program, target, rng);
      EXPECT_EQ(step.has_value(), !steps.empty()) << transformation->name();
      if (step) ExpectLegal(program, target, *step);
    }
  }
  EXPECT_GE(kinds, 5u);
}

INSTANTIATE_TEST_SUITE_P(Programs, EverythingOfferedTest,
                         testing::Values("matmul", "odd", "mlp", "conv", "tiled"));

TEST(TransformationsTest, RandomWalksApplyAndReplay) {
  const Target target = FakeTarget();
  for (uint64_t walk = 0; walk < 30; ++walk) {
    Rng rng(5, "walk", walk);
    FakeLiveSchedule schedule(FakeMlpProgram(16, 32, 64));
    Plan plan;
    for (int depth = 0; depth < 10; ++depth) {
      auto program = schedule.Program();
      ASSERT_TRUE(program.ok());
      auto step = SampleStep(**program, target, rng);
      if (!step) break;
      auto child = schedule.Copy();
      if (!ApplySteps(*child, {*step}, 1, &target).ok()) continue;
      ASSERT_TRUE(ApplySteps(schedule, {*step}).ok());
      plan.steps.push_back(*step);
    }
    EXPECT_GE(plan.steps.size(), 3u);
    auto again = ParsePlan(PrintPlan(plan));
    ASSERT_TRUE(again.ok());
    FakeLiveSchedule replay(FakeMlpProgram(16, 32, 64));
    ASSERT_TRUE(ApplySteps(replay, again->steps, 1, &target).ok());
    EXPECT_EQ(*replay.ProgramHash(), *schedule.ProgramHash());
  }
}

TEST(TileTest, SplitsAndOrders) {
  const auto program =
      After(FakeMatmulProgram(64, 96, 48),
            "tile(block=C, factors={i: [2, 4], k: [16]}, order=[i.0, j, k.0, i.1, k.1, i.2])");
  EXPECT_EQ(LoopsOf(*program, "C"), (Names{"C.i.0", "C.j", "C.k.0", "C.i.1", "C.k.1", "C.i.2"}));
  EXPECT_EQ(program->loops[static_cast<size_t>(program->FindLoop("C.i.0"))].extent, 8);
  EXPECT_FALSE(program->blocks[0].has_predicate);
  EXPECT_TRUE(After(FakeMatmulProgram(13, 8, 8), "tile(block=C, factors={i: [4]})")
                  ->blocks[0]
                  .has_predicate);
}

TEST(TileTest, RefusalsNameWhatExists) {
  const ProgramView matmul = FakeMatmulProgram(64, 64, 64);
  EXPECT_EQ(Refusal(matmul, "tile(block=D, factors={i: [2]})"), "no block 'D'; blocks: C");
  EXPECT_EQ(Refusal(matmul, "tile(block=C, factors={x: [2]})"),
            "no loop 'x' around C; its loops: i, j, k");
  EXPECT_NE(Refusal(matmul, "tile(block=C, factors={i: [16, 8]})").find("more than its extent 64"),
            std::string::npos);
  EXPECT_EQ(Refusal(matmul, "tile(block=C, factors={i: [8]}, order=[i, j])"),
            "order names 'i', which is no loop of C here; its loops: i.0, i.1, j, k");
  EXPECT_EQ(Refusal(matmul, "tile(block=C, factors={i: [8]}, order=[i.0, j, i.0])"),
            "order names 'i.0' twice");
  const auto unrolled = After(FakeMatmulProgram(64, 64, 64), "unroll(loop=C.k)");
  EXPECT_EQ(Refusal(*unrolled, "tile(block=C, factors={k: [8]})"),
            "loop C.k is unrolled already: tile before that");
}

TEST(ReorderTest, OnlyOnAStraightChain) {
  const auto fused = After(FakeMlpProgram(16, 32, 64), "fuse_producer(block=gated, at=O.i)");
  EXPECT_NE(Refusal(*fused, "reorder(block=O, order=[j, i])")
                .find("block gated runs inside O.i but outside O.j"),
            std::string::npos);
  EXPECT_EQ(Refusal(*fused, "reorder(block=O, order=[k, j])"), "");
  EXPECT_EQ(Refusal(*fused, "reorder(block=O, order=[j, k])"),
            "the loops are in this order already");
}

TEST(LoopTest, VectorizeNeedsTheInnermostResultLoop) {
  const ProgramView matmul = FakeMatmulProgram(64, 64, 64);
  EXPECT_NE(Refusal(matmul, "vectorize(loop=C.k)").find("reduction loop"), std::string::npos);
  EXPECT_NE(Refusal(matmul, "vectorize(loop=C.j)").find("not the innermost"), std::string::npos);
  const auto ordered = After(FakeMatmulProgram(64, 64, 64), "reorder(block=C, order=[k, j])");
  EXPECT_EQ(Refusal(*ordered, "vectorize(loop=C.j)"), "");
  const auto wide = After(FakeMatmulProgram(64, 512, 64), "reorder(block=C, order=[k, j])");
  EXPECT_NE(Refusal(*wide, "vectorize(loop=C.j)").find("tile it by 16, 32 or 64"),
            std::string::npos);
  const auto odd = After(FakeMatmulProgram(64, 48, 64), "reorder(block=C, order=[k, j])");
  EXPECT_NE(Refusal(*odd, "vectorize(loop=C.j)").find("no power of two"), std::string::npos);
  const auto decomposed = After(
      FakeMatmulProgram(64, 64, 64),
      "tile(block=C, factors={j: [16]}, order=[i, j.0, k, j.1])\naccumulate(block=C, init=k)");
  EXPECT_NE(Refusal(*decomposed, "vectorize(loop=C.j.1)").find("before accumulate"),
            std::string::npos);
  EXPECT_EQ(Refusal(*decomposed, "vectorize(loop=C_init.j)"), "");
}

TEST(LoopTest, UnrollRefusesBodiesThatLlvmChokesOn) {
  const auto tiled = After(
      FakeMatmulProgram(256, 256, 256),
      "tile(block=C, factors={i: [64], j: [64], k: [8]}, order=[i.0, j.0, k.0, k.1, i.1, j.1])\n"
      "vectorize(loop=C.j.1)");
  EXPECT_NE(Refusal(*tiled, "unroll(loop=C.i.1)").find("accumulators"), std::string::npos);
  const auto scalar =
      After(FakeMatmulProgram(256, 256, 256),
            "tile(block=C, factors={i: [64], j: [64], k: [64]})\nunroll(loop=C.k.1)");
  EXPECT_NE(Refusal(*scalar, "unroll(loop=C.i.1)"), "");
  EXPECT_NE(Refusal(FakeMatmulProgram(256, 256, 256), "unroll(loop=C.k)").find("at most 128"),
            std::string::npos);
}

TEST(LoopTest, ParallelNeedsCores) {
  const ProgramView matmul = FakeMatmulProgram(64, 64, 64);
  EXPECT_NE(Refusal(matmul, "parallelize(loop=C.i)").find("one core"), std::string::npos);
  Target target = FakeTarget();
  target.cores = 4;
  EXPECT_EQ(Refusal(matmul, "parallelize(loop=C.i)", target), "");
  EXPECT_NE(Refusal(matmul, "parallelize(loop=C.k)", target), "");
}

TEST(LoopTest, FusedLoopsAreNamedByOrigin) {
  const auto program = After(FakeMatmulProgram(64, 64, 64), "fuse_loops(loops=[C.i, C.j])");
  EXPECT_EQ(LoopsOf(*program, "C"), (Names{"C.i*j", "C.k"}));
  EXPECT_NE(Refusal(FakeMatmulProgram(8, 8, 8), "fuse_loops(loops=[C.i, C.k])")
                .find("not directly inside"),
            std::string::npos);
  EXPECT_NE(
      Refusal(FakeMatmulProgram(8, 8, 8), "fuse_loops(loops=[C.j, C.k])").find("different kinds"),
      std::string::npos);
}

TEST(PackTest, CopiesAPieceInsideALoop) {
  const auto program = After(FakeMatmulProgram(64, 64, 64),
                             "tile(block=C, factors={j: [16]}, order=[j.0, i, k, j.1])\n"
                             "pack(block=C, buffer=B, at=j.0, name=panel)");
  EXPECT_EQ(LoopsOf(*program, "panel"), (Names{"C.j.0", "panel.v0", "panel.v1"}));
  EXPECT_EQ(program->loops[static_cast<size_t>(program->FindLoop("panel.v1"))].extent, 16);
  EXPECT_EQ(
      Refusal(*program, "pack(block=C, buffer=X)").rfind("C does not read 'X'; it reads A, ", 0),
      0u);
  EXPECT_NE(Refusal(*program, "pack(block=C, buffer=A, name=panel)").find("exists already"),
            std::string::npos);
  EXPECT_NE(Refusal(*program, "pack(block=C, buffer=A, at=j.1)").find("about as often"),
            std::string::npos);
  EXPECT_NE(Refusal(*program, "pack(block=C, buffer=A, map=[d0/48, d1, d0%48])")
                .find("divisors: 2, 4, 8, 16, 32"),
            std::string::npos);
}

TEST(AccumulateTest, WritesBackOutsideTheReduction) {
  const auto program = After(FakeMatmulProgram(64, 64, 64),
                             "tile(block=C, factors={j: [16]}, order=[i, j.0, k, "
                             "j.1])\naccumulate(block=C, at=j.0, init=k)");
  EXPECT_EQ(LoopsOf(*program, "C_write"), (Names{"C.i", "C.j.0", "C_write.v0", "C_write.v1"}));
  EXPECT_EQ(LoopsOf(*program, "C_init"), (Names{"C.i", "C.j.0", "C_init.j"}));
  EXPECT_NE(Refusal(*program, "accumulate(block=C, init=k)").find("split off already"),
            std::string::npos);
  EXPECT_NE(Refusal(*program, "accumulate(block=C_write, init=v0)").find("no reduction"),
            std::string::npos);
}

TEST(AccumulateTest, TheInitialisationRunsInTheOrderOfMemory) {
  const auto extents = [](const ProgramView& program) {
    std::vector<int64_t> found;
    const BlockView& init = program.blocks[static_cast<size_t>(program.FindBlock("C_init"))];
    for (const int loop : init.loops)
      found.push_back(program.loops[static_cast<size_t>(loop)].extent);
    return found;
  };
  const auto whole = After(
      FakeMatmulProgram(64, 128, 64),
      "tile(block=C, factors={i: [2], j: [16], k: [8]}, order=[k.0, j.0, i.0, k.1, i.1, j.1])\n"
      "accumulate(block=C, init=k.0)");
  EXPECT_THAT(extents(*whole), testing::ElementsAre(32, 2, 8, 16));
  // Loops that the block shares with others stay where they are, and so does what is unrolled.
  const auto shared =
      After(FakeMatmulProgram(64, 128, 64),
            "tile(block=C, factors={i: [2], j: [16]}, order=[j.0, i.0, k, j.1, i.1])\n"
            "unroll(loop=C.j.1)\nunroll(loop=C.i.1)\naccumulate(block=C, init=k)");
  EXPECT_THAT(extents(*shared), testing::ElementsAre(8, 32, 16, 2));
}

TEST(AccumulateTest, Refusals) {
  const ProgramView matmul = FakeMatmulProgram(64, 256, 64);
  EXPECT_NE(Refusal(matmul, "accumulate(block=C, at=k)").find("inside the reduction"),
            std::string::npos);
  const auto inner = After(FakeMatmulProgram(64, 256, 64), "reorder(block=C, order=[i, k, j])");
  EXPECT_NE(Refusal(*inner, "accumulate(block=C, init=j)").find("legal: i, k"), std::string::npos);
  const auto gaps = After(FakeMatmulProgram(64, 64, 64),
                          "tile(block=C, factors={i: [8]}, order=[i.1, j, i.0, k])");
  EXPECT_NE(Refusal(*gaps, "accumulate(block=C, at=j)").find("gaps"), std::string::npos);
  const auto large = After(FakeMatmulProgram(512, 512, 64), "reorder(block=C, order=[k, i, j])");
  EXPECT_NE(Refusal(*large, "accumulate(block=C, at=k)"), "");
  EXPECT_FALSE(ParseStep("accumulate(block=C)").ok());
}

TEST(FuseTest, ProducersMoveUnderAllTheirConsumers) {
  const auto program = After(FakeMlpProgram(16, 32, 64), "fuse_producer(block=gated, at=O.i)");
  EXPECT_EQ(LoopsOf(*program, "gated"), (Names{"O.i", "gated.i", "gated.j"}));
  EXPECT_EQ(program->loops[static_cast<size_t>(program->FindLoop("gated.i"))].extent, 1);
  const ProgramView mlp = FakeMlpProgram(16, 32, 64);
  EXPECT_NE(Refusal(mlp, "fuse_producer(block=gate, at=O.i)").find("gated does not run inside O.i"),
            std::string::npos);
  EXPECT_NE(Refusal(mlp, "fuse_producer(block=O, at=gated.i)").find("no consumer"),
            std::string::npos);
  EXPECT_NE(Refusal(mlp, "fuse_consumer(block=gated, at=gate.k)"), "");
  const auto chain = After(FakeMlpProgram(64, 64, 64), "fuse_producer(block=gated, at=O.j)");
  EXPECT_NE(Refusal(*chain, "fuse_producer(block=gate, at=O.j)").find("times over"),
            std::string::npos);
}

TEST(FuseTest, ConsumersNeedFinishedSums) {
  const ProgramView conv = FakeConvProgram(16, 14);
  EXPECT_NE(Refusal(conv, "fuse_consumer(block=out, at=conv.rc)").find("not finished"),
            std::string::npos);
  EXPECT_EQ(Refusal(conv, "fuse_consumer(block=out, at=conv.y)"), "");
  EXPECT_NE(Refusal(conv, "inline(block=conv)").find("is a reduction"), std::string::npos);
  EXPECT_EQ(Refusal(conv, "inline(block=pad)"), "");
}

TEST(PaddingTest, SplitsOffAndRounds) {
  const auto program = After(FakeConvProgram(16, 14), "padding(block=pad, at=c)");
  EXPECT_GE(program->FindBlock("pad_fill"), 0);
  EXPECT_NE(Refusal(*program, "padding(block=conv, at=oc)").find("does not pad"),
            std::string::npos);
  const ProgramView odd = FakeMatmulProgram(13, 37, 11);
  EXPECT_EQ(Refusal(odd, "padding(block=C, mode=pad_operands, multiples={i: 4, j: 16})"), "");
  EXPECT_NE(
      Refusal(odd, "padding(block=C, mode=pad_operands, multiples={x: 4})").find("it has i, j, k"),
      std::string::npos);
  EXPECT_NE(Refusal(odd, "padding(block=C, mode=pad_operands, multiples={i: 13})").find("already"),
            std::string::npos);
}

TEST(RFactorTest, NeedsAPlainReduction) {
  const ProgramView matmul = FakeMatmulProgram(16, 16, 64);
  EXPECT_EQ(Refusal(matmul, "rfactor(loop=C.k)"), "");
  EXPECT_NE(Refusal(matmul, "rfactor(loop=C.i)").find("no reduction loop"), std::string::npos);
  EXPECT_NE(Refusal(matmul, "rfactor(loop=C.k, axis=3)").find("0 to 2"), std::string::npos);
  const auto guarded = After(FakeMatmulProgram(13, 16, 64), "tile(block=C, factors={i: [4]})");
  EXPECT_NE(Refusal(*guarded, "rfactor(loop=C.k)").find("does not divide"), std::string::npos);
}

TEST(LayoutOfTest, OnlyIntermediates) {
  const ProgramView mlp = FakeMlpProgram(16, 32, 64);
  EXPECT_EQ(Refusal(mlp, "layout(block=gated, map=[d0/8, d1/16, d0%8, d1%16])"), "");
  EXPECT_NE(Refusal(mlp, "layout(block=O, map=[d1, d0])").find("output of the program"),
            std::string::npos);
  EXPECT_NE(Refusal(FakeMlpProgram(128, 512, 2048), "layout(block=gated, scope=local)")
                .find("fuse deeper"),
            std::string::npos);
  EXPECT_FALSE(ParseStep("layout(block=gated)").ok());
}

TEST(PrimitiveTest, PointsToTheNamedTransformation) {
  const ProgramView matmul = FakeMatmulProgram(16, 16, 64);
  EXPECT_EQ(Refusal(matmul, "primitive(name=Split, args=[C.i, 4])"), "use tile instead of Split");
  EXPECT_EQ(Refusal(matmul, "primitive(name=Annotate, args=[C.i, key, 1])"), "");
  EXPECT_NE(Refusal(matmul, "primitive(name=Annotate, args=[C.x, key, 1])").find("no loop 'C.x'"),
            std::string::npos);
  EXPECT_NE(Refusal(matmul, "primitive(name=Annotate, args=[C.i])"), "");
}

}  // namespace
}  // namespace banyan
