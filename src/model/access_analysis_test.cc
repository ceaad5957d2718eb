#include "model/access_analysis.h"

#include <gtest/gtest.h>

#include <utility>

#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

// Iters of the fake matmul: i, j, k. B is read as B[k, j]; transposed: B[j, k].
ProgramView TransposedMatmul(int64_t m, int64_t n, int64_t k) {
  ProgramView program = FakeMatmulProgram(m, n, k);
  AccessView& read = program.blocks[0].reads[1];
  std::swap(read.indices[0], read.indices[1]);
  auto& shape = program.buffers[static_cast<size_t>(read.buffer)].shape;
  std::swap(shape[0], shape[1]);
  return program;
}

TEST(AccessAnalysisTest, MatmulIsAContractionWithoutBatch) {
  const ProgramView program = FakeMatmulProgram(128, 96, 64);
  const BlockAnalysis analysis = AnalyseBlock(program, 0);
  EXPECT_EQ(analysis.block_class, BlockClass::kContraction);
  EXPECT_EQ(analysis.spatial, (std::vector<int>{0, 1}));
  EXPECT_EQ(analysis.reduction, (std::vector<int>{2}));
  EXPECT_TRUE(analysis.batch.empty());
  ASSERT_EQ(analysis.operands.size(), 2u);
  EXPECT_EQ(analysis.operands[0].uses, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(analysis.operands[1].uses, (std::vector<bool>{false, true, true}));
  EXPECT_TRUE(analysis.operands[1].simple);
  EXPECT_EQ(analysis.flops, 2.0 * 128 * 96 * 64);
}

TEST(AccessAnalysisTest, ClassesOfAConvolutionsBlocks) {
  const ProgramView program = FakeConvProgram(16, 14);
  const std::vector<BlockAnalysis> all = AnalyseProgram(program);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].block_class, BlockClass::kPointwise);
  EXPECT_EQ(all[1].block_class, BlockClass::kContraction);
  EXPECT_EQ(all[2].block_class, BlockClass::kPointwise);
  // The window y + ry, x + rx is no plain tensor of iters; the weights are one.
  EXPECT_FALSE(all[1].operands[0].simple);
  EXPECT_TRUE(all[1].operands[1].simple);
}

TEST(AccessAnalysisTest, OpaqueBlocksStayOpaque) {
  ProgramView program = FakeMatmulProgram(8, 8, 8);
  program.blocks[0].opaque = true;
  EXPECT_EQ(AnalyseBlock(program, 0).block_class, BlockClass::kOpaque);
}

TEST(AccessAnalysisTest, ARowSumIsNoContraction) {
  ProgramView program = FakeMatmulProgram(8, 1, 32);
  program.blocks[0].reads.resize(1);
  EXPECT_EQ(AnalyseBlock(program, 0).block_class, BlockClass::kReduction);
}

TEST(AccessAnalysisTest, MatrixTimesVectorHasReuseOfTheVectorOnly) {
  const ProgramView program = FakeMatmulProgram(64, 1, 32);  // j has one iteration
  const BlockAnalysis analysis = AnalyseBlock(program, 0);
  EXPECT_EQ(analysis.block_class, BlockClass::kContraction);
  const std::vector<TileAxes> axes = RankTileAxes(program, analysis, FakeTarget());
  ASSERT_FALSE(axes.empty());
  for (const TileAxes& choice : axes) EXPECT_EQ(choice.vector_iter, 0) << "j has extent 1";
}

TEST(AccessAnalysisTest, AccessAlongAnIter) {
  const ProgramView program = FakeMatmulProgram(128, 96, 64);
  const BlockView& block = program.blocks[0];
  const BufferView& a = program.buffers[static_cast<size_t>(block.reads[0].buffer)];
  const BufferView& b = program.buffers[static_cast<size_t>(block.reads[1].buffer)];
  EXPECT_EQ(AccessAlong(block.reads[0], a, 0), VectorAccess::kStrided);
  EXPECT_EQ(AccessAlong(block.reads[0], a, 1), VectorAccess::kInvariant);
  EXPECT_EQ(AccessAlong(block.reads[0], a, 2), VectorAccess::kContiguous);
  EXPECT_EQ(AccessAlong(block.reads[1], b, 1), VectorAccess::kContiguous);
  EXPECT_EQ(StrideAlong(block.reads[0], a, 0), 64);
  EXPECT_EQ(StrideAlong(block.reads[0], a, 1), 0);
  EXPECT_EQ(StrideAlong(block.reads[1], b, 2), 96);
}

TEST(AccessAnalysisTest, AStridedWindowIsNotContiguous) {
  ProgramView program = FakeConvProgram(16, 14);
  AccessView read = program.blocks[1].reads[0];
  const BufferView& buffer = program.buffers[static_cast<size_t>(read.buffer)];
  EXPECT_EQ(AccessAlong(read, buffer, 3), VectorAccess::kContiguous);
  read.indices[3].coefficients[3] = 2;
  EXPECT_EQ(AccessAlong(read, buffer, 3), VectorAccess::kStrided);
}

TEST(AccessAnalysisTest, FootprintOfAWindowCountsOverlapsOnce) {
  const ProgramView program = FakeConvProgram(16, 14);
  const BlockView& block = program.blocks[1];
  std::vector<int64_t> extents(block.iters.size(), 1);
  EXPECT_EQ(FootprintBytes(program, block, block.reads[0], extents), 4);
  extents[3] = 8;  // x
  extents[6] = 3;  // rx
  EXPECT_EQ(FootprintBytes(program, block, block.reads[0], extents), 4 * (8 + 2));
}

TEST(AccessAnalysisTest, VectorsRunAlongTheResultsContiguousIter) {
  const ProgramView program = FakeMatmulProgram(128, 96, 64);
  const auto axes = RankTileAxes(program, AnalyseBlock(program, 0), FakeTarget());
  ASSERT_FALSE(axes.empty());
  EXPECT_EQ(axes[0].vector_iter, 1);
  EXPECT_EQ(axes[0].row_iter, 0);
  EXPECT_EQ(axes[0].vector_access, VectorAccess::kContiguous);
  EXPECT_TRUE(axes[0].output_contiguous);
}

TEST(AccessAnalysisTest, ATransposedOperandIsToBePacked) {
  const ProgramView program = TransposedMatmul(128, 96, 64);
  const auto axes = RankTileAxes(program, AnalyseBlock(program, 0), FakeTarget());
  ASSERT_FALSE(axes.empty());
  EXPECT_EQ(axes[0].vector_iter, 1);
  EXPECT_EQ(axes[0].vector_access, VectorAccess::kStrided);
}

TEST(AccessAnalysisTest, AxesDoNotDependOnTheOrderOfIters) {
  ProgramView program = FakeMatmulProgram(128, 96, 64);
  BlockView& block = program.blocks[0];
  std::swap(block.iters[0], block.iters[1]);
  for (auto* accesses : {&block.reads, &block.writes}) {
    for (AccessView& access : *accesses) {
      for (LinearForm& index : access.indices)
        std::swap(index.coefficients[0], index.coefficients[1]);
    }
  }
  const auto axes = RankTileAxes(program, AnalyseBlock(program, 0), FakeTarget());
  ASSERT_FALSE(axes.empty());
  EXPECT_EQ(block.iters[static_cast<size_t>(axes[0].vector_iter)].name, "j");
  EXPECT_EQ(block.iters[static_cast<size_t>(axes[0].row_iter)].name, "i");
}

}  // namespace
}  // namespace banyan
