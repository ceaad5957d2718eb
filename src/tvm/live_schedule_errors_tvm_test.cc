#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tvm/live_schedule.h"
#include "tvm/testing/scheduled.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LiveScheduleErrors, UnknownNamesAreToldWithTheKnownOnes) {
  Scheduled s(kMlp);
  EXPECT_EQ(Reason(s->ComputeInline("hidden")), "no block \"hidden\" (blocks: gate, up, gated, O)");
  EXPECT_EQ(Reason(s->Split("O.x", {0, 4}, {"a", "b"})),
            "no loop \"O.x\" (loops around O: O.t, O.h, O.k)");
  EXPECT_THAT(Reason(s->Reorder({"nothing"})), HasSubstr("gate.t"));
  EXPECT_EQ(Reason(s->CacheRead("O", "X", "global", {}, "c")),
            "block O does not read X (it reads gated, W_down)");
  EXPECT_EQ(Reason(s->CacheRead("gate", "X", "global", {"O"}, "c")),
            "block O does not read X (it reads gated, W_down)");
}

TEST(LiveScheduleErrors, NamesTakenOrMissing) {
  Scheduled s(kMatmul);
  EXPECT_EQ(Reason(s->CacheRead("C", "A", "global", {}, "C")), "there is a block \"C\" already");
  EXPECT_EQ(Reason(s->Split("C.i", {0, 4}, {"C.k", "b"})), "there is a loop \"C.k\" already");
  EXPECT_EQ(Reason(s->Split("C.i", {0, 4}, {"b", "b"})), "there is a loop \"b\" already");
  EXPECT_EQ(Reason(s->Split("C.i", {0, 4}, {"b", ""})), "a new loop needs a name");
  EXPECT_OK(s->Split("C.i", {0, 4}, {"C.i", "C.i.1"}));  // the split loop's own name is free
  EXPECT_EQ(s.Loops("C"), "C.i C.i.1 C.j C.k");
}

TEST(LiveScheduleErrors, SplitsThatMakeNoSense) {
  Scheduled s(kMatmul);
  EXPECT_EQ(Reason(s->Split("C.i", {4}, {"a"})), "a split needs at least two factors");
  EXPECT_EQ(Reason(s->Split("C.i", {0, 0}, {"a", "b"})),
            "at most one factor of a split can be inferred");
  EXPECT_EQ(Reason(s->Split("C.i", {-1, 4}, {"a", "b"})), "the factors of a split are positive");
  EXPECT_EQ(Reason(s->Split("C.i", {2, 4}, {"a", "b"})),
            "the factors of C.i give 8 iterations, the loop has 32");
  EXPECT_THAT(Reason(s->Split("C.i", {0, 64}, {"a", "b"})), HasSubstr("the loop has 32"));
  EXPECT_THAT(Reason(s->Split("C.i", {int64_t{1} << 40, int64_t{1} << 40}, {"a", "b"})),
              HasSubstr("too large"));
  EXPECT_OK(s->SetLoopKind("C.i", LoopKind::kUnrolled));
  EXPECT_EQ(Reason(s->Split("C.i", {0, 4}, {"a", "b"})), "loop C.i is unrolled: split it before");
  EXPECT_EQ(Reason(s->Fuse({"C.i", "C.j"}, "f")), "loop C.i is unrolled: fuse it before");
  EXPECT_EQ(Reason(s->Fuse({"C.k", "C.j"}, "f")), "loop C.j is not directly inside C.k");
  EXPECT_EQ(Reason(s->SetLoopKind("C.i", LoopKind::kVectorized)), "loop C.i is unrolled already");
}

TEST(LiveScheduleErrors, ReductionLoopsAreNotVectorized) {
  Scheduled s(kMatmul);
  for (const LoopKind kind : {LoopKind::kVectorized, LoopKind::kParallel}) {
    EXPECT_THAT(Reason(s->SetLoopKind("C.k", kind)),
                HasSubstr("loop C.k drives the reduction iter k of block C"));
  }
}

TEST(LiveScheduleErrors, WhatTvmAcceptsAndThenBreaks) {
  {
    Scheduled s(kMlp);  // wrong results
    EXPECT_OK(s->ComputeAt("gate", "gated.i", false));
    EXPECT_EQ(
        Reason(s->SetLoopKind("gated.i", LoopKind::kVectorized)),
        "blocks gate and gated are both inside loop gated.i: only a loop around one of them can "
        "be vectorized");
  }
  {
    Scheduled s(kMlp);
    EXPECT_OK(s->SetLoopKind("gated.i", LoopKind::kVectorized));
    EXPECT_THAT(Reason(s->Copy()->ComputeAt("gate", "gated.i", false)),
                HasSubstr("loop gated.i is vectorized"));
    EXPECT_THAT(Reason(s->SetLoopKind("gated.t", LoopKind::kVectorized)),
                HasSubstr("around the vectorized loop gated.i"));
  }
  {
    Scheduled s(kMatmul);
    EXPECT_OK(s->SetLoopKind("C.i", LoopKind::kParallel));
    EXPECT_THAT(Reason(s->SetLoopKind("C.j", LoopKind::kParallel)),
                HasSubstr("inside the parallel loop C.i"));
  }
  {
    Scheduled s(kMatmul);
    EXPECT_OK(s->SetLoopKind("C.j", LoopKind::kParallel));
    EXPECT_THAT(Reason(s->SetLoopKind("C.i", LoopKind::kParallel)),
                HasSubstr("around the parallel loop C.j"));
  }
  {
    Scheduled s(kMatmul);
    EXPECT_OK(s->DecomposeReduction("C", "C.j", "C.init"));
    EXPECT_THAT(Reason(s->Primitive("CacheInplace", {"C", 0, "local"})), HasSubstr("decomposed"));
  }
  {
    Scheduled s(kMatmul);  // out of bounds
    EXPECT_OK(s->Split("C.i", {0, 5}, {"C.i.0", "C.i.1"}));
    EXPECT_THAT(Reason(s->RFactor("C.k", 0, "rf")), HasSubstr("runs under a predicate"));
  }
  {
    Scheduled s(kMlp);  // a loop nest written anew without its other blocks
    EXPECT_OK(s->ComputeAt("gate", "gated.t", false));
    EXPECT_THAT(Reason(s->TransformLayout("gated", {{0, 1, 0}, {1, 5, 0}, {1, 1, 5}}, true)),
                HasSubstr("block gated shares loop gated.t with others"));
  }
  {
    Scheduled s(kMlp);
    EXPECT_OK(s->DecomposeReduction("gate", "gate.k", "init"));
    EXPECT_THAT(Reason(s->TransformLayout("gate", {{0, 1, 0}, {1, 5, 0}, {1, 1, 5}}, true)),
                HasSubstr("pad its layout before"));
  }
  {
    Scheduled s(kMlp);  // a block without producers in the program moves behind its readers
    EXPECT_EQ(Reason(s->ReverseComputeAt("up", "O.t", false)),
              "block gated would run before block up, whose result it reads");
  }
  {
    Scheduled s(
        kMlp);  // initialised once, added up in every iteration of a loop that is not its own
    EXPECT_OK(s->ReverseComputeAt("up", "gate.i", false));
    EXPECT_THAT(Reason(s->DecomposeReduction("up", "gate.i", "init")),
                HasSubstr("loop gate.i repeats block up after its initialisation"));
  }
  {
    Scheduled s(kMatmul);
    EXPECT_THAT(Reason(s->TransformLayout("C", {{1, 1, 0}, {0, 1, 0}}, false)),
                HasSubstr("C is a parameter of the function"));
  }
}

TEST(LiveScheduleErrors, TvmSpeaksOfTheSchedulesOwnNames) {
  Scheduled s(kMlp);
  EXPECT_OK(s->Split("O.t", {0, 4}, {"O.outer", "O.inner"}));
  EXPECT_OK(s->CacheWrite("gated", "local", "copy"));
  const std::string reason = Reason(s->Copy()->ComputeAt("gated", "O.outer", false));
  EXPECT_THAT(reason, HasSubstr("block copy"));  // TVM calls it gated_local
  EXPECT_THAT(reason, Not(HasSubstr("gated_local")));

  const auto failed = s->Copy();
  const Status status = failed->DecomposeReduction("O", "gate.t", "init");
  EXPECT_THAT(Reason(status), HasSubstr("loop gate.t"));
  EXPECT_THAT(Reason(status), HasSubstr("block O"));
  EXPECT_THAT(status.error().context, HasSubstr("def main"));  // TVM's listing, on request
}

TEST(LiveScheduleErrors, OrderOfSteps) {
  {
    Scheduled s(kMlp);
    EXPECT_OK(s->DecomposeReduction("gate", "gate.i", "init"));
    EXPECT_THAT(Reason(s->Copy()->CacheRead("gated", "gate", "local", {}, "c")),
                HasSubstr("cache before decompose_reduction"));
    EXPECT_THAT(Reason(s->Copy()->SetLoopKind("gate.t", LoopKind::kParallel)),
                HasSubstr("set loop kinds before decompose_reduction"));
    EXPECT_THAT(Reason(s->DecomposeReduction("gate", "gate.i", "again")),
                HasSubstr("decomposed already"));
  }
  {
    Scheduled s(kMatmul);
    EXPECT_OK(s->Reorder({"C.k", "C.i"}));
    EXPECT_THAT(Reason(s->DecomposeReduction("C", "C.i", "init")), HasSubstr("loop C.i"));
  }
}

TEST(LiveScheduleErrors, BlocksThatCannotMove) {
  Scheduled s(kMlp);
  EXPECT_EQ(Reason(s->Copy()->ComputeInline("gate")),
            "block gate is a reduction: only element-wise blocks can be inlined");
  EXPECT_THAT(Reason(s->Copy()->ComputeAt("O", "gate.t", false)), HasSubstr("block O"));
  EXPECT_THAT(Reason(s->Copy()->SetScope("O", "local")), HasSubstr("parameter"));
  EXPECT_THAT(Reason(s->Copy()->CacheWrite("gate", "nowhere", "c")), HasSubstr("nowhere"));
  EXPECT_THAT(Reason(s->Copy()->DecomposePadding("gated", "gated.t", "p")),
              HasSubstr("between a value and padding"));
  EXPECT_THAT(Reason(s->Copy()->RFactor("O.t", 0, "rf")), HasSubstr("loop O.t"));
  EXPECT_THAT(Reason(s->Copy()->RFactor("O.k", 9, "rf")), HasSubstr("9"));
  EXPECT_THAT(Reason(s->Copy()->PadEinsum("gate", {4, 0, 4})), HasSubstr("at least 1"));
  EXPECT_THAT(Reason(s->Copy()->TransformLayout("gate", {{2, 1, 0}}, false)),
              HasSubstr("gate has no dimension d2"));
}

TEST(MakeLiveSchedule, RefusesWhatIsNoProgram) {
  Scheduled s(kMatmul);
  const auto no_function = MakeLiveSchedule(s.workload().module_json, "other");
  ASSERT_FALSE(no_function.ok());
  EXPECT_EQ(no_function.error().code, ErrorCode::kInvalidArgument);
  for (const char* text : {"", "{}", "[]", "not JSON", "{\"root_index\": 0, \"nodes\": []}",
                           "{\"root_index\": 0, \"nodes\": [{\"type\": \"None\"}]}",
                           "{\"root_index\": 0, \"nodes\": [{\"type\": \"int\", \"data\": 3}]}"}) {
    const auto schedule = MakeLiveSchedule(text, "main");
    ASSERT_FALSE(schedule.ok()) << text;
    EXPECT_EQ(schedule.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_FALSE(schedule.error().message.empty());
  }
}

}  // namespace
}  // namespace banyan
