#include "tvm/export.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/subprocess.h"
#include "tvm/database.h"
#include "tvm/import.h"
#include "tvm/live_schedule.h"
#include "tvm/target.h"
#include "tvm/testing/run_program.h"

namespace banyan {
namespace {

namespace fs = std::filesystem;

class ExportTest : public testing::Test {
 protected:
  ExportTest() {
    std::string pattern = (fs::temp_directory_path() / "export_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    auto target = DetectTarget(1);
    EXPECT_TRUE(target.ok());
    target_ = *target;
  }
  ~ExportTest() override { fs::remove_all(folder_); }

  CommandOutput RunIn(const std::string& folder, std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    options.cwd = folder;
    options.merge_stderr = true;
    auto output = RunCommand(options);
    EXPECT_TRUE(output.ok());
    return output.ok() ? *output : CommandOutput{};
  }

  // Builds the C example, feeds it the inputs as float32 and compares its outputs with our own run.
  void ExpectRunsFromC(const Workload& workload, const std::string& module_json) {
    const std::string name = ExportName(workload);
    const auto paths = ExportC(workload, target_, module_json, name, folder_);
    ASSERT_TRUE(paths.ok()) << paths.error().message;
    for (const std::string& path : *paths) EXPECT_TRUE(fs::exists(path)) << path;
    const CommandOutput made =
        RunIn(folder_, {"make", "CFLAGS=-O1 -std=c11 -Wall -Wextra -Werror"});
    ASSERT_TRUE(made.status.ok()) << made.out;

    const Values inputs = ExactInputs(workload, 5);
    std::ofstream file(folder_ + "/inputs", std::ios::binary);
    for (const auto& tensor : inputs) {
      for (const double value : tensor) {
        const float single = static_cast<float>(value);
        file.write(reinterpret_cast<const char*>(&single), sizeof single);
      }
    }
    file.close();
    const CommandOutput ran = RunIn(folder_, {"./example", "inputs", "outputs"});
    ASSERT_TRUE(ran.status.ok()) << ran.out;
    EXPECT_NE(ran.out.find(name + ": best of "), std::string::npos) << ran.out;

    const auto expected = RunProgram(workload, workload.module_json, inputs);
    ASSERT_TRUE(expected.ok());
    std::ifstream result(folder_ + "/outputs", std::ios::binary);
    for (const double value : expected->front()) {
      float single = NAN;
      result.read(reinterpret_cast<char*>(&single), sizeof single);
      ASSERT_NEAR(single, value, 1e-4 * (1 + std::abs(value)));
    }
    EXPECT_EQ(result.peek(), std::ifstream::traits_type::eof());
    // Needs nothing but the C library.
    const CommandOutput needs =
        RunIn(folder_, {"sh", "-c", "ldd ./example | grep -ci 'tvm\\|python' || true"});
    EXPECT_EQ(needs.out, "0\n");
  }

  std::string folder_;
  Target target_;
};

TEST_F(ExportTest, ObjectRunsFromC) {
  const auto workload = LoadWorkload("softmax:rows=12,cols=20");
  ASSERT_TRUE(workload.ok());
  ExpectRunsFromC(*workload, workload->module_json);
}

TEST_F(ExportTest, ObjectWithAWorkspaceAndParallelLoopsRunsFromC) {
  const auto workload = LoadWorkload("mlp:T=40,H=24,I=600");
  ASSERT_TRUE(workload.ok());
  auto schedule = MakeLiveSchedule(workload->module_json, "main");
  ASSERT_TRUE(schedule.ok());
  ASSERT_TRUE((*schedule)->SetLoopKind("O.t", LoopKind::kParallel).ok());
  const auto module = (*schedule)->ModuleJson();
  ASSERT_TRUE(module.ok());
  ExpectRunsFromC(*workload, *module);
}

TEST_F(ExportTest, NamesAreIdentifiers) {
  Workload workload;
  workload.family = "batch-matmul";
  EXPECT_EQ(ExportName(workload), "banyan_batch_matmul");
  workload.family = "user";
  workload.id = "my prog.v2.py:f";
  EXPECT_EQ(ExportName(workload), "banyan_my_prog_v2");
  EXPECT_FALSE(ExportC(workload, target_, "{}", "not a name", folder_).ok());
  EXPECT_EQ(ExportC(workload, target_, "{}", "name", "/proc/nowhere").error().code,
            ErrorCode::kEnvironment);
}

TEST_F(ExportTest, PlainTvmPythonQueriesAndBuildsTheDatabase) {
  const auto workload = LoadWorkload("matmul:M=32,N=48,K=16");
  ASSERT_TRUE(workload.ok());
  auto schedule = MakeLiveSchedule(workload->module_json, "main");
  ASSERT_TRUE(schedule.ok());
  ASSERT_TRUE((*schedule)->CacheRead("C", "B", "global", {}, "packed").ok());
  ASSERT_TRUE(
      (*schedule)->TransformLayout("packed", {{1, 16, 0}, {0, 1, 0}, {1, 1, 16}}, false).ok());
  ASSERT_TRUE((*schedule)->Split("C.j", {0, 16}, {"C.j.0", "C.j.1"}).ok());
  ASSERT_TRUE((*schedule)->Reorder({"C.j.0", "C.k", "C.j.1"}).ok());
  ASSERT_TRUE((*schedule)->SetLoopKind("C.j.1", LoopKind::kVectorized).ok());
  const auto trace = (*schedule)->TraceJson();
  ASSERT_TRUE(trace.ok());
  auto plain = MakeLiveSchedule(workload->module_json, "main");
  const auto plain_trace = (*plain)->TraceJson();
  const Status written =
      WriteDatabase(*workload, target_, {{*plain_trace, {3.0}}, {*trace, {1.5, 1.25}}}, folder_);
  ASSERT_TRUE(written.ok()) << written.error().message;

  // The best record wins, rebuilds and computes the product.
  const char* script = R"py(
import sys
import numpy as np, tvm
from tvm.s_tir import meta_schedule as ms
database = ms.database.JSONDatabase(work_dir=sys.argv[1])
records = database.get_all_tuning_records()
assert len(records) == 2, len(records)
record = min(records, key=lambda r: float(r.run_secs[0]))
assert abs(float(record.run_secs[0]) - 0.0015) < 1e-9 and len(record.run_secs) == 2
module = database.query_ir_module(record.workload.mod, record.target, "main")
built = tvm.compile(module, target=record.target)
a = np.random.rand(32, 16).astype("float32"); b = np.random.rand(16, 48).astype("float32")
c = tvm.runtime.tensor(np.zeros((32, 48), "float32"))
built(tvm.runtime.tensor(a), tvm.runtime.tensor(b), c)
np.testing.assert_allclose(c.numpy(), a @ b, rtol=1e-5)
assert "T.vectorized(16)" in module.script()
print("OK")
)py";
  const CommandOutput output = RunIn(folder_, {PythonWithTvm(), "-c", script, folder_});
  EXPECT_TRUE(output.status.ok()) << output.out;
  EXPECT_NE(output.out.find("OK"), std::string::npos) << output.out;
}

TEST_F(ExportTest, ATraceThatDoesNotReplayIsRefused) {
  const auto workload = LoadWorkload("matmul:M=8,N=8,K=8");
  ASSERT_TRUE(workload.ok());
  const Json trace = Json::parse(R"([[["GetSBlock", [], ["nowhere", "main"], ["b0"]]], []])");
  EXPECT_FALSE(WriteDatabase(*workload, target_, {{trace, {1.0}}}, folder_ + "/db").ok());
  EXPECT_FALSE(WriteDatabase(*workload, target_, {}, "/proc/nowhere").ok());
}

}  // namespace
}  // namespace banyan
