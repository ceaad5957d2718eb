#include "tvm/kernel_buffers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace banyan {
namespace {

TensorSpec Spec(const std::string& dtype, std::vector<int64_t> shape) {
  return {"T", shape, dtype, false};
}

GuardedTensor Make(const TensorSpec& spec) {
  auto tensor = GuardedTensor::Make(spec, 3);
  EXPECT_TRUE(tensor.ok());
  return std::move(*tensor);
}

TEST(GuardedTensorTest, FillsEveryTypeWithinItsRange) {
  for (const std::string dtype : {"float16", "bfloat16", "float32", "float64", "int8", "int32",
                                  "int64", "uint8", "uint32", "bool"}) {
    GuardedTensor tensor = Make(Spec(dtype, {40, 50}));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data()) % 64, 0u);
    tensor.FillRandom(7);
    double low = 1e9;
    double high = -1e9;
    double sum = 0;
    for (int64_t i = 0; i < 2000; ++i) {
      const double value = ReadElement(dtype, tensor.data(), i);
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
    }
    const bool is_float = dtype.find("float") != std::string::npos;
    const bool is_unsigned = dtype[0] == 'u' || dtype == "bool";
    EXPECT_GE(low, is_float ? -1 : is_unsigned ? 0 : -8) << dtype;
    EXPECT_LT(high, is_float ? 1 : dtype == "bool" ? 2 : 8) << dtype;
    EXPECT_GT(high - low, dtype == "bool" ? 0.5 : is_float ? 1.9 : 6.5) << dtype;
    if (is_float) {
      EXPECT_LT(std::abs(sum / 2000), 0.06) << dtype;
    }
    EXPECT_TRUE(tensor.GuardsIntact());
  }
}

TEST(GuardedTensorTest, SameSeedSameContent) {
  GuardedTensor a = Make(Spec("float32", {100}));
  GuardedTensor b = Make(Spec("float32", {100}));
  a.FillRandom(1);
  b.FillRandom(1);
  EXPECT_EQ(a.ContentHash(), b.ContentHash());
  b.FillRandom(2);
  EXPECT_NE(a.ContentHash(), b.ContentHash());
}

TEST(GuardedTensorTest, StrayWritesShowOnBothSides) {
  for (const int64_t at : {-1, -100, 10, 11, 900}) {
    GuardedTensor tensor = Make(Spec("float32", {10}));
    tensor.FillRandom(1);
    static_cast<float*>(tensor.data())[at] = 0.5f;
    EXPECT_FALSE(tensor.GuardsIntact()) << at;
    tensor.WriteGuards();
    EXPECT_TRUE(tensor.GuardsIntact()) << at;
  }
}

TEST(GuardedTensorTest, PoisonReadsAsNan) {
  for (const std::string dtype : {"bfloat16", "float32", "float64"}) {
    GuardedTensor tensor = Make(Spec(dtype, {16}));
    tensor.Poison();
    for (const int64_t i : {0, 1, 15}) {
      // bfloat16 halves alternate between a NaN and a finite number.
      if (dtype == "bfloat16" && i % 2 == 0) continue;
      EXPECT_TRUE(std::isnan(ReadElement(dtype, tensor.data(), i))) << dtype << i;
    }
  }
}

TEST(CompareTensorTest, RoundingPassesALostTermDoesNot) {
  const int64_t length = 512;
  const double tolerance = RelativeTolerance("float32", length);
  std::vector<float> reference(1000);
  for (size_t i = 0; i < reference.size(); ++i) reference[i] = std::sin(static_cast<float>(i)) * 13;
  std::vector<float> values = reference;
  for (float& value : values) value += 13 * 1e-6f;
  const TensorSpec spec = Spec("float32", {10, 100});
  const Comparison close = CompareTensor(spec, values.data(), reference.data(), tolerance);
  EXPECT_EQ(close.wrong, 0);
  EXPECT_GT(close.worst, 0);
  EXPECT_LE(close.worst, 1);
  values[217] += 0.3f;
  const Comparison off = CompareTensor(spec, values.data(), reference.data(), tolerance);
  EXPECT_EQ(off.wrong, 1);
  EXPECT_EQ(off.first_wrong, 217);
  EXPECT_EQ(IndexText(spec, off.first_wrong), "[2,17]");
  EXPECT_GT(off.worst, 1);
}

TEST(CompareTensorTest, NanAndInfinityMustMatch) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const TensorSpec spec = Spec("float32", {4});
  const std::vector<float> reference = {1, nan, infinity, 2};
  EXPECT_EQ(CompareTensor(spec, reference.data(), reference.data(), 1e-6).wrong, 0);
  const std::vector<float> poisoned = {nan, nan, infinity, 2};
  EXPECT_EQ(CompareTensor(spec, poisoned.data(), reference.data(), 1e-6).first_wrong, 0);
  const std::vector<float> finite = {1, nan, 3, 2};
  EXPECT_EQ(CompareTensor(spec, finite.data(), reference.data(), 1e-6).first_wrong, 2);
}

TEST(CompareTensorTest, IntegersMustBeEqual) {
  const TensorSpec spec = Spec("int32", {3});
  const std::vector<int32_t> reference = {1 << 30, -2, 3};
  std::vector<int32_t> values = reference;
  EXPECT_EQ(CompareTensor(spec, values.data(), reference.data(), 0).wrong, 0);
  values[0] += 1;
  EXPECT_EQ(CompareTensor(spec, values.data(), reference.data(), 0).wrong, 1);
}

TEST(CompareTensorTest, Float16BitsDecode) {
  const std::vector<uint16_t> bits = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x3555};
  const std::vector<double> expected = {1, -2, 0x1p-24, 65504, 0x1.554p-2};
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(ReadElement("float16", bits.data(), i), expected[i]);
}

}  // namespace
}  // namespace banyan
