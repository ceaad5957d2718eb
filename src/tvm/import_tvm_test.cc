#include "tvm/import.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tvm/testing/run_program.h"

namespace banyan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRowSums = R"(
from tvm.script import ir as I, tirx as T

@I.ir_module
class Module:
    @T.prim_func(s_tir=True)
    def rows(A: T.Buffer((6, 8), "int32"), B: T.Buffer((6,), "int32")):
        for i, k in T.grid(6, 8):
            with T.sblock("B"):
                vi, vk = T.axis.remap("SR", [i, k])
                with T.init():
                    B[vi] = 0
                B[vi] = B[vi] + A[vi, vk]
)";

class ImportTest : public testing::Test {
 protected:
  ImportTest() {
    std::string pattern = (fs::temp_directory_path() / "import_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~ImportTest() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  Result<Workload> Load(const std::string& name, const std::string& text,
                        const std::string& choose = {}) {
    ImportOptions options;
    options.timeout_s = 120;
    return LoadWorkload(Write(name, text) + (choose.empty() ? "" : ":" + choose), options);
  }
  void ExpectError(const Result<Workload>& workload, const std::string& reason) {
    ASSERT_FALSE(workload.ok());
    EXPECT_NE(workload.error().message.find(reason), std::string::npos) << workload.error().message;
    EXPECT_EQ(workload.error().message.find('\n'), std::string::npos) << workload.error().message;
  }

  std::string folder_;
};

TEST_F(ImportTest, ScriptModuleRunsAndRoundTripsAsJson) {
  const auto workload = Load("rows.py", kRowSums);
  ASSERT_TRUE(workload.ok()) << workload.error().message << workload.error().context;
  EXPECT_EQ(workload->id, "rows.py");
  EXPECT_EQ(workload->family, "user");
  EXPECT_EQ(workload->entry, "main");
  EXPECT_EQ(workload->reduction_length, 8);
  EXPECT_EQ(workload->flops, 48);
  ASSERT_EQ(workload->parameters.size(), 2u);
  EXPECT_FALSE(workload->parameters[0].is_output);
  EXPECT_TRUE(workload->parameters[1].is_output);

  const Values inputs = ExactInputs(*workload, 3);
  const auto outputs = RunProgram(*workload, workload->module_json, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  for (int i = 0; i < 6; ++i) {
    double sum = 0;
    for (int k = 0; k < 8; ++k) sum += inputs[0][i * 8 + k];
    EXPECT_EQ(outputs->front()[i], sum);
  }

  const auto again = Load("rows.json", workload->module_json);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->id, "rows.json");
  EXPECT_EQ(again->hash, workload->hash);
  ExpectError(Load("rows.json", workload->module_json, "nothing"),
              "no function 'nothing'; it has: main");
}

TEST_F(ImportTest, AFunctionThatReturnsTensors) {
  const std::string text = R"(
from tvm import te
print("noise on stdout")
def scaled(n=16):
    a = te.placeholder((n,), name="a")
    return [a, te.compute((n,), lambda i: a[i] * 2.0, name="b")]
def needs(n):
    return n
)";
  const auto workload = Load("scaled.py", text);
  ASSERT_TRUE(workload.ok()) << workload.error().message;
  EXPECT_EQ(workload->parameters[0].shape, std::vector<int64_t>{16});
  const auto named = Load("scaled.py", text, "scaled");
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->id, "scaled.py:scaled");
  EXPECT_EQ(named->hash, workload->hash);
  ExpectError(Load("scaled.py", text, "needs"), "'needs' in scaled.py needs arguments");
  ExpectError(Load("scaled.py", text, "absent"), "scaled.py defines no 'absent'");
}

TEST_F(ImportTest, PythonErrorsNameFileAndLine) {
  ExpectError(Load("a.py", "x = 1\ndef f():\n    return missing + x\n"),
              "a.py:3: NameError: name 'missing'");
  ExpectError(Load("b.py", "def f(:\n  pass\n"), "b.py:1: SyntaxError");
  ExpectError(Load("c.py", "import sys\nsys.exit(3)\n"), "c.py:2: SystemExit: 3");
  ExpectError(Load("d.py", "import os\nos._exit(7)\n"), "exited with status 7");
  std::string undefined = kRowSums;
  undefined.replace(undefined.find("A[vi, vk]\n"), 1, "Q");
  ExpectError(Load("e.py", undefined), "e.py:13: Undefined variable: Q");
  ExpectError(Load("f.py", "x = 3\n"), "f.py holds no TVMScript module");
  ExpectError(Load("g.py", "def f():\n    return 3\n"), "is int, not an IRModule");
  ExpectError(Load("h.py", "def f():\n    pass\ndef g():\n    pass\n"),
              "choose one: h.py:f, h.py:g");
}

TEST_F(ImportTest, EndlessPythonIsStopped) {
  ImportOptions options;
  options.timeout_s = 2;
  const auto workload = LoadWorkload(Write("loop.py", "while True:\n    pass\n"), options);
  ExpectError(workload, "longer than");
  EXPECT_EQ(workload.error().code, ErrorCode::kEnvironment);
}

TEST_F(ImportTest, UnusableProgramsSayWhy) {
  const auto script = [](const std::string& signature, const std::string& body) {
    return "from tvm.script import tirx as T\n@T.prim_func(s_tir=True)\ndef main(" + signature +
           "):\n" + body;
  };
  ExpectError(Load("plain.py",
                   "from tvm.script import tirx as T\n@T.prim_func\n"
                   "def main(A: T.Buffer((8,), \"int32\"), B: T.Buffer((8,), \"int32\")):\n"
                   "    for i in range(8):\n        B[i] = A[i]\n"),
              "has no blocks to schedule");
  ExpectError(
      Load("symbolic.py",
           script("a: T.handle, b: T.handle",
                  "    n = T.int32()\n    A = T.match_buffer(a, (n,), \"float32\")\n"
                  "    B = T.match_buffer(b, (n,), \"float32\")\n    for i in range(n):\n"
                  "        with T.sblock(\"B\"):\n            vi = T.axis.remap(\"S\", [i])\n"
                  "            B[vi] = A[vi]\n")),
      "symbolic shape");
  ExpectError(Load("inplace.py", script("A: T.Buffer((8,), \"float32\")",
                                        "    for i in range(8):\n        with T.sblock(\"A\"):\n"
                                        "            vi = T.axis.remap(\"S\", [i])\n"
                                        "            A[vi] = A[vi] + T.float32(1)\n")),
              "in-place");
  ExpectError(
      Load("gather.py", script("A: T.Buffer((8,), \"float32\"), I: T.Buffer((8,), \"int32\"), "
                               "B: T.Buffer((8,), \"float32\")",
                               "    for i in range(8):\n        with T.sblock(\"B\"):\n"
                               "            vi = T.axis.remap(\"S\", [i])\n"
                               "            B[vi] = A[I[vi] * 2]\n")),
      "indexes a tensor by values");
}

TEST_F(ImportTest, BadFilesAreOneLine) {
  ExpectError(Load("a.json", "{"), "a.json: it is no JSON");
  ExpectError(Load("b.json", "{\"a\": 1}"), "b.json: it is JSON, but no TVM module");
  ExpectError(Load("c.json", "{\"root_index\": 0, \"nodes\": [{\"type\": \"None\"}]}"),
              "not a TVM IRModule");
  ExpectError(Load("d.json", "{\"root_index\": 7, \"nodes\": []}"), "d.json: no TVM module");
  const auto missing = LoadWorkload(folder_ + "/missing.py");
  ExpectError(missing, "No such file");
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  fs::create_directory(folder_ + "/folder.json");
  ExpectError(LoadWorkload(folder_ + "/folder.json"), "is a folder");
}

TEST_F(ImportTest, OtherwiseItIsABuiltinWorkload) {
  const auto workload = LoadWorkload("mlp:T=8,H=16,I=32");
  ASSERT_TRUE(workload.ok());
  EXPECT_EQ(workload->family, "mlp");
  ExpectError(LoadWorkload("unknown"), "no workload 'unknown'");
}

}  // namespace
}  // namespace banyan
