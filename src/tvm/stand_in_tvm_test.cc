#include "tvm/stand_in.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tvm/element_eval.h"
#include "tvm/import.h"
#include "tvm/target.h"
#include "tvm/testing/run_program.h"

namespace banyan {
namespace {

const std::vector<std::string> kSmall = {
    "attention:B=1,H=2,T=16,D=8",
    "conv:C=4,H=9,W=16,stride=2",
    "mlp:T=8,H=16,I=32",
    "moe:T=8,E=2,H=16,I=32",
    "matmul:M=7,N=24,K=5",
    "matmul:M=16,N=16,K=16,dtype=int32",
    "batch-matmul:B=2,M=8,N=16,K=4,ta=1,tb=1",
    "conv-small:C=3,H=8,W=8,pad=0,dtype=int64",
    "softmax:rows=5,cols=32",
    "layernorm:rows=4,cols=16,dtype=float64",
    "gemv:M=16,K=9",
};

Workload Load(const std::string& text) {
  auto workload = LoadWorkload(text);
  EXPECT_TRUE(workload.ok()) << workload.error().message;
  return *workload;
}

// Parameters with random inputs, and outputs as the module computes them.
std::vector<GuardedTensor> RunOn(const Workload& workload, const std::string& module_json) {
  std::vector<GuardedTensor> tensors;
  Values inputs;
  for (size_t i = 0; i < workload.parameters.size(); ++i) {
    auto tensor = GuardedTensor::Make(workload.parameters[i], 0);
    EXPECT_TRUE(tensor.ok());
    tensors.push_back(std::move(*tensor));
    if (tensors[i].spec().is_output) continue;
    tensors[i].FillRandom(i + 1);
    std::vector<double>& values = inputs.emplace_back();
    for (int64_t e = 0; e < tensors[i].spec().elements(); ++e) {
      values.push_back(ReadElement(tensors[i].spec().dtype, tensors[i].data(), e));
    }
  }
  const auto outputs = RunProgram(workload, module_json, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.error().message;
  size_t next = 0;
  for (GuardedTensor& tensor : tensors) {
    if (!tensor.spec().is_output) continue;
    const std::vector<double>& values = (*outputs)[next++];
    for (size_t e = 0; e < values.size(); ++e) {
      const std::string& dtype = tensor.spec().dtype;
      if (dtype == "float32") static_cast<float*>(tensor.data())[e] = static_cast<float>(values[e]);
      if (dtype == "float64") static_cast<double*>(tensor.data())[e] = values[e];
      if (dtype == "int32")
        static_cast<int32_t*>(tensor.data())[e] = static_cast<int32_t>(values[e]);
      if (dtype == "int64")
        static_cast<int64_t*>(tensor.data())[e] = static_cast<int64_t>(values[e]);
    }
  }
  return tensors;
}

std::unique_ptr<ElementEvaluator> Evaluator(const Workload& workload,
                                            std::vector<GuardedTensor>& tensors) {
  std::vector<const void*> inputs;
  for (GuardedTensor& t : tensors) inputs.push_back(t.spec().is_output ? nullptr : t.data());
  auto evaluator = ElementEvaluator::Make(workload, inputs);
  EXPECT_TRUE(evaluator.ok()) << workload.id << ": " << evaluator.error().message;
  return evaluator.ok() ? std::move(*evaluator) : nullptr;
}

TEST(ElementEvaluatorTest, AgreesWithTheCompiledProgramOnEveryElement) {
  for (const std::string& text : kSmall) {
    const Workload workload = Load(text);
    std::vector<GuardedTensor> tensors = RunOn(workload, workload.module_json);
    const auto evaluator = Evaluator(workload, tensors);
    ASSERT_NE(evaluator, nullptr);
    const size_t output = tensors.size() - 1;
    for (int64_t e = 0; e < tensors[output].spec().elements(); ++e) {
      const double expected = ReadElement(tensors[output].spec().dtype, tensors[output].data(), e);
      ASSERT_NEAR(evaluator->Element(output, e), expected, 2e-5 * (1 + std::abs(expected)))
          << text << " " << e;
    }
  }
}

TEST(StandInTest, EveryStandInIsRightAndAChangedElementIsFound) {
  const auto target = DetectTarget(1);
  ASSERT_TRUE(target.ok());
  for (const std::string& text : kSmall) {
    const Workload workload = Load(text);
    EXPECT_TRUE(CanCheckStandIn(workload).ok());
    const auto module = StandInModule(workload, *target);
    ASSERT_TRUE(module.ok()) << module.error().message;
    std::vector<GuardedTensor> tensors = RunOn(workload, *module);
    const Status right = CheckStandIn(workload, tensors, 3);
    EXPECT_TRUE(right.ok()) << text << ": " << right.error().message;
    if (tensors.back().spec().elements() > 1000) continue;  // not every element is looked at
    auto* bytes = static_cast<unsigned char*>(tensors.back().data());
    bytes[tensors.back().bytes() / 2 / 8 * 8 +
          (tensors.back().spec().dtype == "float64" ? 6 : 2)] ^= 0x70;
    const Status wrong = CheckStandIn(workload, tensors, 3);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_NE(wrong.error().message.find("stand-in"), std::string::npos) << wrong.error().message;
  }
}

TEST(StandInTest, SamplesOfALargeOutputFindAWrongRow) {
  const auto target = DetectTarget(1);
  ASSERT_TRUE(target.ok());
  const Workload workload = Load("matmul:M=64,N=64,K=8");
  const auto module = StandInModule(workload, *target);
  ASSERT_TRUE(module.ok());
  EXPECT_NE(*module, workload.module_json);
  std::vector<GuardedTensor> tensors = RunOn(workload, *module);
  ASSERT_TRUE(CheckStandIn(workload, tensors, 3).ok());
  float* c = static_cast<float*>(tensors.back().data());
  for (int e = 0; e < 64 * 64; ++e) c[e] += e % 8 == 3 ? 0.5f : 0.0f;  // an eighth of the elements
  EXPECT_FALSE(CheckStandIn(workload, tensors, 3).ok());
}

TEST(StandInTest, ScheduledProgramsAreRefused) {
  // Split loops do not show which iterator runs where: such a program has to run as it is.
  const auto target = DetectTarget(1);
  ASSERT_TRUE(target.ok());
  Workload workload = Load("matmul:M=8,N=16,K=8");
  const auto module = StandInModule(workload, *target);
  ASSERT_TRUE(module.ok());
  workload.module_json = *module;
  EXPECT_EQ(CanCheckStandIn(workload).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace banyan
