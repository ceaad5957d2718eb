#include "tvm/testing/scheduled.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "tvm/live_schedule.h"
#include "tvm/testing/run_program.h"
#include "tvm/workloads.h"

namespace banyan {

Scheduled::Scheduled(const std::string& workload_spec) {
  const auto spec = ParseWorkloadSpec(workload_spec);
  EXPECT_TRUE(spec.ok()) << workload_spec;
  auto workload = MakeBuiltinWorkload(*spec);
  EXPECT_TRUE(workload.ok()) << workload.error().message;
  workload_ = std::move(*workload);
  auto schedule = MakeLiveSchedule(workload_.module_json, workload_.entry);
  EXPECT_TRUE(schedule.ok()) << schedule.error().message;
  schedule_ = std::move(*schedule);
}

std::shared_ptr<const ProgramView> Scheduled::View() {
  auto view = schedule_->Program();
  EXPECT_TRUE(view.ok()) << view.error().message;
  view_ = *view;
  return view_;
}

const BlockView& Scheduled::Block(const std::string& name) {
  View();
  const int index = view_->FindBlock(name);
  static const BlockView& none = *new BlockView;
  EXPECT_GE(index, 0) << "no block " << name << " among " << Blocks();
  return index < 0 ? none : view_->blocks[static_cast<size_t>(index)];
}

std::string Scheduled::Loops(const std::string& block) {
  std::string text;
  for (const int loop : Block(block).loops) {
    text += (text.empty() ? "" : " ") + view_->loops[static_cast<size_t>(loop)].name;
  }
  return text;
}

std::string Scheduled::Extents(const std::string& block) {
  std::string text;
  for (const int loop : Block(block).loops) {
    const LoopView& view = view_->loops[static_cast<size_t>(loop)];
    text += (text.empty() ? "" : " ") + view.name + ":" + std::to_string(view.extent);
  }
  return text;
}

std::string Scheduled::Blocks() {
  std::string text;
  for (const BlockView& block : View()->blocks) text += (text.empty() ? "" : " ") + block.name;
  return text;
}

void Scheduled::ExpectSameResult() {
  const auto module = schedule_->ModuleJson();
  ASSERT_TRUE(module.ok()) << module.error().message;
  const Values inputs = ExactInputs(workload_, 7);
  const auto expected = RunProgram(workload_, workload_.module_json, inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  const auto outputs = RunProgram(workload_, *module, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message << "\n" << *schedule_->Script();
  for (size_t t = 0; t < expected->size(); ++t) {
    for (size_t i = 0; i < (*expected)[t].size(); ++i) {
      const double want = (*expected)[t][i];
      ASSERT_NEAR((*outputs)[t][i], want, 1e-5 * (1 + std::abs(want))) << "at " << i << "\n"
                                                                       << *schedule_->Script();
    }
  }
}

std::string Reason(const Status& status) {
  EXPECT_FALSE(status.ok());
  if (status.ok()) return {};
  EXPECT_EQ(status.error().code, ErrorCode::kIllegalStep);
  EXPECT_EQ(status.error().message.find('\n'), std::string::npos);
  return status.error().message;
}

}  // namespace banyan
