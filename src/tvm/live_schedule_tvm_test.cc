#include "tvm/live_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tvm/testing/scheduled.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

constexpr char kConv[] = "conv:N=1,C=4,O=8,H=6,W=6";

TEST(LiveScheduleNames, DefaultProgram) {
  Scheduled s(kMlp);
  EXPECT_EQ(s.Blocks(), "gate up gated O");
  EXPECT_EQ(s.Loops("gate"), "gate.t gate.i gate.k");
  EXPECT_EQ(s.Loops("gated"), "gated.t gated.i");
  EXPECT_EQ(s.Loops("O"), "O.t O.h O.k");
}

TEST(LiveScheduleNames, SplitFuseAndReorderKeepWhatTheCallerSays) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->Split("C.i", {0, 4}, {"C.i.0", "C.i.1"}));
  EXPECT_OK(s->Split("C.j", {2, 3, 8}, {"C.j.0", "C.j.1", "C.j.2"}));
  EXPECT_EQ(s.Extents("C"), "C.i.0:8 C.i.1:4 C.j.0:2 C.j.1:3 C.j.2:8 C.k:64");
  EXPECT_OK(s->Reorder({"C.k", "C.i.1"}));  // the others stay where they are
  EXPECT_EQ(s.Loops("C"), "C.i.0 C.k C.j.0 C.j.1 C.j.2 C.i.1");
  EXPECT_OK(s->Reorder({"C.i.0", "C.j.0", "C.k", "C.i.1", "C.j.1", "C.j.2"}));
  EXPECT_EQ(s.Loops("C"), "C.i.0 C.j.0 C.k C.i.1 C.j.1 C.j.2");
  EXPECT_OK(s->Fuse({"C.j.1", "C.j.2"}, "C.j.1*2"));
  EXPECT_OK(s->Split("C.i.1", {2, 2}, {"C.i.1.0", "C.i.1.1"}));
  EXPECT_OK(s->SetLoopKind("C.i.1.1", LoopKind::kUnrolled));
  EXPECT_EQ(s.Extents("C"), "C.i.0:8 C.j.0:2 C.k:64 C.i.1.0:2 C.i.1.1:2 C.j.1*2:24");
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, RecreatedLoopsAreCalledByBlockAndIter) {
  Scheduled s(kMlp);
  EXPECT_OK(s->Split("O.t", {0, 4}, {"O.t.0", "O.t.1"}));
  EXPECT_OK(s->Reorder({"O.t.0", "O.k", "O.t.1", "O.h"}));
  EXPECT_OK(s->ComputeAt("gated", "O.t.0", false));
  EXPECT_EQ(s.Extents("gated"), "O.t.0:4 gated.t:4 gated.i:32");
  EXPECT_OK(s->ComputeAt("gate", "gated.t", false));
  EXPECT_EQ(s.Extents("gate"), "O.t.0:4 gated.t:4 gate.i:32 gate.k:16");
  EXPECT_OK(s->ComputeAt("up", "gated.t", true));
  EXPECT_EQ(s.Extents("up"), "O.t.0:4 gated.t:4 up.t:1 up.i:32 up.k:16");
  EXPECT_EQ(s.Blocks(), "gate up gated O");
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, CachesAndDecompositionAreCalledAsThePlanSays) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->CacheRead("C", "B", "global", {}, "packed"));
  EXPECT_OK(s->CacheWrite("C", "local", "result"));
  EXPECT_EQ(s.Blocks(), "packed C result");
  EXPECT_EQ(s.Loops("packed"), "packed.v0 packed.v1");
  EXPECT_EQ(s.Loops("C"), "C.i C.j C.k");
  EXPECT_EQ(s.Loops("result"), "result.v0 result.v1");
  EXPECT_OK(s->ReverseComputeAt("result", "C.i", false));
  EXPECT_EQ(s.Loops("result"), "C.i result.v1");
  EXPECT_OK(s->DecomposeReduction("C", "C.k", "C.init"));
  EXPECT_EQ(s.Blocks(), "packed C.init C result");
  EXPECT_EQ(s.Loops("C.init"), "C.i C.j");
  EXPECT_EQ(s.Loops("C"), "C.i C.j C.k");
  EXPECT_TRUE(s.Block("C.init").is_init);
  EXPECT_FALSE(s.Block("C").has_init);
  EXPECT_FALSE(s.Block("C").is_init);
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, TwoCachesOfOneBufferStayApart) {
  Scheduled s(kMlp);
  EXPECT_OK(s->CacheRead("gate", "X", "global", {}, "Xg"));
  EXPECT_OK(s->CacheRead("up", "X", "global", {}, "Xu"));
  EXPECT_EQ(s.Blocks(), "Xu Xg gate up gated O");
  EXPECT_NE(s.View()->buffers[static_cast<size_t>(s.Block("Xg").writes[0].buffer)].name,
            s.View()->buffers[static_cast<size_t>(s.Block("Xu").writes[0].buffer)].name);
  EXPECT_OK(s->ComputeAt("Xu", "up.t", false));
  EXPECT_EQ(s.Extents("Xu"), "up.t:16 Xu.v1:16");
  EXPECT_EQ(s.Extents("Xg"), "Xg.v0:16 Xg.v1:16");
  // Their copies have one name in TVM; both can be cached again by their own.
  const BufferView& second = s.View()->buffers[static_cast<size_t>(s.Block("Xu").writes[0].buffer)];
  EXPECT_OK(s->CacheRead("up", second.name, "local", {}, "Xuu"));
  EXPECT_EQ(s.Block("Xuu").producers.size(), 1u);
  EXPECT_EQ(s.View()->blocks[static_cast<size_t>(s.Block("Xuu").producers[0])].name, "Xu");
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, OneCacheForSeveralReaders) {
  Scheduled s(kMlp);
  EXPECT_OK(s->CacheRead("gate", "X", "global", {"up"}, "Xp"));
  EXPECT_EQ(s.Block("Xp").consumers.size(), 2u);
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, ACopyGoesItsOwnWay) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->CacheRead("C", "A", "global", {}, "Ap"));
  EXPECT_OK(s->Split("C.i", {0, 8}, {"C.i.0", "C.i.1"}));
  const auto before = s->ProgramHash();
  const auto picture = *s->Program();
  const auto copy = s->Copy();
  EXPECT_EQ(*copy->Program(), picture);  // shared
  EXPECT_OK(copy->ComputeAt("Ap", "C.i.0", false));
  EXPECT_OK(copy->SetLoopKind("C.i.1", LoopKind::kUnrolled));
  EXPECT_OK(copy->Reorder({"C.k", "C.i.1"}));
  EXPECT_EQ(s.Loops("Ap"), "Ap.v0 Ap.v1");
  EXPECT_EQ(s.Loops("C"), "C.i.0 C.i.1 C.j C.k");
  EXPECT_EQ(*s->ProgramHash(), *before);
  EXPECT_NE(*copy->ProgramHash(), *before);
  const auto view = *copy->Program();
  EXPECT_EQ(view->BlocksUnder(view->FindLoop("C.i.0")).size(), 2u);
  // The original still works where the copy went.
  EXPECT_OK(s->ComputeAt("Ap", "C.i.0", false));
  EXPECT_EQ(s.Loops("Ap"), "C.i.0 Ap.v0 Ap.v1");
}

TEST(LiveScheduleNames, CopiesWorkAfterTheOriginalIsGone) {
  std::unique_ptr<LiveSchedule> copy;
  {
    Scheduled s(kMatmul);
    EXPECT_OK(s->Split("C.k", {0, 4}, {"C.k.0", "C.k.1"}));
    copy = s->Copy();
  }
  EXPECT_OK(copy->Reorder({"C.k.0", "C.i"}));
  EXPECT_OK(copy->DecomposeReduction("C", "C.k.0", "C.init"));
  EXPECT_EQ((*copy->Program())->blocks[0].name, "C.init");
}

TEST(LiveScheduleNames, RFactor) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->Split("C.k", {0, 16}, {"C.k.0", "C.k.1"}));
  EXPECT_OK(s->RFactor("C.k.1", 2, "C.rf"));
  EXPECT_EQ(s.Blocks(), "C.rf C");
  EXPECT_EQ(s.Loops("C.rf"), "C.rf.i C.rf.j C.rf.vk_0 C.rf.vk_1");
  EXPECT_EQ(s.Loops("C"), "C.i C.j C.k.1");
  EXPECT_TRUE(s.Block("C.rf").is_reduction);
  EXPECT_OK(s->SetLoopKind("C.rf.vk_1", LoopKind::kVectorized));
  s.ExpectSameResult();
}

TEST(LiveScheduleNames, UnitLoop) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->AddUnitLoop("C", "C.one"));
  EXPECT_EQ(s.Extents("C"), "C.i:32 C.j:48 C.k:64 C.one:1");
  EXPECT_OK(s->Reorder({"C.one", "C.i"}));
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, LayoutOfACopy) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->CacheRead("C", "B", "global", {}, "packed"));
  EXPECT_OK(s->TransformLayout("packed", {{1, 16, 0}, {0, 1, 0}, {1, 1, 16}}, false));
  const auto view = s.View();
  const BufferView& buffer = view->buffers[static_cast<size_t>(s.Block("packed").writes[0].buffer)];
  EXPECT_EQ(buffer.shape, (std::vector<int64_t>{3, 64, 16}));
  EXPECT_EQ(s.Loops("packed"), "packed.v0 packed.v1");
  const AccessView& read = s.Block("C").reads[1];
  EXPECT_FALSE(read.indices[0].affine);  // j / 16
  EXPECT_TRUE(read.indices[0].uses(1));
  EXPECT_FALSE(read.indices[0].uses(0));
  EXPECT_TRUE(read.indices[1].affine);
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, PaddedLayout) {
  Scheduled s(kMlp);
  EXPECT_THAT(Reason(s->Copy()->TransformLayout("gated", {{0, 5, 0}, {1, 1, 0}, {0, 1, 5}}, false)),
              HasSubstr("would introduce padding"));
  EXPECT_OK(s->TransformLayout("gated", {{0, 5, 0}, {1, 1, 0}, {0, 1, 5}}, true));
  EXPECT_EQ(s.Blocks(), "gate up gated O");
  EXPECT_EQ(s.View()->buffers[static_cast<size_t>(s.Block("gated").writes[0].buffer)].shape,
            (std::vector<int64_t>{4, 32, 5}));
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, PaddingIsSplitOff) {
  Scheduled s(kConv);
  EXPECT_TRUE(s.Block("pad").has_condition);
  EXPECT_OK(s->DecomposePadding("pad", "pad.c", "pad.fill"));
  EXPECT_EQ(s.Blocks(), "pad.fill pad conv O");
  EXPECT_FALSE(s.Block("pad").has_condition);
  EXPECT_TRUE(s.Block("pad.fill").reads.empty());
  EXPECT_FALSE(s.Block("pad.fill").is_init);
  EXPECT_EQ(s.Loops("pad.fill"), "pad.n pad.fill.c pad.fill.h pad.fill.w");
  EXPECT_EQ(s.Loops("pad"), "pad.n pad.c pad.h pad.w");
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, InlinePaddingAndEpilogue) {
  Scheduled s(kConv);
  EXPECT_OK(s->ReverseComputeAt("O", "conv.oc", false));
  EXPECT_OK(s->ComputeInline("pad"));
  EXPECT_EQ(s.Blocks(), "conv O");
  EXPECT_TRUE(s.Block("conv").has_condition);
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, ReverseInline) {
  Scheduled s("softmax:rows=8,cols=12");
  EXPECT_EQ(s.Blocks(), "top exponent total O");
  EXPECT_THAT(Reason(s->Copy()->ReverseComputeInline("O")), HasSubstr("O"));
  EXPECT_OK(s->CacheWrite("O", "local", "out"));
  EXPECT_OK(s->ReverseComputeInline("out"));
  EXPECT_EQ(s.Blocks(), "top exponent total O");
  EXPECT_TRUE(s.Block("O").is_output);
  EXPECT_OK(s->ComputeInline("exponent"));
  EXPECT_EQ(s.Blocks(), "top total O");
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, PaddedContraction) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->PadEinsum("C", {5, 7, 9}));
  EXPECT_EQ(s.Extents("C"), "C.i:35 C.j:49 C.k:72");
  EXPECT_EQ(s.Blocks(), "A_pad B_pad C C_pad");
  EXPECT_OK(s->ComputeAt("A_pad", "C.i", false));
  EXPECT_OK(s->Split("C.i", {0, 5}, {"C.i.0", "C.i.1"}));
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, UnevenSplitRunsUnderAPredicate) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->Split("C.j", {0, 20}, {"C.j.0", "C.j.1"}));
  EXPECT_TRUE(s.Block("C").has_predicate);
  EXPECT_EQ(s.Extents("C"), "C.i:32 C.j.0:3 C.j.1:20 C.k:64");
  EXPECT_OK(s->SetLoopKind("C.j.1", LoopKind::kVectorized));
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, KindsAndScopes) {
  Scheduled s(kMlp);
  EXPECT_OK(s->SetScope("gated", "local"));
  EXPECT_EQ(s.View()->buffers[static_cast<size_t>(s.Block("gated").writes[0].buffer)].scope,
            "local");
  EXPECT_OK(s->ComputeAt("gated", "O.t", false));
  EXPECT_OK(s->SetLoopKind("O.t", LoopKind::kParallel));
  EXPECT_OK(s->SetLoopKind("gated.i", LoopKind::kVectorized));
  EXPECT_OK(s->SetLoopKind("O.h", LoopKind::kVectorized));
  EXPECT_OK(s->SetLoopKind("O.h", LoopKind::kVectorized));  // again: nothing to do
  EXPECT_OK(s->SetLoopKind("O.k", LoopKind::kUnrolled));
  const auto view = s.View();
  EXPECT_EQ(view->loops[static_cast<size_t>(view->FindLoop("O.t"))].kind, LoopKind::kParallel);
  EXPECT_EQ(view->loops[static_cast<size_t>(view->FindLoop("O.h"))].kind, LoopKind::kVectorized);
  EXPECT_EQ(view->loops[static_cast<size_t>(view->FindLoop("O.k"))].kind, LoopKind::kUnrolled);
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, AnnotateLoopsAndBlocks) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->Annotate("C.i", "pragma_auto_unroll_max_step", 16));
  EXPECT_OK(s->Annotate("C", "note", "kept"));
  const std::string script = *s->Script();
  EXPECT_THAT(script, HasSubstr("pragma_auto_unroll_max_step"));
  EXPECT_THAT(script, HasSubstr("\"note\": \"kept\""));
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, AnyOtherByName) {
  Scheduled s(kMatmul);
  EXPECT_OK(s->CacheRead("C", "A", "global", {}, "Ap"));
  EXPECT_OK(s->Primitive("StorageAlign", {"Ap", 0, 0, 32, 8}));
  EXPECT_OK(s->Split("C.i", {0, 8}, {"C.i.0", "C.i.1"}));
  EXPECT_OK(s->Primitive("Blockize", {"C.i.1", true}));
  // The new outer block is opaque; what is inside it keeps its names.
  EXPECT_EQ(s.Blocks(), "Ap C_o C");
  EXPECT_TRUE(s.Block("C_o").opaque);
  EXPECT_EQ(s.Loops("C_o"), "C.i.0");
  EXPECT_EQ(s.View()->Iterations(s.View()->FindBlock("C")), 32 * 48 * 64);
  EXPECT_OK(s->Primitive("Reorder", Json::array({Json::array({"C.k", "C.j"})})));
  s.ExpectSameResult();
  EXPECT_THAT(Reason(s->Primitive("Copy", Json::array())), HasSubstr("no primitive \"Copy\""));
  EXPECT_THAT(Reason(s->Primitive("Fuse", {1, 2, 3, 4, 5})), HasSubstr("Fuse"));
}

TEST(LiveSchedulePrimitives, WholeTiledMatmul) {
  Scheduled s("matmul:M=32,N=48,K=64,dtype=int32");
  EXPECT_OK(s->CacheRead("C", "B", "global", {}, "Bp"));
  EXPECT_OK(s->TransformLayout("Bp", {{1, 16, 0}, {0, 1, 0}, {1, 1, 16}}, false));
  EXPECT_OK(s->CacheWrite("C", "local", "out"));
  EXPECT_OK(s->Split("C.i", {0, 8}, {"C.i.0", "C.i.1"}));
  EXPECT_OK(s->Split("C.j", {0, 16}, {"C.j.0", "C.j.1"}));
  EXPECT_OK(s->Split("C.k", {0, 4}, {"C.k.0", "C.k.1"}));
  EXPECT_OK(s->Reorder({"C.i.0", "C.j.0", "C.k.0", "C.k.1", "C.i.1", "C.j.1"}));
  EXPECT_OK(s->ReverseComputeAt("out", "C.j.0", true));
  EXPECT_OK(s->Fuse({"C.i.0", "C.j.0"}, "C.i.0*j.0"));
  EXPECT_OK(s->SetLoopKind("C.i.0*j.0", LoopKind::kParallel));
  EXPECT_OK(s->SetLoopKind("C.j.1", LoopKind::kVectorized));
  EXPECT_OK(s->SetLoopKind("C.i.1", LoopKind::kUnrolled));
  EXPECT_OK(s->SetLoopKind("out.v1", LoopKind::kVectorized));
  EXPECT_OK(s->DecomposeReduction("C", "C.k.0", "C.init"));
  EXPECT_EQ(s.Loops("C.init"), "C.i.0*j.0 C.init.i C.init.j");
  // Their kinds go with them.
  EXPECT_EQ(s.View()->loops[static_cast<size_t>(s.View()->FindLoop("C.init.j"))].kind,
            LoopKind::kVectorized);
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, WholeFusedConvolution) {
  Scheduled s("conv:N=1,C=8,O=8,H=8,W=12");
  EXPECT_OK(s->Split("O.c", {0, 4}, {"O.c.0", "O.c.1"}));
  EXPECT_OK(s->Split("O.h", {0, 4}, {"O.h.0", "O.h.1"}));
  EXPECT_OK(s->Split("O.w", {0, 6}, {"O.w.0", "O.w.1"}));
  EXPECT_OK(s->Reorder({"O.n", "O.h.0", "O.c.0", "O.w.0", "O.c.1", "O.h.1", "O.w.1"}));
  EXPECT_OK(s->SetLoopKind("O.w.1", LoopKind::kVectorized));
  EXPECT_OK(s->ComputeAt("conv", "O.w.0", true));
  EXPECT_OK(s->SetScope("conv", "local"));
  EXPECT_EQ(s.Loops("conv"),
            "O.n O.h.0 O.c.0 O.w.0 conv.n conv.oc conv.y conv.x conv.rc conv.ry conv.rx");
  EXPECT_OK(s->Split("conv.rc", {0, 4}, {"conv.rc.0", "conv.rc.1"}));
  EXPECT_OK(
      s->Reorder({"conv.rc.0", "conv.rc.1", "conv.ry", "conv.rx", "conv.oc", "conv.y", "conv.x"}));
  EXPECT_OK(s->SetLoopKind("conv.x", LoopKind::kVectorized));
  EXPECT_OK(s->SetLoopKind("conv.oc", LoopKind::kUnrolled));
  EXPECT_OK(s->DecomposeReduction("conv", "conv.rc.0", "conv.init"));
  EXPECT_OK(s->ComputeAt("pad", "O.h.0", true));  // with a halo
  EXPECT_OK(s->DecomposePadding("pad", "pad.c", "pad.fill"));
  EXPECT_EQ(s.Blocks(), "pad.fill pad conv.init conv O");
  s.ExpectSameResult();
}

TEST(LiveSchedulePrimitives, WholeChainFusedByChunks) {
  Scheduled s("mlp:T=16,H=24,I=32");
  EXPECT_OK(s->CacheRead("gate", "X", "global", {"up"}, "Xp"));
  EXPECT_OK(s->TransformLayout("Xp", {{0, 8, 0}, {1, 8, 0}, {0, 1, 8}, {1, 1, 8}}, false));
  EXPECT_OK(s->TransformLayout("gated", {{0, 8, 0}, {1, 16, 0}, {0, 1, 8}, {1, 1, 16}}, false));
  EXPECT_OK(s->Split("O.k", {0, 16}, {"O.k.0", "O.k.1"}));
  EXPECT_OK(s->Reorder({"O.k.0", "O.t"}));
  EXPECT_OK(s->ComputeAt("gated", "O.k.0", false));
  EXPECT_OK(s->ComputeAt("gate", "O.k.0", false));
  EXPECT_OK(s->ComputeAt("up", "O.k.0", false));
  EXPECT_OK(s->SetLoopKind("gated.i", LoopKind::kVectorized));
  EXPECT_OK(s->Split("gate.t", {0, 8}, {"gate.t.0", "gate.t.1"}));
  EXPECT_OK(s->Reorder({"gate.t.0", "gate.k", "gate.t.1", "gate.i"}));
  EXPECT_OK(s->SetLoopKind("gate.i", LoopKind::kVectorized));
  EXPECT_OK(s->DecomposeReduction("gate", "gate.k", "gate.init"));
  EXPECT_OK(s->Split("O.h", {0, 8}, {"O.h.0", "O.h.1"}));
  EXPECT_OK(s->Reorder({"O.h.0", "O.t", "O.k.1", "O.h.1"}));
  EXPECT_OK(s->SetLoopKind("O.h.1", LoopKind::kVectorized));
  EXPECT_OK(s->DecomposeReduction("O", "O.k.0", "O.init"));
  EXPECT_EQ(s.Blocks(), "Xp O.init gate.init gate up gated O");
  s.ExpectSameResult();
}

TEST(LiveScheduleThreads, DifferentSchedulesInDifferentThreads) {
  Scheduled s(kMatmul);
  std::vector<std::unique_ptr<LiveSchedule>> copies;
  for (int i = 0; i < 4; ++i) copies.push_back(s->Copy());
  std::vector<uint64_t> hashes(copies.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < copies.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        const auto schedule = copies[i]->Copy();
        if (!schedule->Split("C.k", {0, 8}, {"C.k.0", "C.k.1"}).ok()) return;
        if (!schedule->Reorder({"C.k.0", "C.i"}).ok()) return;
        if (schedule->ComputeInline("C").ok()) return;  // an error is made in every thread
        if (!schedule->Program().ok()) return;
        hashes[i] = *schedule->ProgramHash();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t hash : hashes) EXPECT_EQ(hash, hashes[0]);
  EXPECT_NE(hashes[0], 0u);
}

}  // namespace
}  // namespace banyan
