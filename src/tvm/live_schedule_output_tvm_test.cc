#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tvm/ffi.h"
#include "tvm/live_schedule.h"
#include "tvm/testing/scheduled.h"

namespace banyan {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// A schedule with everything that a trace must carry: none and integer factors, an index map,
// padding, annotations.
void Schedule(LiveSchedule& s) {
  EXPECT_OK(s.CacheRead("O", "W_down", "global", {}, "Wp"));
  EXPECT_OK(s.TransformLayout("Wp", {{1, 5, 0}, {0, 1, 0}, {1, 1, 5}}, true));
  EXPECT_OK(s.TransformLayout("gated", {{0, 4, 0}, {1, 1, 0}, {0, 1, 4}}, false));
  EXPECT_OK(s.CacheWrite("O", "local", "out"));
  EXPECT_OK(s.Split("O.t", {0, 4}, {"O.t.0", "O.t.1"}));
  EXPECT_OK(s.Split("O.h", {2, 8}, {"O.h.0", "O.h.1"}));
  EXPECT_OK(s.Reorder({"O.t.0", "O.h.0", "O.k", "O.t.1", "O.h.1"}));
  EXPECT_OK(s.ReverseComputeAt("out", "O.h.0", false));
  EXPECT_OK(s.ComputeAt("gate", "gated.t", false));
  EXPECT_OK(s.SetLoopKind("O.h.1", LoopKind::kVectorized));
  EXPECT_OK(s.Annotate("O.t.0", "pragma_auto_unroll_max_step", 64));
  EXPECT_OK(s.Annotate("O", "factor", 0.5));
  EXPECT_OK(s.Annotate("O", "note", "text"));
  EXPECT_OK(s.DecomposeReduction("O", "O.k", "O.init"));
  (void)s.Program();
}

TEST(LiveScheduleOutput, TheTraceReplaysInTvm) {
  Scheduled s("mlp:T=16,H=16,I=32");
  Schedule(*s);
  s.ExpectSameResult();
  const auto trace = s->TraceJson();
  ASSERT_TRUE(trace.ok()) << trace.error().message;
  const auto hash = TryTvm([&] {
    const auto module =
        CallTvm<ffi::ObjectRef>("ffi.FromJSONGraphString", s.workload().module_json);
    const auto schedule =
        CallTvm<ffi::ObjectRef>("s_tir.schedule.TracedSchedule", module, 1, 0, 0, true);
    CallTvm<void>("s_tir.schedule.TraceApplyJSONToSchedule",
                  CallTvm("ffi.json.Parse", trace->dump()), schedule);
    return static_cast<uint64_t>(CallTvm<int64_t>(
        "ffi.StructuralHash", CallTvm("s_tir.schedule.ScheduleGetMod", schedule), false, false));
  });
  ASSERT_TRUE(hash.ok()) << hash.error().message;
  EXPECT_EQ(*hash, *s->ProgramHash());
}

TEST(LiveScheduleOutput, TheTraceHoldsTheStepsOnly) {
  Scheduled s("mlp:T=16,H=16,I=32");
  EXPECT_OK(s->Split("O.t", {0, 4}, {"O.t.0", "O.t.1"}));
  for (int i = 0; i < 3; ++i) {
    (void)s->Program();
    (void)s->Script();
    (void)s->Features();
    (void)s->ProgramHash();
  }
  EXPECT_EQ(*s->TracePython(),
            "b0 = sch.get_sblock(name=\"O\", func_name=\"main\")\n"
            "l1, l2, l3 = sch.get_loops(block=b0)\n"
            "l4, l5 = sch.split(loop=l1, factors=[None, 4], preserve_unit_iters=True, "
            "disable_predication=False)\n");
  EXPECT_EQ((*s->TraceJson())[0].size(), 3u);
}

TEST(LiveScheduleOutput, TheTraceOfASplitOffPaddingIsPrinted) {
  Scheduled s("conv:C=2,O=2,H=4,W=4");
  EXPECT_OK(s->DecomposePadding("pad", "pad.c", "pad.fill"));
  EXPECT_OK(s->DecomposeReduction("conv", "conv.rc", "conv.init"));
  const auto trace = s->TracePython();
  ASSERT_TRUE(trace.ok()) << trace.error().message;
  EXPECT_THAT(*trace,
              ContainsRegex("b[0-9]+ = sch.decompose_padding\\(block=b[0-9]+, loop=l[0-9]+\\)\n"));
  EXPECT_THAT(*trace, HasSubstr("sch.decompose_reduction("));
}

TEST(LiveScheduleOutput, ScriptIsTextWithoutAddresses) {
  Scheduled s("mlp:T=16,H=16,I=32");
  Schedule(*s);
  const std::string script = *s->Script();
  EXPECT_THAT(script, HasSubstr("@T.prim_func"));
  EXPECT_THAT(script, HasSubstr("T.vectorized(8)"));
  EXPECT_THAT(script, Not(HasSubstr("0x")));
  EXPECT_EQ(script, *s->Script());
}

TEST(LiveScheduleOutput, TheModuleComesBack) {
  Scheduled s("mlp:T=16,H=16,I=32");
  Schedule(*s);
  const auto again = MakeLiveSchedule(*s->ModuleJson(), "main");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*(*again)->ProgramHash(), *s->ProgramHash());
  // Without the plan's names, but the same program.
  const auto mine = s.View();
  const auto theirs = *(*again)->Program();
  ASSERT_EQ(theirs->blocks.size(), mine->blocks.size());
  for (size_t b = 0; b < mine->blocks.size(); ++b) {
    EXPECT_EQ(theirs->blocks[b].is_init, mine->blocks[b].is_init);
    EXPECT_EQ(theirs->blocks[b].loops, mine->blocks[b].loops);
  }
}

TEST(LiveScheduleOutput, EqualPlansAreEqualProgramsWhateverTheNames) {
  Scheduled a("matmul:M=32,N=32,K=32");
  Scheduled b("matmul:M=32,N=32,K=32");
  EXPECT_EQ(*a->ProgramHash(), *b->ProgramHash());
  EXPECT_OK(a->Split("C.i", {0, 4}, {"C.i.0", "C.i.1"}));
  EXPECT_NE(*a->ProgramHash(), *b->ProgramHash());
  EXPECT_OK(b->Split("C.i", {8, 4}, {"x", "y"}));
  EXPECT_EQ(*a->ProgramHash(), *b->ProgramHash());
}

TEST(LiveScheduleOutput, OneRowOfFeaturesAStore) {
  Scheduled s("mlp:T=16,H=16,I=32");
  const auto before = s->Features();
  ASSERT_TRUE(before.ok()) << before.error().message;
  EXPECT_EQ(before->size(), 4u);  // gate, up, gated, O; TVM merges a reduction's two stores
  EXPECT_OK(s->SetLoopKind("gated.i", LoopKind::kVectorized));
  const auto after = s->Features();
  ASSERT_EQ(after->size(), before->size());
  EXPECT_NE(*after, *before);
  for (const auto& row : *after) {
    EXPECT_EQ(row.size(), after->front().size());
    for (const float value : row) EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace banyan
