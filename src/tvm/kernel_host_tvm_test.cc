#include "tvm/kernel_host.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "tvm/import.h"
#include "tvm/live_schedule.h"
#include "tvm/target.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

namespace fs = std::filesystem;

// Short measurements: nothing here looks at the times themselves.
Timing Short() {
  Timing timing;
  timing.number = 1;
  timing.repeat = 2;
  timing.min_repeat_ms = 0.1;
  return timing;
}

class KernelHostTest : public testing::Test {
 protected:
  KernelHostTest() : host_(MakeTvmKernelHost()) {
    std::string pattern = (fs::temp_directory_path() / "kernel_host_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    auto target = DetectTarget(1);
    EXPECT_TRUE(target.ok());
    target_ = *target;
  }
  ~KernelHostTest() override { fs::remove_all(folder_); }

  std::string Path() const { return folder_ + "/reference"; }
  Workload Builtin(const std::string& text) {
    auto workload = LoadWorkload(text);
    EXPECT_TRUE(workload.ok()) << workload.error().message;
    return *workload;
  }
  void Prepare(const Workload& workload) {
    ASSERT_TRUE(host_->SetWorkload(workload, target_, 5).ok());
    const auto reference = host_->MakeReference(Path(), Short());
    ASSERT_TRUE(reference.ok()) << reference.error().message;
    EXPECT_FALSE(reference->stand_in);
    EXPECT_GT(reference->default_latency_ms, 0);
    EXPECT_EQ(RankingLatencyMs(reference->samples_ms), reference->default_latency_ms);
  }
  RunResult RunModule(const std::string& module_json, bool check = true,
                      const Timing& timing = Short()) {
    const Status built = host_->Build(1, module_json);
    EXPECT_TRUE(built.ok()) << built.error().message;
    const auto result = host_->Run(1, timing, check);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return *result;
  }
  // The module of another program with the same signature: a candidate that computes the wrong
  // thing.
  std::string Other(const std::string& body) {
    const std::string path = folder_ + "/other.py";
    std::ofstream(path)
        << "from tvm.script import tirx as T\n@T.prim_func(s_tir=True)\n"
           "def main(A: T.Buffer((16, 16), \"float32\"), B: T.Buffer((16, 16), \"float32\"),"
           " C: T.Buffer((16, 16), \"float32\")):\n"
        << body;
    const auto workload = LoadWorkload(path);
    EXPECT_TRUE(workload.ok()) << workload.error().message;
    return workload.ok() ? workload->module_json : "";
  }

  std::unique_ptr<KernelHost> host_;
  std::string folder_;
  Target target_;
};

TEST_F(KernelHostTest, AProgramThatLlvmCannotOptimiseStillHasAReference) {
  // With AVX2 LLVM's verifier refuses its own vectorised code for this one.
  const Workload workload = Builtin("conv:C=2,O=4,H=9,W=8,R=2,stride=3,pad=0");
  ASSERT_TRUE(host_->SetWorkload(workload, target_, 5).ok());
  const auto reference = host_->MakeReference(Path(), Short());
  ASSERT_TRUE(reference.ok()) << reference.error().message;
  EXPECT_FALSE(reference->stand_in);
  // Unoptimised code is not timed.
  EXPECT_EQ(std::isfinite(reference->default_latency_ms), !reference->samples_ms.empty());
  if (host_->Build(1, workload.module_json).ok()) {
    EXPECT_GT(reference->default_latency_ms, 0);
  } else {
    EXPECT_TRUE(reference->samples_ms.empty());
  }
}

TEST_F(KernelHostTest, TheProgramItselfIsRight) {
  for (const char* text : {"matmul:M=16,N=16,K=16", "matmul:M=9,N=7,K=5,dtype=float64",
                           "matmul:M=9,N=7,K=5,dtype=int32", "softmax:rows=5,cols=9"}) {
    const Workload workload = Builtin(text);
    Prepare(workload);
    const RunResult result = RunModule(workload.module_json);
    EXPECT_EQ(result.failure, FailureKind::kNone) << result.failure_text;
    EXPECT_EQ(result.max_relative_error, 0);
    EXPECT_EQ(result.samples_ms.size(), 2u);
    for (const double sample : result.samples_ms) EXPECT_GT(sample, 0);
  }
}

TEST_F(KernelHostTest, AScheduledProgramIsRightWithinTheTolerance) {
  const Workload workload = Builtin("matmul:M=32,N=32,K=512");
  Prepare(workload);
  auto schedule = MakeLiveSchedule(workload.module_json, "main");
  ASSERT_TRUE(schedule.ok());
  ASSERT_TRUE((*schedule)->Split("C.k", {0, 4}, {"C.k.0", "C.k.1"}).ok());
  ASSERT_TRUE((*schedule)->RFactor("C.k.1", 0, "partial").ok());  // another order of summation
  const auto module = (*schedule)->ModuleJson();
  ASSERT_TRUE(module.ok());
  const RunResult result = RunModule(*module);
  EXPECT_EQ(result.failure, FailureKind::kNone) << result.failure_text;
  EXPECT_GT(result.max_relative_error, 0);
  EXPECT_LE(result.max_relative_error, 1);
}

TEST_F(KernelHostTest, WrongResultsAreFoundAndNotTimed) {
  Prepare(Builtin("matmul:M=16,N=16,K=16"));
  const std::string one_term_short = Other(
      "    for i, j, k in T.grid(16, 16, 15):\n        with T.sblock(\"C\"):\n"
      "            vi, vj, vk = T.axis.remap(\"SSR\", [i, j, k])\n            with T.init():\n"
      "                C[vi, vj] = T.float32(0)\n            C[vi, vj] = C[vi, vj] + A[vi, vk] * "
      "B[vk, vj]\n");
  RunResult result = RunModule(one_term_short);
  EXPECT_EQ(result.failure, FailureKind::kWrongResult);
  EXPECT_NE(result.failure_text.find("elements of C are wrong, first C[0,0]"), std::string::npos)
      << result.failure_text;
  EXPECT_TRUE(result.samples_ms.empty());
  EXPECT_GT(result.max_relative_error, 1);

  const std::string half_written = Other(
      "    for i, j in T.grid(8, 16):\n        with T.sblock(\"C\"):\n"
      "            vi, vj = T.axis.remap(\"SS\", [i, j])\n            C[vi, vj] = A[vi, vj]\n");
  EXPECT_EQ(RunModule(half_written).failure, FailureKind::kWrongResult);
}

TEST_F(KernelHostTest, ChangedInputsAreFoundAndRestored) {
  const Workload workload = Builtin("matmul:M=16,N=16,K=16");
  Prepare(workload);
  const std::string writes_input = Other(
      "    for i, j in T.grid(16, 16):\n        with T.sblock(\"B\"):\n"
      "            vi, vj = T.axis.remap(\"SS\", [i, j])\n            B[vi, vj] = T.float32(1)\n"
      "    for i, j in T.grid(16, 16):\n        with T.sblock(\"C\"):\n"
      "            vi, vj = T.axis.remap(\"SS\", [i, j])\n            C[vi, vj] = A[vi, vj]\n");
  const RunResult result = RunModule(writes_input);
  EXPECT_EQ(result.failure, FailureKind::kWrongResult);
  EXPECT_NE(result.failure_text.find("changed input B"), std::string::npos) << result.failure_text;
  EXPECT_EQ(RunModule(workload.module_json).failure, FailureKind::kNone);
}

TEST_F(KernelHostTest, WritesOutsideATensorAreFound) {
  const Workload workload = Builtin("matmul:M=16,N=16,K=16");
  Prepare(workload);
  const std::string beyond = Other(
      "    for i, j in T.grid(17, 16):\n        with T.sblock(\"C\"):\n"
      "            vi, vj = T.axis.remap(\"SS\", [i, j])\n            C[vi, vj] = T.float32(1)\n");
  const RunResult result = RunModule(beyond);
  EXPECT_EQ(result.failure, FailureKind::kWrongResult);
  EXPECT_NE(result.failure_text.find("outside of tensor C"), std::string::npos)
      << result.failure_text;
  EXPECT_EQ(RunModule(workload.module_json).failure, FailureKind::kNone);
}

TEST_F(KernelHostTest, AHopelessCandidateIsStoppedEarly) {
  const Workload workload = Builtin("matmul:M=64,N=64,K=64");
  Prepare(workload);
  Timing timing = Short();
  timing.stop_above_ms = 1e-9;
  const RunResult result = RunModule(workload.module_json, true, timing);
  EXPECT_EQ(result.failure, FailureKind::kNone);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.samples_ms.size(), 1u);
}

TEST_F(KernelHostTest, ALongCheckedCallIsEnoughWhileSearching) {
  const Workload workload = Builtin("matmul:M=64,N=64,K=64");
  Prepare(workload);
  Timing timing = Short();
  timing.enough_ms = 1e-9;
  const RunResult judged = RunModule(workload.module_json, true, timing);
  EXPECT_EQ(judged.failure, FailureKind::kNone);
  EXPECT_FALSE(judged.stopped_early);
  EXPECT_EQ(judged.samples_ms.size(), 1u);
  timing.enough_ms = FinalTiming().enough_ms;
  EXPECT_EQ(RunModule(workload.module_json, true, timing).samples_ms.size(), 2u);
}

TEST_F(KernelHostTest, AnotherWorkerReadsTheReference) {
  const Workload workload = Builtin("matmul:M=8,N=8,K=8");
  Prepare(workload);
  const auto other = MakeTvmKernelHost();
  ASSERT_TRUE(other->SetWorkload(workload, target_, 5).ok());
  ASSERT_TRUE(other->LoadReference(Path()).ok());
  ASSERT_TRUE(other->Build(1, workload.module_json).ok());
  const auto result = other->Run(1, Short(), true);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->failure, FailureKind::kNone);

  ASSERT_TRUE(other->SetWorkload(workload, target_, 6).ok());
  EXPECT_EQ(other->LoadReference(Path()).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(other->LoadReference(folder_ + "/absent").error().code, ErrorCode::kEnvironment);
  ASSERT_TRUE(other->SetWorkload(workload, target_, 5).ok());
  fs::resize_file(Path(), fs::file_size(Path()) - 1);
  EXPECT_EQ(other->LoadReference(Path()).error().code, ErrorCode::kCorrupt);
}

TEST_F(KernelHostTest, MisuseAndBadProgramsAreErrors) {
  EXPECT_FALSE(host_->Build(1, "{}").ok());
  EXPECT_FALSE(host_->MakeReference(Path(), Short()).ok());
  const Workload workload = Builtin("matmul:M=8,N=8,K=8");
  ASSERT_TRUE(host_->SetWorkload(workload, target_, 5).ok());
  EXPECT_FALSE(host_->Build(1, "{}").ok());
  EXPECT_FALSE(host_->Run(9, Short(), true).ok());
  ASSERT_TRUE(host_->Build(1, workload.module_json).ok());
  EXPECT_FALSE(host_->Run(1, Short(), true).ok());  // nothing to compare with
  EXPECT_TRUE(host_->Run(1, Short(), false).ok());
  host_->Drop(1);
  EXPECT_FALSE(host_->Run(1, Short(), false).ok());
  EXPECT_EQ(host_->MakeReference("/nonexistent/reference", Short()).error().code,
            ErrorCode::kEnvironment);
}

TEST_F(KernelHostTest, ParallelLoopsRunAndAreRight) {
  const Workload workload = Builtin("matmul:M=64,N=64,K=16");
  auto target = DetectTarget(2);
  ASSERT_TRUE(target.ok());
  target_ = *target;
  Prepare(workload);
  auto schedule = MakeLiveSchedule(workload.module_json, "main");
  ASSERT_TRUE(schedule.ok());
  ASSERT_TRUE((*schedule)->SetLoopKind("C.i", LoopKind::kParallel).ok());
  const auto module = (*schedule)->ModuleJson();
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(RunModule(*module).failure, FailureKind::kNone);
}

TEST_F(KernelHostTest, TheMachineIsMeasurable) {
  const auto peak = host_->PeakGflops();
  const auto drift = host_->DriftKernelMs();
  ASSERT_TRUE(peak.ok() && drift.ok());
  EXPECT_TRUE(std::isfinite(*peak) && *peak > 0);
  EXPECT_TRUE(std::isfinite(*drift) && *drift > 0);
}

}  // namespace
}  // namespace banyan
