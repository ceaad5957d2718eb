#include "tvm/target.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace banyan {
namespace {

TEST(TargetTest, HostNamesTheCpuItsCachesAndRegisters) {
  const auto target = DetectTarget(1);
  ASSERT_TRUE(target.ok()) << target.error().message;
  const Json json = Json::parse(target->json);
  EXPECT_EQ(json["kind"], "llvm");
  EXPECT_EQ(json["mcpu"], target->cpu);
  EXPECT_EQ(json["num-cores"], 1);
  EXPECT_TRUE(json.contains("host"));
  EXPECT_GE(target->vector_bits, 128);
  EXPECT_GE(target->vector_registers, 16);
  EXPECT_GE(target->l1_bytes, 8 << 10);
  EXPECT_GE(target->l2_bytes, target->l1_bytes);
  EXPECT_EQ(target->lanes(32) * 32, target->vector_bits);
}

TEST(TargetTest, FingerprintTellsTargetsApart) {
  const auto one = DetectTarget(1);
  const auto again = ParseTarget("host", 1);
  const auto two = DetectTarget(2);
  ASSERT_TRUE(one.ok() && again.ok() && two.ok());
  EXPECT_EQ(one->fingerprint, again->fingerprint);
  EXPECT_NE(one->fingerprint, two->fingerprint);
  EXPECT_EQ(two->cores, 2);
}

TEST(TargetTest, TakesJsonAndTheOldCommandLine) {
  const auto json = ParseTarget(R"({"kind": "llvm", "mcpu": "haswell", "num-cores": 4})", 0);
  const auto text = ParseTarget("llvm -mcpu=haswell --num-cores=4", 0);
  ASSERT_TRUE(json.ok()) << json.error().message;
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(json->json, text->json);
  EXPECT_EQ(json->cores, 4);
  EXPECT_EQ(json->vector_bits, 256);
  EXPECT_EQ(json->vector_registers, 16);
  const auto fewer = ParseTarget("llvm -mcpu=haswell --num-cores=4", 2);
  ASSERT_TRUE(fewer.ok());
  EXPECT_EQ(fewer->cores, 2);
  const auto wide = ParseTarget("llvm -mcpu=skylake-avx512", 0);
  ASSERT_TRUE(wide.ok());
  EXPECT_EQ(wide->vector_bits, 512);
  EXPECT_EQ(wide->vector_registers, 32);
  const auto attributes = ParseTarget("llvm -mattr=+avx2,+fma", 0);
  ASSERT_TRUE(attributes.ok()) << attributes.error().message;
  EXPECT_EQ(attributes->vector_bits, 256);
}

TEST(TargetTest, RejectionsAreOneClearLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty"},
      {"foo", "kind 'foo'"},
      {"cuda", "kind 'cuda'"},
      {"llvm -mcpu=bogus", "no CPU 'bogus'"},
      {"llvm mcpu", "-option=value"},
      {R"({"kind": "llvm", "x": 1})", "Unknown config option 'x'"},
      {R"({"kind": "llvm", "num-cores": "many"})", "num-cores"},
      {R"({"mcpu": "haswell"})", "kind"},
      {"{bad", "JSON"},
      {"nvidia/nvidia-a100", "not defined"},
      {"llvm -mtriple=sparc-unknown-linux", "sparc"},
  };
  for (const auto& [text, reason] : cases) {
    const auto target = ParseTarget(text, 0);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_NE(target.error().message.find(reason), std::string::npos) << target.error().message;
    EXPECT_EQ(target.error().message.find('\n'), std::string::npos) << text;
  }
  EXPECT_FALSE(ParseTarget("host", -1).ok());
  EXPECT_FALSE(ParseTarget("host", 5000).ok());
}

}  // namespace
}  // namespace banyan
