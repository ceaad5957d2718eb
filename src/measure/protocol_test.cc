#include "measure/protocol.h"
#include "schedule/description_json.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using testing::HasSubstr;

Workload SomeWorkload() {
  Workload workload;
  workload.id = "toy:N=4";
  workload.family = "toy";
  workload.module_json = "{\"not\": \"inside\"}";
  workload.parameters = {{"A", {2, 3}, "float32", false}, {"C", {}, "int32", true}};
  workload.flops = 1.5e9;
  workload.reduction_length = 77;
  workload.hash = 0xFEDCBA9876543210ULL;
  return workload;
}

TEST(ProtocolTest, MessagesSurviveAnySplit) {
  std::string payload = "raw \x01\xFF bytes";
  payload.push_back('\0');
  const std::string bytes = EncodeMessage({.header = {{"op", "one"}}, .payload = payload}) +
                            EncodeMessage({.header = {{"op", "two"}}});
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    MessageReader reader;
    std::vector<Message> messages;
    for (const auto& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.Append(part);
      for (;;) {
        auto next = reader.Next();
        ASSERT_TRUE(next.ok()) << next.error().message;
        if (!next->has_value()) break;
        messages.push_back(std::move(**next));
      }
    }
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0].payload, payload);
    EXPECT_EQ(messages[1].header["op"], "two");
  }
}

TEST(ProtocolTest, GarbageIsSeenAtItsFirstByte) {
  MessageReader reader;
  reader.Append("h");
  EXPECT_FALSE(reader.Next().ok());
  MessageReader too_long;
  std::string bytes = EncodeMessage({.header = {{"op", "one"}}});
  bytes[7] = '\x7F';
  too_long.Append(bytes);
  EXPECT_THAT(too_long.Next().error().message, HasSubstr("too long"));
  MessageReader not_json;
  bytes = EncodeMessage({.header = {{"op", "one"}}});
  bytes[16] = '!';
  not_json.Append(bytes);
  EXPECT_THAT(not_json.Next().error().message, HasSubstr("not JSON"));
}

TEST(ProtocolTest, DescriptionsRoundTrip) {
  const Workload workload = SomeWorkload();
  const auto back = WorkloadFromJson(Json::parse(ToJson(workload).dump()));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->id, workload.id);
  EXPECT_EQ(back->hash, workload.hash);
  EXPECT_EQ(back->parameters.size(), 2u);
  EXPECT_EQ(back->parameters[0].shape, workload.parameters[0].shape);
  EXPECT_TRUE(back->parameters[1].is_output);
  EXPECT_EQ(ToJson(*back), ToJson(workload));

  Target target;
  target.cores = 3;
  target.l3_bytes = 7;
  target.json = "{\"kind\": \"llvm\"}";
  const auto target_back = TargetFromJson(ToJson(target));
  ASSERT_TRUE(target_back.ok());
  EXPECT_EQ(ToJson(*target_back), ToJson(target));

  RunResult result;
  result.failure = FailureKind::kWrongResult;
  result.max_relative_error = std::nan("");
  const auto result_back = RunResultFromJson(Json::parse(ToJson(result).dump()));
  ASSERT_TRUE(result_back.ok());
  EXPECT_EQ(result_back->failure, FailureKind::kWrongResult);
  EXPECT_TRUE(std::isnan(result_back->max_relative_error));

  EXPECT_FALSE(WorkloadFromJson({{"id", 3}}).ok());
  EXPECT_FALSE(TargetFromJson(Json::array()).ok());
  EXPECT_FALSE(RunResultFromJson({}).ok());
}

}  // namespace
}  // namespace banyan
