#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tvm/live_schedule.h"
#include "tvm/testing/run_program.h"
#include "tvm/testing/scheduled.h"

namespace banyan {
namespace {

// Random walks over the primitives: whatever the schedule accepts must build and compute the same.
class RandomWalk {
 public:
  RandomWalk(const std::string& spec, uint64_t seed) : scheduled_(spec), rng_(seed) {
    schedule_ = scheduled_->Copy();
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      auto program = schedule_->Program();
      ASSERT_TRUE(program.ok()) << program.error().message << Log();
      view_ = *program;
      auto copy = schedule_->Copy();
      log_.push_back("");
      const Status status = Step(*copy);
      if (status.ok()) {
        ++accepted_;
        schedule_ = std::move(copy);
      } else {
        EXPECT_FALSE(status.error().message.empty());
        EXPECT_EQ(status.error().code, ErrorCode::kIllegalStep) << status.error().message << Log();
        log_.pop_back();
      }
    }
  }

  void ExpectSameResult() {
    const Values inputs = ExactInputs(scheduled_.workload(), 3);
    const auto expected =
        RunProgram(scheduled_.workload(), scheduled_.workload().module_json, inputs);
    ASSERT_TRUE(expected.ok());
    const auto outputs = RunProgram(scheduled_.workload(), *schedule_->ModuleJson(), inputs);
    ASSERT_TRUE(outputs.ok()) << outputs.error().message << Log() << *schedule_->Script();
    for (size_t t = 0; t < expected->size(); ++t) {
      for (size_t i = 0; i < (*expected)[t].size(); ++i) {
        ASSERT_NEAR((*outputs)[t][i], (*expected)[t][i], 1e-4 * (1 + std::abs((*expected)[t][i])))
            << Log() << *schedule_->Script();
      }
    }
  }

  int accepted() const { return accepted_; }
  std::string Log() const { return fmt::format("\n{}\n", fmt::join(log_, "\n")); }

 private:
  const BlockView& AnyBlock() { return rng_.Pick(view_->blocks); }
  std::string AnyLoop() { return view_->loops.empty() ? "none" : rng_.Pick(view_->loops).name; }
  std::string LoopOf(const BlockView& block) {
    if (block.loops.empty()) return "none";
    return view_->loops[static_cast<size_t>(rng_.Pick(block.loops))].name;
  }
  std::string Fresh() { return fmt::format("n{}", next_++); }
  template <typename... Args>
  void Note(const char* format, const Args&... args) {
    log_.back() = fmt::format(fmt::runtime(format), args...);
  }

  Status Step(LiveSchedule& s) {
    const BlockView& block = AnyBlock();
    switch (rng_.Below(16)) {
      case 0:
      case 1: {
        const std::string loop = LoopOf(block);
        const int64_t factor = rng_.Between(1, 9);
        const std::string outer = Fresh(), inner = Fresh();
        Note("split {} 0 {} -> {} {}", loop, factor, outer, inner);
        return s.Split(loop, {0, factor}, {outer, inner});
      }
      case 2: {
        if (block.loops.size() < 2) return IllegalStep("few loops");
        const size_t k = rng_.Below(block.loops.size() - 1);
        const std::string name = Fresh();
        const std::string a = view_->loops[static_cast<size_t>(block.loops[k])].name;
        const std::string b = view_->loops[static_cast<size_t>(block.loops[k + 1])].name;
        Note("fuse {} {} -> {}", a, b, name);
        return s.Fuse({a, b}, name);
      }
      case 3:
      case 4: {
        std::vector<std::string> order;
        for (const int loop : block.loops)
          order.push_back(view_->loops[static_cast<size_t>(loop)].name);
        rng_.Shuffle(order);
        Note("reorder {}", fmt::join(order, " "));
        return s.Reorder(order);
      }
      case 5: {
        const LoopKind kind = rng_.Pick(
            std::vector<LoopKind>{LoopKind::kVectorized, LoopKind::kUnrolled, LoopKind::kParallel});
        const std::string loop = LoopOf(block);
        Note("{} {}", LoopKindName(kind), loop);
        return s.SetLoopKind(loop, kind);
      }
      case 6: {
        if (block.reads.empty()) return IllegalStep("no reads");
        const std::string& buffer =
            view_->buffers[static_cast<size_t>(rng_.Pick(block.reads).buffer)].name;
        const std::string name = Fresh();
        Note("cache_read {} {} -> {}", block.name, buffer, name);
        return s.CacheRead(block.name, buffer, rng_.Chance(0.5) ? "global" : "local", {}, name);
      }
      case 7: {
        const std::string name = Fresh();
        Note("cache_write {} -> {}", block.name, name);
        return s.CacheWrite(block.name, rng_.Chance(0.5) ? "global" : "local", name);
      }
      case 8: {
        const size_t dims =
            view_->buffers[static_cast<size_t>(block.writes[0].buffer)].shape.size();
        const int dim = static_cast<int>(rng_.Below(dims));
        const int64_t factor = rng_.Between(2, 4);
        const bool pad = rng_.Chance(0.5);
        Layout layout;
        for (size_t d = 0; d < dims; ++d) {
          layout.push_back({static_cast<int>(d), static_cast<int>(d) == dim ? factor : 1, 0});
        }
        layout.push_back({dim, 1, factor});
        Note("layout {} dim {} factor {} pad {}", block.name, dim, factor, pad);
        return s.TransformLayout(block.name, layout, pad);
      }
      case 9: {
        const std::string loop = AnyLoop();
        Note("compute_at {} {}", block.name, loop);
        return s.ComputeAt(block.name, loop, rng_.Chance(0.5));
      }
      case 10: {
        const std::string loop = AnyLoop();
        Note("reverse_compute_at {} {}", block.name, loop);
        return s.ReverseComputeAt(block.name, loop, rng_.Chance(0.5));
      }
      case 11:
        Note("inline {}", block.name);
        return rng_.Chance(0.5) ? s.ComputeInline(block.name) : s.ReverseComputeInline(block.name);
      case 12: {
        const std::string loop = LoopOf(block), name = Fresh();
        Note("decompose {} {} -> {}", block.name, loop, name);
        return s.DecomposeReduction(block.name, loop, name);
      }
      case 13: {
        const std::string loop = LoopOf(block), name = Fresh();
        Note("decompose_padding {} {} -> {}", block.name, loop, name);
        return s.DecomposePadding(block.name, loop, name);
      }
      case 14: {
        const std::string loop = LoopOf(block), name = Fresh();
        Note("rfactor {} -> {}", loop, name);
        return s.RFactor(loop, static_cast<int>(rng_.Below(3)), name);
      }
      default: {
        Note("scope {}", block.name);
        return s.SetScope(block.name, "local");
      }
    }
  }

  Scheduled scheduled_;
  Rng rng_;
  std::unique_ptr<LiveSchedule> schedule_;
  std::shared_ptr<const ProgramView> view_;
  std::vector<std::string> log_;
  int next_ = 0;
  int accepted_ = 0;
};

class LiveScheduleWalk : public ::testing::TestWithParam<const char*> {};

TEST_P(LiveScheduleWalk, WhatIsAcceptedComputesTheSame) {
  int accepted = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomWalk walk(GetParam(), ChildSeed(seed, GetParam()));
    walk.Run(24);
    walk.ExpectSameResult();
    accepted += walk.accepted();
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(accepted, 50);  // a walk that is refused everything tests nothing
}

INSTANTIATE_TEST_SUITE_P(Workloads, LiveScheduleWalk,
                         ::testing::Values("matmul:M=12,N=10,K=8", "mlp:T=6,H=8,I=12",
                                           "conv:N=1,C=3,O=4,H=5,W=6", "softmax:rows=6,cols=10",
                                           "attention:B=1,H=2,T=6,D=4", "moe:T=4,E=2,H=6,I=4"));

}  // namespace
}  // namespace banyan
