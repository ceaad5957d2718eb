#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "model/reply.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

using testing::HasSubstr;

ModelRequest MutatorRequest() {
  ModelRequest request;
  request.action_space = ActionSpace::kMutators;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  request.target = std::make_shared<const Target>(FakeTarget());
  request.root.program = std::make_shared<const ProgramView>(FakeMatmulProgram(64, 64, 64));
  request.leaf = request.root;
  request.mutators = {"tile_size", "compute_location", "parallel", "unroll"};
  for (const char* name : {"big-model-70b", "small-model"}) {
    ModelStanding model;
    model.info.name = name;
    request.pool.push_back(model);
  }
  return request;
}

struct Mutators {
  const char* name;
  const char* text;
  std::vector<std::string> names;
  const char* next;
};

class MutatorReplyTest : public testing::TestWithParam<Mutators> {};

TEST_P(MutatorReplyTest, IsRead) {
  const ModelReply reply = ParseReply(GetParam().text, MutatorRequest());
  EXPECT_EQ(reply.mutators, GetParam().names) << reply.error;
  EXPECT_EQ(reply.next_model, GetParam().next);
  EXPECT_EQ(reply.failure == CallFailure::kNone, !GetParam().names.empty());
  EXPECT_EQ(reply.error.empty(), !GetParam().names.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Forms, MutatorReplyTest,
    testing::Values(
        Mutators{
            "json",
            R"({"reasoning": "x", "mutators": ["tile_size", "unroll"], "next_model": "small-model"})",
            {"tile_size", "unroll"},
            "small-model"},
        Mutators{"fenced", "Here:\n```json\n{\"mutators\": [\"parallel\"]}\n```", {"parallel"}, ""},
        Mutators{"tvm_names",
                 R"({"mutators": ["MutateTileSize", "TileSize", "mutate_compute_location"]})",
                 {"tile_size", "tile_size", "compute_location"},
                 ""},
        Mutators{"off_by_a_letter",
                 R"({"mutators": ["tile_sizes", "unrol"]})",
                 {"tile_size", "unroll"},
                 ""},
        Mutators{"one_text", R"({"mutators": "tile_size, unroll"})", {"tile_size", "unroll"}, ""},
        Mutators{"unknown_left_out", R"({"mutators": ["magic", "unroll"]})", {"unroll"}, ""},
        Mutators{"objects", R"({"mutators": [{"name": "unroll"}]})", {"unroll"}, ""},
        Mutators{"a_list", R"(["unroll", "parallel"])", {"unroll", "parallel"}, ""},
        Mutators{"reasoning_then_a_line",
                 "The unroll limit is too small, and tile_size matters less.\n\n"
                 "Transformations to apply: TileSize, Unroll",
                 {"tile_size", "unroll"},
                 ""},
        Mutators{"a_line_of_names",
                 "I would say:\n\n**tile size** and then `unroll`.\n",
                 {"tile_size", "unroll"},
                 ""},
        Mutators{"next_model_line",
                 "Mutators: unroll\nNext model: **small-model**",
                 {"unroll"},
                 "small-model"},
        Mutators{"prose_alone", "We should not unroll here at all.", {}, ""},
        Mutators{"cut_off", "{\"reasoning\": \"the tiles", {}, ""},
        Mutators{"nothing", "{\"mutators\": []}", {}, ""}),
    [](const auto& form) { return form.param.name; });

TEST(MutatorReplyFailureTest, FailuresHaveKinds) {
  const ModelRequest request = MutatorRequest();
  EXPECT_EQ(ParseReply("I cannot do this.", request).failure, CallFailure::kRefused);
  EXPECT_EQ(ParseReply("{\"reasoning\": \"the tiles", request).failure, CallFailure::kTruncated);
  const ModelReply reply = ParseReply(R"({"mutators": ["magic"]})", request);
  EXPECT_EQ(reply.failure, CallFailure::kUnusable);
  EXPECT_THAT(reply.error, HasSubstr("known: tile_size"));
}

}  // namespace
}  // namespace banyan
