#include "schedule/workload.h"

#include <gtest/gtest.h>

#include "schedule/layout_map.h"
#include "schedule/live_schedule.h"
#include "schedule/program.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

TEST(WorkloadSpecTest, ParsesNameAndSizes) {
  auto plain = ParseWorkloadSpec("mlp");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->name, "mlp");
  EXPECT_TRUE(plain->parameters.empty());
  auto sized = ParseWorkloadSpec("mlp:T=128, H=512");
  ASSERT_TRUE(sized.ok());
  ASSERT_EQ(sized->parameters.size(), 2u);
  EXPECT_EQ(sized->parameters[1], (std::pair<std::string, std::string>("H", "512")));
}

TEST(WorkloadSpecTest, SaysWhatIsWrong) {
  for (const char* text :
       {"", ":T=1", "mlp:", "mlp:T", "mlp:=3", "mlp:T=", "mlp:T=1,T=2", "mlp:T=1,"}) {
    auto spec = ParseWorkloadSpec(text);
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_NE(ParseWorkloadSpec("mlp:T=1,T=2").error().message.find("T is given twice"),
            std::string::npos);
}

TEST(TensorSpecTest, CountsBytes) {
  EXPECT_EQ((TensorSpec{"A", {2, 3}, "float32", false}).bytes(), 24);
  EXPECT_EQ((TensorSpec{"A", {2, 3}, "int8", false}).bytes(), 6);
  EXPECT_EQ((TensorSpec{"A", {}, "float64", false}).bytes(), 8);
}

TEST(ProgramViewTest, FindsAndCounts) {
  const ProgramView program = FakeMlpProgram(16, 32, 64);
  const int gate = program.FindBlock("gate");
  ASSERT_GE(gate, 0);
  EXPECT_EQ(program.FindBlock("nothing"), -1);
  EXPECT_EQ(program.Iterations(gate), 16 * 64 * 32);
  EXPECT_EQ(program.BlocksUnder(program.FindLoop("gate.j")), std::vector<int>{gate});
  const auto& buffer = program.buffers[static_cast<size_t>(program.FindBuffer("G"))];
  EXPECT_EQ(buffer.strides(), (std::vector<int64_t>{64, 1}));
  EXPECT_EQ(buffer.bytes(), 32 * 64 * 4);
  EXPECT_EQ(program.blocks[static_cast<size_t>(gate)].FindIter("k"), 2);
}

TEST(LayoutTest, ParsesAndPrints) {
  const Json terms = {"d0/16", "d1", "d0/4%4", "d0%4"};
  auto layout = ParseLayout(terms);
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ((*layout)[2].divisor, 4);
  EXPECT_EQ((*layout)[2].modulus, 4);
  EXPECT_EQ(LayoutToJson(*layout), terms);
  for (const char* bad : {"", "d", "x0", "d0/0", "d0%0", "d0/", "d-1", "d0/4/2", "d99", "d0 "}) {
    EXPECT_FALSE(ParseLayout(Json::array({bad})).ok()) << bad;
  }
  EXPECT_FALSE(ParseLayout(Json::array()).ok());
  EXPECT_FALSE(ParseLayout(Json::array({3})).ok());
}

TEST(LayoutTest, EveryElementMustBeHeldOnce) {
  const std::vector<int64_t> shape = {32, 48};
  auto check = [&](std::initializer_list<const char*> terms, bool pad = false) {
    auto layout =
        CheckLayout(Json(std::vector<std::string>(terms.begin(), terms.end())), shape, pad);
    return layout.ok() ? std::string() : layout.error().message;
  };
  EXPECT_EQ(check({"d1/16", "d0", "d1%16"}), "");
  EXPECT_EQ(check({"d1", "d0"}), "");
  EXPECT_EQ(check({"d0/8", "d1/16", "d0/2%4", "d0%2", "d1%16"}), "");
  EXPECT_NE(check({"d0", "d1"}), "");
  EXPECT_NE(check({"d0"}).find("leaves out dimension d1"), std::string::npos);
  EXPECT_NE(check({"d0", "d1/16", "d1%8"}), "");
  EXPECT_NE(check({"d0", "d1/16"}).find("d1%16"), std::string::npos);
  EXPECT_NE(check({"d0", "d1/32", "d1%32"}).find("does not divide"), std::string::npos);
  EXPECT_EQ(check({"d0", "d1/32", "d1%32"}, true), "");
  EXPECT_NE(check({"d2", "d0", "d1"}).find("d2"), std::string::npos);
  for (const auto& map : LayoutProposals(shape, 16)) {
    EXPECT_TRUE(CheckLayout(map, shape, false).ok()) << map.dump();
  }
  EXPECT_FALSE(LayoutProposals(shape, 16).empty());
}

}  // namespace
}  // namespace banyan
