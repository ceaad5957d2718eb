#include "model/program_sketch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

Target NarrowTarget() {  // 256-bit vectors, 16 registers
  Target target = FakeTarget();
  target.vector_bits = 256;
  target.vector_registers = 16;
  return target;
}

std::vector<std::pair<std::string, ProgramView>> Programs() {
  return {{"matmul", FakeMatmulProgram(256, 256, 256)},
          {"odd", FakeMatmulProgram(127, 333, 77)},
          {"tiny", FakeMatmulProgram(3, 5, 7)},
          {"row", FakeMatmulProgram(1, 64, 64)},
          {"column", FakeMatmulProgram(64, 1, 64)},
          {"outer product", FakeMatmulProgram(64, 64, 1)},
          {"one", FakeMatmulProgram(1, 1, 1)},
          {"mlp", FakeMlpProgram(64, 96, 160)},
          {"conv", FakeConvProgram(32, 28)}};
}

TEST(ContractionChoiceTest, AccumulatorsLeaveRegistersForOperands) {
  for (const Target& target : {FakeTarget(), NarrowTarget()}) {
    const int lanes = target.lanes(32);
    for (const auto& [name, program] : Programs()) {
      for (const BlockAnalysis& analysis : AnalyseProgram(program)) {
        if (analysis.block_class != BlockClass::kContraction) continue;
        for (const ContractionChoice& choice : RankContractionChoices(program, analysis, target)) {
          const int64_t vectors = (choice.cols + lanes - 1) / lanes;
          EXPECT_LE(choice.rows * vectors, target.vector_registers * 3 / 4) << name;
          const int64_t width = choice.cols / choice.groups;
          EXPECT_EQ(width & (width - 1), 0) << name << ": " << choice.cols;
          EXPECT_EQ(choice.cols % choice.groups, 0);
          EXPECT_GT(choice.score, 0);
        }
      }
    }
  }
}

TEST(ContractionChoiceTest, BestFirst) {
  const ProgramView program = FakeMatmulProgram(384, 384, 384);
  const auto choices = RankContractionChoices(program, AnalyseBlock(program, 0), FakeTarget());
  ASSERT_GT(choices.size(), 10u);
  for (size_t i = 1; i < choices.size(); ++i) EXPECT_GE(choices[i - 1].score, choices[i].score);
  EXPECT_EQ(choices[0].rows, 8);
  EXPECT_EQ(choices[0].cols, 48);
  EXPECT_EQ(choices[0].row_blocks, RowBlocks::kVectors);
}

// C = X X^T: one layout cannot serve both reads of X. Nor one with rows that no block reads.
TEST(ContractionChoiceTest, RowsAreBlockedWhereOneCopyServesAllReads) {
  const auto blocked = [](const ProgramView& program) {
    const auto choices = RankContractionChoices(program, AnalyseBlock(program, 0), FakeTarget());
    return std::count_if(choices.begin(), choices.end(),
                         [](const auto& c) { return c.row_blocks != RowBlocks::kNone; });
  };
  const ProgramView plain = FakeMatmulProgram(512, 512, 512);
  EXPECT_GT(blocked(plain), 0);
  const int a = plain.FindBuffer("A");
  const int b = plain.FindBuffer("B");
  ProgramView gram = plain;
  for (AccessView& read : gram.blocks[0].reads) {
    if (read.buffer != b) continue;
    read.buffer = a;
    std::swap(read.indices[0], read.indices[1]);
  }
  EXPECT_EQ(blocked(gram), 0);
  ProgramView part = plain;
  part.buffers[static_cast<size_t>(a)].shape[0] = 516;
  EXPECT_EQ(blocked(part), 0);
}

TEST(ContractionChoiceTest, NoChunksOfSumsInPlaceAcrossWidePanels) {
  const ProgramView program = FakeMatmulProgram(384, 384, 1024);
  const BlockAnalysis analysis = AnalyseBlock(program, 0);
  const auto choices = RankContractionChoices(program, analysis, FakeTarget());
  const OuterChunk outer{InnerReduction(program.blocks[0], analysis), 256};
  int wide = 0;
  int narrow = 0;
  for (const ContractionChoice& choice : choices) {
    const bool can = CanChunk(program, analysis, choice, outer);
    if (choice.panels > 1) {
      ++wide;
      EXPECT_FALSE(can);
    }
    narrow += can ? 1 : 0;
  }
  EXPECT_GT(wide, 0);
  EXPECT_GT(narrow, 0);
}

// A few rows of weights far beyond the caches: the best plan reads the weights in whole stretches.
TEST(ProgramSketchTest, WeightsForAFewRowsAreReadAFewRowsAtATime) {
  const Target target = FakeTarget();
  const auto depth_of_best = [](int64_t m, int64_t n, int64_t k, const Target& on) {
    const ProgramView program = FakeMatmulProgram(m, n, k);
    return RankContractionChoices(program, AnalyseBlock(program, 0), on).front().depth;
  };
  EXPECT_EQ(depth_of_best(16, 8192, 5120, target), 32);
  EXPECT_EQ(depth_of_best(128, 8192, 5120, target), 0) << "packed panels are used often enough";
  EXPECT_EQ(depth_of_best(16, 512, 5120, target), 0) << "rows do not lie pages apart";
  Target cores = target;
  cores.cores = 2;
  EXPECT_EQ(depth_of_best(16, 8192, 5120, cores), 0) << "the loop around it would not be parallel";

  const ProgramView program = FakeMatmulProgram(16, 8192, 5120);
  const ProgramSketch sketch(program, target);
  const std::string plan = PrintPlan(sketch.MakePlan(sketch.Best()));
  EXPECT_THAT(plan, testing::HasSubstr("order=[k.0, j.0, i.0, k.1"));
  EXPECT_THAT(plan, testing::HasSubstr("fuse_producer(block=B_in_C, at=C.j.0)"));
  EXPECT_THAT(plan, testing::HasSubstr("accumulate(block=C, init=k.0)"));
  EXPECT_THAT(plan, testing::Not(testing::HasSubstr("C_out"))) << "its sums lie in place";
  EXPECT_THAT(sketch.Describe(sketch.Best()),
              testing::HasSubstr("32 steps of the reduction at a time"));
}

TEST(ProgramSketchTest, PlanOfAMatmul) {
  const ProgramView program = FakeMatmulProgram(384, 384, 384);
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  EXPECT_EQ(PrintPlan(sketch.MakePlan(sketch.Best())),
            "pack(block=C, buffer=A, map=[d0/8, d1/16, d0%8, d1%16], name=A_rows_C)\n"
            "tile(block=A_rows_C, factors={v0: [8], v1: [16]}, order=[v0.0, v1.0, v0.1, v1.1])\n"
            "pack(block=C, buffer=B, name=B_in_C)\n"
            "tile(block=C, factors={i: [8], j: [3, 16], k: [4]}, "
            "order=[j.0, i.0, k.0, k.1, i.1, j.1, j.2])\n"
            "accumulate(block=C, at=i.0, name=C_out)\n"
            "tile(block=C_out, factors={v1: [16]})\n"
            "fuse_producer(block=B_in_C, at=C.j.0)\n"
            "tile(block=B_in_C, factors={v1: [16]})\n"
            "vectorize(loop=A_rows_C.v1.1)\n"
            "vectorize(loop=C_out.v1.1)\n"
            "unroll(loop=C_out.v1.0)\n"
            "unroll(loop=C_out.v0)\n"
            "vectorize(loop=B_in_C.v1.1)\n"
            "vectorize(loop=C.j.2)\n"
            "unroll(loop=C.j.1)\n"
            "unroll(loop=C.i.1)\n"
            "unroll(loop=C.k.1)\n"
            "accumulate(block=C, init=k.0)\n");
}

TEST(ProgramSketchTest, PlansAreCanonicalAndParseBack) {
  for (const Target& target : {FakeTarget(), NarrowTarget()}) {
    for (const auto& [name, program] : Programs()) {
      const ProgramSketch sketch(program, target);
      for (const SketchChoice& choice : sketch.Styles(24)) {
        const Plan plan = sketch.MakePlan(choice);
        const auto parsed = ParsePlan(PrintPlan(plan));
        ASSERT_TRUE(parsed.ok()) << name << ": " << parsed.error().message << "\n"
                                 << PrintPlan(plan);
        EXPECT_EQ(*parsed, plan) << name;
        EXPECT_FALSE(sketch.Describe(choice).empty());
        EXPECT_GT(sketch.RelativeTime(choice), 0);
      }
    }
  }
}

TEST(ProgramSketchTest, TheSameProgramGivesTheSamePlans) {
  for (const auto& [name, program] : Programs()) {
    const Target target = FakeTarget();
    const ProgramSketch first(program, target);
    const ProgramSketch second(program, target);
    const auto styles = first.Styles(16);
    ASSERT_EQ(styles, second.Styles(16)) << name;
    for (const SketchChoice& choice : styles)
      EXPECT_EQ(first.MakePlan(choice), second.MakePlan(choice)) << name;
  }
}

TEST(ProgramSketchTest, StylesDifferAndTheFirstIsTheBest) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  const auto styles = sketch.Styles(12);
  ASSERT_EQ(styles.size(), 12u);
  EXPECT_EQ(styles[0], sketch.Best());
  EXPECT_EQ(std::set<SketchChoice>(styles.begin(), styles.end()).size(), styles.size());
  // Not one tile in all its variants first.
  std::set<std::pair<int64_t, int64_t>> tiles;
  for (const SketchChoice& choice : styles) {
    const ContractionChoice& option = sketch.role(0).contractions[static_cast<size_t>(choice[0])];
    tiles.insert({option.rows, option.cols});
  }
  EXPECT_GE(tiles.size(), 3u);
}

// Whatever the estimates say: both ways to treat operands are tried early.
TEST(ProgramSketchTest, TheFirstStylesPackAndDoNot) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  for (const int units : {1, 2}) {
    Target target = FakeTarget();
    target.fma_units = units;
    const ProgramSketch sketch(program, target);
    int packed = 0;
    int blocked = 0;
    int fused = 0;
    for (const SketchChoice& choice : sketch.Styles(8)) {
      const ContractionChoice& option = sketch.role(0).contractions[static_cast<size_t>(choice[0])];
      packed += option.pack != PackMode::kNone ? 1 : 0;
      blocked += option.pack == PackMode::kNone && option.row_blocks != RowBlocks::kNone ? 1 : 0;
      fused +=
          PrintPlan(sketch.MakePlan(choice)).find("fuse_producer(block=gated") != std::string::npos
              ? 1
              : 0;
    }
    EXPECT_GT(packed, 0) << units;
    EXPECT_GT(blocked, 0) << units;
    EXPECT_GT(fused, 0) << units;
    EXPECT_LT(fused, 8) << units;
  }
}

TEST(ProgramSketchTest, RowsInBlocksAreCopiedOnceAndIntermediatesWrittenSo) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  Target target = FakeTarget();
  target.fma_units = 1;
  const ProgramSketch sketch(program, target);
  SketchChoice choice = sketch.Best();
  for (size_t b = 0; b < sketch.blocks(); ++b) {
    const auto& options = sketch.role(b).contractions;
    const auto found = std::find_if(options.begin(), options.end(), [](const auto& c) {
      return c.row_blocks == RowBlocks::kVectors && c.pack == PackMode::kNone && c.rows == 16 &&
             c.cols == 16;
    });
    if (sketch.role(b).kind != BlockRole::Kind::kContraction) continue;
    ASSERT_NE(found, options.end());
    choice[b] = static_cast<int>(found - options.begin());
  }
  const std::string text = PrintPlan(sketch.MakePlan(choice));
  EXPECT_NE(text.find("pack(block=gate, buffer=X, map=[d0/16, d1/16, d0%16, d1%16], readers=[up]"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("buffer=X", text.find("buffer=X") + 1), std::string::npos) << text;
  EXPECT_NE(text.find("layout(block=gated, map=[d0/16, d1/"), std::string::npos) << text;
}

// The layout of what an opaque block writes is its own.
TEST(ProgramSketchTest, NoRowsInBlocksWhereAnOpaqueBlockWritesThem) {
  ProgramView program = FakeMlpProgram(128, 512, 2048);
  const auto blocked = [&program] {
    int count = 0;
    const ProgramSketch sketch(program, FakeTarget());
    const auto down = static_cast<size_t>(program.FindBlock("O"));
    for (const ContractionChoice& option : sketch.role(down).contractions)
      count += option.row_blocks != RowBlocks::kNone ? 1 : 0;
    return count;
  };
  EXPECT_GT(blocked(), 0);
  program.blocks[static_cast<size_t>(program.FindBlock("gated"))].opaque = true;
  EXPECT_EQ(blocked(), 0);
}

// Where columns leave a rest (24 of 2048), rows may still lie side by side: no step of a row tile
// is cut.
TEST(ProgramSketchTest, RowsAreInterleavedWhereColumnsArePartitioned) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  Target target = FakeTarget();
  target.vector_bits = 256;
  target.vector_registers = 16;
  const ProgramSketch sketch(program, target);
  SketchChoice choice = sketch.Best();
  for (size_t b = 0; b < sketch.blocks(); ++b) {
    if (sketch.role(b).kind != BlockRole::Kind::kContraction) continue;
    const auto& options = sketch.role(b).contractions;
    const auto found = std::find_if(options.begin(), options.end(), [](const auto& c) {
      return c.row_blocks == RowBlocks::kInterleaved && c.pack == PackMode::kPanel && c.rows == 4 &&
             c.cols == 24 && c.tail == TailMode::kPartition;
    });
    ASSERT_NE(found, options.end());
    choice[b] = static_cast<int>(found - options.begin());
  }
  const std::string text = PrintPlan(sketch.MakePlan(choice));
  EXPECT_NE(text.find("pack(block=gate, buffer=X, map=[d0/4, d1, d0%4], readers=[up]"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("layout(block=gated, map=[d0/4, d1, d0%4]"), std::string::npos) << text;
  for (const ContractionChoice& option : sketch.role(0).contractions) {
    if (option.row_blocks != RowBlocks::kNone) {
      EXPECT_EQ(128 % option.rows, 0) << option.rows;
    }
  }
}

TEST(ProgramSketchTest, ProducersMoveIntoChunksConsumersFirst) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  SketchChoice choice = sketch.Best();
  choice.back() = 1;
  const std::string text = PrintPlan(sketch.MakePlan(choice));
  const size_t gated = text.find("fuse_producer(block=gated, at=O.k.0)");
  const size_t up = text.find("fuse_producer(block=up, at=O.k.0)");
  ASSERT_NE(gated, std::string::npos) << text;
  ASSERT_NE(up, std::string::npos) << text;
  EXPECT_LT(gated, up);
  EXPECT_LT(up, text.find("tile(block=up"));
  EXPECT_NE(text.find("accumulate(block=O, init=k.0)"), std::string::npos) << text;
  // What sums up over the chunks is not written back after one of them.
  EXPECT_EQ(text.find("accumulate(block=O, at="), std::string::npos) << text;
  Target many = target;
  many.cores = 4;
  EXPECT_EQ(ProgramSketch(program, many).MakePlan(choice),
            ProgramSketch(program, many).MakePlan(sketch.Best()));
}

TEST(ProgramSketchTest, NeighboursChangeOneBlock) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  const SketchChoice best = sketch.Best();
  const auto neighbours = sketch.Neighbours(best, 20);
  ASSERT_EQ(neighbours.size(), 20u);
  for (const SketchChoice& next : neighbours) {
    int changed = 0;
    for (size_t b = 0; b < next.size(); ++b) changed += next[b] != best[b] ? 1 : 0;
    EXPECT_EQ(changed, 1);
  }
}

TEST(ProgramSketchTest, RolesOfAConvolution) {
  const ProgramView program = FakeConvProgram(64, 28);
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  EXPECT_EQ(sketch.role(0).kind, BlockRole::Kind::kPadding);
  EXPECT_EQ(sketch.role(1).kind, BlockRole::Kind::kContraction);
  EXPECT_EQ(sketch.role(2).kind, BlockRole::Kind::kEpilogue);
  EXPECT_EQ(sketch.role(1).neighbours.epilogue, "out");
  EXPECT_EQ(sketch.role(1).neighbours.paddings, (std::vector<std::string>{"pad"}));
}

TEST(ProgramSketchTest, OpaqueBlocksAreLeftAndTheOthersTuned) {
  ProgramView program = FakeMlpProgram(64, 96, 160);
  program.blocks[0].opaque = true;
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  const std::string text = PrintPlan(sketch.MakePlan(sketch.Best()));
  EXPECT_EQ(text.find("block=" + program.blocks[0].name + ","), std::string::npos) << text;
  EXPECT_NE(text.find("tile(block=up"), std::string::npos) << text;
}

TEST(ProgramSketchTest, ABlockThatIsTiledAlreadyIsLeft) {
  ProgramView program = FakeMatmulProgram(64, 64, 64);
  program.blocks[0].has_predicate = true;  // as after a split that does not divide
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  EXPECT_TRUE(sketch.MakePlan(sketch.Best()).steps.empty());
}

TEST(ProgramSketchTest, ManyCoresGetALoop) {
  Target target = FakeTarget();
  target.cores = 4;
  for (const auto& program : {FakeMatmulProgram(256, 256, 256), FakeConvProgram(64, 28)}) {
    const ProgramSketch sketch(program, target);
    const std::string text = PrintPlan(sketch.MakePlan(sketch.Best()));
    EXPECT_NE(text.find("parallelize("), std::string::npos) << text;
  }
}

TEST(ProgramSketchTest, FunctionCallsStayScalar) {
  ProgramView program = FakeConvProgram(32, 28);
  program.blocks[2].has_call = true;
  const Target target = FakeTarget();
  const ProgramSketch sketch(program, target);
  EXPECT_EQ(sketch.role(2).kind, BlockRole::Kind::kSimple);
  const std::string text = PrintPlan(sketch.MakePlan(sketch.Best()));
  EXPECT_EQ(text.find("vectorize(loop=out."), std::string::npos) << text;
}

}  // namespace
}  // namespace banyan
