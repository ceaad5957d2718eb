#include "schedule/structure.h"

#include <gtest/gtest.h>

#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

TEST(ProgramStructureTest, SizesAndNamesDoNotMatter) {
  const ProgramView program = FakeMatmulProgram(64, 64, 64);
  ProgramView other = FakeMatmulProgram(12, 96, 7);
  for (BufferView& buffer : other.buffers) buffer.name += "2";
  EXPECT_EQ(ProgramStructure(FakeMlpProgram(8, 16, 32)),
            ProgramStructure(FakeMlpProgram(96, 24, 8)));
  EXPECT_NE(ProgramStructure(FakeMlpProgram(8, 16, 32)), ProgramStructure(program));
  EXPECT_EQ(ProgramStructure(other), ProgramStructure(program));
}

TEST(ProgramStructureTest, AccessesTypesAndLoopsDo) {
  const ProgramView program = FakeMatmulProgram(64, 64, 64);
  ProgramView transposed = program;
  BlockView& block = transposed.blocks.back();
  ASSERT_EQ(block.reads.front().indices.size(), 2u);
  std::swap(block.reads.front().indices[0], block.reads.front().indices[1]);
  ProgramView half = program;
  half.buffers.front().dtype = "float16";
  ProgramView unrolled = program;
  unrolled.loops.front().kind = LoopKind::kUnrolled;
  for (const ProgramView& other : {transposed, half, unrolled}) {
    EXPECT_NE(ProgramStructure(other), ProgramStructure(program));
  }
}

}  // namespace
}  // namespace banyan
