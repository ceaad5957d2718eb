#pragma once

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "measure/kernel_host.h"
#include "schedule/compiler.h"
#include "tvm/kernel_host.h"
#include "tvm/live_schedule.h"
#include "tvm/target.h"
#include "tvm/workloads.h"

namespace banyan {

// A built-in workload on real TVM in this process: plans are applied, built, run and compared with
// the unscheduled program. For tests; asserts that the set-up works.
class ScheduledWorkload {
 public:
  explicit ScheduledWorkload(const std::string& text, int cores = 1) {
    auto spec = ParseWorkloadSpec(text);
    EXPECT_TRUE(spec.ok());
    auto workload = MakeBuiltinWorkload(*spec);
    EXPECT_TRUE(workload.ok()) << (workload.ok() ? "" : workload.error().message);
    auto target = DetectTarget(cores);
    EXPECT_TRUE(target.ok()) << (target.ok() ? "" : target.error().message);
    auto schedule = MakeLiveSchedule(workload->module_json, workload->entry);
    EXPECT_TRUE(schedule.ok()) << (schedule.ok() ? "" : schedule.error().message);
    workload_ = std::move(workload).value();
    compiler_ =
        MakeScheduleCompiler(workload_, std::move(target).value(), std::move(schedule).value());
  }

  Compiler& compiler() { return *compiler_; }

  // An empty text if the kernel builds and its outputs are right, else what is wrong.
  std::string Verify(const Candidate& candidate) {
    if (host_ == nullptr) {
      host_ = MakeTvmKernelHost();
      if (auto status = host_->SetWorkload(workload_, compiler_->target(), 1); !status.ok()) {
        return status.error().message;
      }
      const std::string path = testing::TempDir() + "banyan_reference_" +
                               std::to_string(reinterpret_cast<uintptr_t>(this));
      auto reference = host_->MakeReference(path, timing_);
      if (!reference.ok()) return reference.error().message;
      std::remove(path.c_str());
    }
    auto module = compiler_->ModuleJson(candidate);
    if (!module.ok()) return module.error().message;
    const uint64_t handle = ++handles_;
    if (auto status = host_->Build(handle, *module); !status.ok()) {
      return "build: " + status.error().message;
    }
    auto run = host_->Run(handle, timing_, true);
    host_->Drop(handle);
    if (!run.ok()) return "run: " + run.error().message;
    if (run->failure != FailureKind::kNone) return run->failure_text;
    return {};
  }

 private:
  Workload workload_;
  std::unique_ptr<Compiler> compiler_;
  std::unique_ptr<KernelHost> host_;
  Timing timing_ = {1, 1, 0};
  uint64_t handles_ = 0;
};

}  // namespace banyan
