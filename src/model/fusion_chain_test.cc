#include "model/fusion_chain.h"

#include <gtest/gtest.h>

#include "model/contraction_sketch.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

std::vector<FusionChain> ChainsOf(const ProgramView& program, const Target& target) {
  const std::vector<BlockAnalysis> analyses = AnalyseProgram(program);
  const auto leads = [&](int b) {
    return analyses[static_cast<size_t>(b)].block_class == BlockClass::kContraction;
  };
  const auto movable = [&](int b) { return !program.blocks[static_cast<size_t>(b)].is_output; };
  return FindFusionChains(program, analyses, leads, movable, target);
}

TEST(FusionChainTest, ThePiecesOfAnMlpStayInL2) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  const Target target = FakeTarget();
  const auto chains = ChainsOf(program, target);
  ASSERT_FALSE(chains.empty());
  for (const FusionChain& chain : chains) {
    EXPECT_EQ(program.blocks[static_cast<size_t>(chain.consumer)].name, "O");
    ASSERT_EQ(chain.members.size(), 3u);
    for (const FusionChain::Member& member : chain.members) {
      const BlockView& block = program.blocks[static_cast<size_t>(member.block)];
      EXPECT_EQ(block.iters[static_cast<size_t>(member.iter)].extent, 2048) << block.name;
    }
    EXPECT_EQ(2048 % chain.chunk, 0);
    EXPECT_LE(3 * 128 * chain.chunk * 4, target.l2_bytes / 2);
  }
  Target small = target;
  small.l2_bytes = 256 << 10;
  const auto smaller = ChainsOf(program, small);
  ASSERT_FALSE(smaller.empty());
  EXPECT_LT(smaller[0].chunk, chains[0].chunk);
}

TEST(FusionChainTest, AResultWithAnotherReaderStays) {
  ProgramView program = FakeMlpProgram(128, 512, 2048);
  const int gate = program.FindBlock("gate");
  const int last = program.FindBlock("O");
  ASSERT_GE(gate, 0);
  ASSERT_GE(last, 0);
  // O reads all of gate in every step, too.
  BlockView& consumer = program.blocks[static_cast<size_t>(last)];
  AccessView read = consumer.writes.front();
  read.buffer = program.blocks[static_cast<size_t>(gate)].writes.front().buffer;
  consumer.reads.push_back(read);
  program.blocks[static_cast<size_t>(gate)].consumers.push_back(last);
  const auto chains = ChainsOf(program, FakeTarget());
  ASSERT_FALSE(chains.empty());
  for (const FusionChain& chain : chains) {
    EXPECT_FALSE(chain.Has(gate));
    EXPECT_TRUE(chain.Has(program.FindBlock("up")));
  }
}

TEST(FusionChainTest, MovedBlocksHaveAPiecesExtents) {
  const ProgramView program = FakeMlpProgram(128, 512, 2048);
  FusionChain chain = ChainsOf(program, FakeTarget()).front();
  const FusionChain::Member& first = chain.members.front();
  const auto block = static_cast<size_t>(first.block);
  const ProgramView moved = MovedProgram(program, chain);
  EXPECT_EQ(moved.blocks[block].iters[static_cast<size_t>(first.iter)].extent, chain.chunk);
  EXPECT_FALSE(LoopOfIter(moved, moved.blocks[block], first.iter).empty());
  EXPECT_TRUE(HasPlainLoops(moved, moved.blocks[block]));
  chain.chunk = 1;  // the loop that moves is gone
  const ProgramView single = MovedProgram(program, chain);
  EXPECT_EQ(LoopOfIter(single, single.blocks[block], first.iter), "");
  EXPECT_EQ(single.blocks[block].loops.size() + 1, program.blocks[block].loops.size());
}

}  // namespace
}  // namespace banyan
