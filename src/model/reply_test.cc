#include "model/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "model/prompt.h"
#include "model/reply_json.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A request at the default program of a 64x64x64 product C, or at what `plan` makes of it.
ModelRequest FakeRequest(const std::string& plan = "") {
  static const std::unique_ptr<Compiler> compiler = MakeFakeCompiler();
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  request.target = std::make_shared<const Target>(FakeTarget());
  request.root = *compiler->Root();
  request.leaf = request.root;
  if (!plan.empty()) {
    auto steps = ParsePlan(plan);
    EXPECT_TRUE(steps.ok()) << steps.error().message;
    auto leaf = compiler->Apply(*steps);
    EXPECT_TRUE(leaf.ok()) << leaf.error().message;
    request.leaf = *leaf;
  }
  request.max_proposals = 4;
  for (const char* name : {"big-model-70b", "small-model"}) {
    ModelStanding model;
    model.info.name = name;
    request.pool.push_back(model);
  }
  return request;
}

std::string PlanOf(const ModelReply& reply, size_t index = 0) {
  if (index >= reply.proposals.size()) return "(none: " + reply.error + ")";
  return PrintPlan(Plan{reply.proposals[index].steps});
}

// ---- what is asked for -------------------------------------------------------------------------

TEST(ReplyTest, ReadsWhatThePromptAsksFor) {
  const ModelReply reply = ParseReply(
      R"json({"analysis": "scalar", "proposals": [{"reason": "a register tile", "keep_steps": 0,
          "steps": ["tile(block=C, factors={i: [8], j: [32]}, order=[i.0, j.0, k, i.1, j.1])",
                    "vectorize(loop=C.j.1)", "unroll(loop=C.i.1)"], "confidence": 0.7}],
          "next_model": "small-model"})json",
      FakeRequest());
  EXPECT_EQ(reply.error, "");
  EXPECT_EQ(reply.failure, CallFailure::kNone);
  EXPECT_EQ(PlanOf(reply),
            "tile(block=C, factors={i: [8], j: [32]}, order=[i.0, j.0, k, i.1, j.1])\n"
            "vectorize(loop=C.j.1)\nunroll(loop=C.i.1)\n");
  EXPECT_EQ(reply.proposals[0].confidence, 0.7);
  EXPECT_EQ(reply.proposals[0].reason, "a register tile");
  EXPECT_EQ(reply.next_model, "small-model");
  EXPECT_THAT(reply.notes, IsEmpty());
}

// ---- forms of JSON and of plans ----------------------------------------------------------------

struct Form {
  const char* name;
  const char* text;
  const char* plan;  // of the first proposal
  const char* note;  // part of one; empty: any or none
};

class ReplyFormTest : public testing::TestWithParam<Form> {};

constexpr const char* kTile = "tile(block=C, factors={i: [8]})\n";
constexpr const char* kUnroll = "unroll(loop=C.k)\n";

TEST_P(ReplyFormTest, IsRead) {
  const ModelReply reply = ParseReply(GetParam().text, FakeRequest());
  EXPECT_EQ(PlanOf(reply), GetParam().plan);
  if (*GetParam().note != 0) {
    EXPECT_THAT(reply.notes, testing::Contains(HasSubstr(GetParam().note)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Json, ReplyFormTest,
    testing::Values(
        Form{
            "fenced",
            "Sure! Here it is:\n```json\n{\"proposals\": [{\"steps\": [\"tile(block=C, factors={i: "
            "[8]})\"]}]}\n```\nHope this helps {really}.",
            kTile, ""},
        Form{"fence_without_end",
             "```json\n{\"proposals\": [{\"steps\": [\"tile(block=C, factors={i: [8]})\"]}]}",
             kTile, ""},
        Form{"prose_around",
             "The loop {i} is hot [1]. {\"proposals\": [{\"steps\": [\"tile(block=C, factors={i: "
             "[8]})\"]}]} That is it.",
             kTile, ""},
        Form{"an_open_bracket_before",
             "I think [ of tiles. {\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"]}]}", kUnroll,
             ""},
        Form{"thoughts",
             "<think>maybe {\"proposals\": [{\"steps\": [\"unroll(loop=C.j)\"]}]}</think>\n"
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"]}]}",
             kUnroll, ""},
        Form{"the_last_of_two",
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.j)\"]}]} better:\n"
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"]}]}",
             kUnroll, ""},
        Form{"trailing_commas", "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\",],},],}",
             kUnroll, ""},
        Form{"single_quotes", "{'proposals': [{'steps': ['unroll(loop=C.k)'], 'reason': 'it's'}]}",
             kUnroll, ""},
        Form{"typographic_quotes",
             "{\xE2\x80\x9Cproposals\xE2\x80\x9D: [{\xE2\x80\x9Csteps\xE2\x80\x9D: "
             "[\xE2\x80\x9Cunroll(loop=C.k)\xE2\x80\x9D]}]}",
             kUnroll, ""},
        Form{"comments",
             "{// the plans\n\"proposals\": [/* one */ {\"steps\": [\"unroll(loop=C.k)\" # "
             "last\n]}]}",
             kUnroll, ""},
        Form{"keys_without_quotes",
             "{proposals: [{steps: [\"unroll(loop=C.k)\"], confidence: .9}]}", kUnroll, ""},
        Form{"steps_without_quotes",
             "{\"proposals\": [{\"steps\": [tile(block=C, factors={i: [8]}), "
             "vectorize(loop=C.j)]}]}",
             "tile(block=C, factors={i: [8]})\nvectorize(loop=C.j)\n", ""},
        Form{"not_a_number",
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"], \"confidence\": "
             "NaN, \"keep_steps\": None}]}",
             kUnroll, ""},
        Form{"missing_commas",
             "{\"proposals\": [{\"reason\": \"a\"\n\"steps\": [\"unroll(loop=C.k)\"]}]}", kUnroll,
             ""},
        Form{"quotes_inside",
             "{\"proposals\": [{\"reason\": \"the \"hot\" loop\", \"steps\": "
             "[\"unroll(loop=C.k)\"]}]}",
             kUnroll, ""},
        Form{"line_breaks_inside",
             "{\"proposals\": [{\"reason\": \"two\nlines\", \"steps\": [\"unroll(loop=C.k)\"]}]}",
             kUnroll, ""},
        Form{"a_bracket_forgotten", "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"}]}",
             kUnroll, ""},
        Form{"cut_after_a_whole_proposal",
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"]}, {\"steps\": [\"unroll(lo",
             kUnroll, "cut off"},
        Form{"cut_in_a_late_field",
             "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"], \"reason\": \"because", kUnroll,
             "cut off"},
        Form{"wrapped",
             "{\"response\": {\"answer\": {\"proposals\": [{\"steps\": "
             "[\"unroll(loop=C.k)\"]}]}}}",
             kUnroll, ""},
        Form{"arguments_as_text",
             "{\"name\": \"propose\", \"arguments\": \"{\\\"proposals\\\": [{\\\"steps\\\": "
             "[\\\"unroll(loop=C.k)\\\"]}]}\"}",
             kUnroll, ""},
        Form{"encoded_twice",
             "\"{\\\"proposals\\\": [{\\\"steps\\\": [\\\"unroll(loop=C.k)\\\"]}]}\"", kUnroll, ""},
        Form{"proposals_as_text",
             "{\"proposals\": \"[{\\\"steps\\\": [\\\"unroll(loop=C.k)\\\"]}]\"}", kUnroll, ""},
        Form{"a_bare_list", "[{\"steps\": [\"unroll(loop=C.k)\"]}]", kUnroll, ""},
        Form{"one_object_without_list", "{\"steps\": [\"unroll(loop=C.k)\"], \"reason\": \"x\"}",
             kUnroll, ""},
        Form{"other_field_names",
             "{\"Candidates\": [{\"Plan\": [\"unroll(loop=C.k)\"], \"rationale\": \"x\", "
             "\"probability\": \"70%\"}]}",
             kUnroll, ""},
        Form{"field_off_by_a_letter", "{\"proposal\": [{\"step\": [\"unroll(loop=C.k)\"]}]}",
             kUnroll, ""},
        Form{"numbered_object", "{\"proposals\": {\"1\": {\"steps\": [\"unroll(loop=C.k)\"]}}}",
             kUnroll, ""},
        Form{"unknown_fields",
             "{\"mood\": \"good\", \"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"], \"extra\": "
             "{\"a\": [1]}}]}",
             kUnroll, ""}),
    [](const auto& form) { return form.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Plans, ReplyFormTest,
    testing::Values(
        Form{"objects",
             "{\"proposals\": [{\"steps\": [{\"op\": \"tile\", \"block\": \"C\", \"factors\": "
             "{\"i\": "
             "[8]}}]}]}",
             kTile, ""},
        Form{"objects_with_args",
             "{\"proposals\": [{\"steps\": [{\"transformation\": \"tile\", \"args\": {\"block\": "
             "\"C\", \"factors\": {\"i\": 8}}}]}]}",
             kTile, ""},
        Form{"objects_by_name",
             "{\"proposals\": [{\"steps\": [{\"unroll\": {\"loop\": \"C.k\"}}]}]}", kUnroll, ""},
        Form{"one_text_of_lines",
             "{\"proposals\": [{\"plan\": \"tile(block=C, factors={i: [8]})  # rows\\nunroll(loop="
             "C.k)\\n\"}]}",
             "tile(block=C, factors={i: [8]})\nunroll(loop=C.k)\n", ""},
        Form{"numbered_steps",
             "{\"proposals\": [{\"steps\": [\"1. tile(block=C, factors={i: [8]})\", \"2) "
             "unroll(loop=C.k);\"]}]}",
             "tile(block=C, factors={i: [8]})\nunroll(loop=C.k)\n", ""},
        Form{"a_proposal_as_text", "{\"proposals\": [\"unroll(loop=C.k)\"]}", kUnroll, ""},
        Form{"a_list_of_steps", "[\"tile(block=C, factors={i: [8]})\", \"unroll(loop=C.k)\"]",
             "tile(block=C, factors={i: [8]})\nunroll(loop=C.k)\n", ""},
        Form{"plan_in_a_fence", "I propose:\n```\ntile(block=C, factors={i: [8]})\n```\nGood luck.",
             kTile, "no JSON"},
        Form{"plan_in_prose", "First tile(block=C, factors={i: [8]}) and then unroll(loop=C.k).",
             "tile(block=C, factors={i: [8]})\nunroll(loop=C.k)\n", "no JSON"},
        Form{"colons_for_equals", "[\"tile(block: C, factors: {'i': [8]})\"]", kTile, ""},
        Form{"python_quotes", "[\"tile(block='C', factors={'i': (8,)})\"]", kTile, ""},
        Form{"by_position", "[\"unroll(C.k)\"]", kUnroll, "by position"},
        Form{"other_operations", "[\"parallelise(loop=C.i)\", \"vectorise(loop=C.j)\"]",
             "(none: no proposal can be used: step 1, parallelize(loop=C.i): the target has one "
             "core: threads would only cost time)",
             ""},
        Form{"tvm_words", "[\"split(block=C, loop=i, factors=[None, 8])\"]", kTile, "read as tile"},
        Form{"op_off_by_a_letter", "[\"unrol(loop=C.k)\"]", kUnroll, "'unrol' read as unroll"},
        Form{"op_in_capitals", "[\"Unroll(loop=C.k)\"]", kUnroll, "read as unroll"},
        Form{"decompose_reduction", "[\"decompose_reduction(block=C, loop=k)\"]",
             "accumulate(block=C, init=k)\n", ""},
        Form{"a_list_of_loops",
             "[\"tile(block=C, factors={i: [8], k: [4]})\", \"unroll(loops=[C.i.1, C.k.1])\"]",
             "tile(block=C, factors={i: [8], k: [4]})\nunroll(loop=C.i.1)\nunroll(loop=C.k.1)\n",
             "one step each"}),
    [](const auto& form) { return form.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Values, ReplyFormTest,
    testing::Values(
        Form{"numbers_as_text", "[\"tile(block=C, factors={i: ['8']})\"]", kTile, "read as 8"},
        Form{
            "structure_as_text",
            "[{\"op\": \"tile\", \"block\": \"C\", \"factors\": \"{i: [8]}\", \"order\": \"i.0, k, "
            "i.1, j\"}]",
            "tile(block=C, factors={i: [8]}, order=[i.0, k, i.1, j])\n", "as text"},
        Form{"a_factor_alone", "[\"tile(block=C, factors={i: 8})\"]", kTile, ""},
        Form{"a_list_of_pairs", "[\"tile(block=C, factors=[[i, [8]]])\"]", kTile, "as an object"},
        Form{"factor_too_large", "[\"tile(block=C, factors={i: [100]})\"]",
             "tile(block=C, factors={i: [64]})\n", "do not fit its extent 64"},
        Form{"product_too_large", "[\"tile(block=C, factors={i: [16, 8]})\"]",
             "tile(block=C, factors={i: [8, 8]})\n", "do not fit"},
        Form{"factor_of_zero", "[\"tile(block=C, factors={i: [0, 8]})\"]", kTile, "inferred"},
        Form{"negative_factor", "[\"tile(block=C, factors={i: [-1, 8]})\"]", kTile, "inferred"},
        Form{"factor_beyond_the_schema", "[\"tile(block=C, factors={i: [99999999]})\"]",
             "tile(block=C, factors={i: [64]})\n", ""},
        Form{"all_parts_given", "[\"tile(block=C, factors={i: [8, 8]}, order=[i.0, j, k, i.1])\"]",
             "tile(block=C, factors={i: [8]}, order=[i.0, j, k, i.1])\n", "inferred"},
        Form{"map_does_not_divide", "[\"pack(block=C, buffer=B, map=[d1/24, d0, d1%24])\"]",
             "pack(block=C, buffer=B, map=[d1/32, d0, d1%32])\n", "does not divide"},
        Form{"map_with_python_division",
             "[\"pack(block=C, buffer=B, map=[d1 // 16, d0, d1 % 16])\"]",
             "pack(block=C, buffer=B, map=[d1/16, d0, d1%16])\n", "read as d1/16"},
        Form{"loop_without_block", "[\"unroll(loop=k)\"]", kUnroll, "read as C.k"},
        Form{"loop_beside_its_block", "[{\"op\": \"unroll\", \"block\": \"C\", \"loop\": \"k\"}]",
             kUnroll, ""},
        Form{"block_in_small_letters", "[\"tile(block=c, factors={i: [8]})\"]", kTile, "read as C"},
        Form{"loop_without_its_dot",
             "[\"tile(block=C, factors={i: [8], j: [32]}, order=[i0, j0, k, i1, j1])\", "
             "\"vectorize(loop=C.j1)\"]",
             "tile(block=C, factors={i: [8], j: [32]}, order=[i.0, j.0, k, i.1, j.1])\n"
             "vectorize(loop=C.j.1)\n",
             "'C.j1' read as C.j.1"},
        Form{"inner_and_outer",
             "[\"tile(block=C, factors={j: [32]}, order=[i, j_outer, k, j_inner])\", "
             "\"vectorize(loop=C.j.inner)\"]",
             "tile(block=C, factors={j: [32]}, order=[i, j.0, k, j.1])\nvectorize(loop=C.j.1)\n",
             ""},
        Form{
            "new_block_off_by_a_letter",
            "[\"pack(block=C, buffer=B, name=panels)\", \"tile(block=panel, factors={v1: [16]})\"]",
            "pack(block=C, buffer=B, name=panels)\ntile(block=panels, factors={v1: [16]})\n",
            "'panel' read as panels"},
        Form{"unknown_argument_left_out", "[\"unroll(loop=C.k, speed=fast)\"]", kUnroll,
             "'speed' left out"}),
    [](const auto& form) { return form.param.name; });

// ---- what is refused ---------------------------------------------------------------------------

struct Refusal {
  const char* name;
  const char* text;
  CallFailure failure;
  const char* error;  // part of it
};

class ReplyRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(ReplyRefusalTest, HasAReason) {
  const ModelReply reply = ParseReply(GetParam().text, FakeRequest());
  EXPECT_THAT(reply.proposals, IsEmpty());
  EXPECT_STREQ(CallFailureName(reply.failure), CallFailureName(GetParam().failure));
  EXPECT_THAT(reply.error, HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Replies, ReplyRefusalTest,
    testing::Values(
        Refusal{"empty", " \n ", CallFailure::kUnusable, "empty"},
        Refusal{"prose", "Tiling is a good idea in general.", CallFailure::kUnusable,
                "holds no plan"},
        Refusal{"declined", "I\xE2\x80\x99m sorry, but I can't help with that.",
                CallFailure::kRefused, "declined: I"},
        Refusal{"cut_off", "{\"analysis\": \"the loops\", \"proposals\": [{\"reason\": \"a\", \"st",
                CallFailure::kTruncated, "cut off"},
        Refusal{"no_proposals", "{\"proposals\": []}", CallFailure::kUnusable, "holds no plan"},
        Refusal{"no_steps", "{\"proposals\": [{\"steps\": []}]}", CallFailure::kUnusable,
                "no steps"},
        Refusal{"unknown_operation", "[\"frobnicate(loop=C.k)\"]", CallFailure::kUnusable,
                "no transformation is called 'frobnicate'; known: tile"},
        Refusal{"missing_argument", "[\"tile(block=C)\"]", CallFailure::kUnusable,
                "argument 'factors' is missing"},
        Refusal{"unknown_loop", "[\"unroll(loop=C.z)\"]", CallFailure::kUnusable,
                "no loop 'C.z'; loops around C: i, j, k"},
        Refusal{"unknown_block", "[\"tile(block=nothing, factors={i: [8]})\"]",
                CallFailure::kUnusable, "no block 'nothing'; blocks: C"},
        Refusal{"illegal_first_step", "[\"vectorize(loop=C.k)\"]", CallFailure::kUnusable,
                "is a reduction loop"},
        Refusal{"step_of_the_other_space", "[\"mutate(mutator=unroll, draw=1)\"]",
                CallFailure::kUnusable, "no transformation is called 'mutate'"},
        Refusal{"prose_for_a_step", "{\"proposals\": [{\"steps\": [\"first we tile the loops\"]}]}",
                CallFailure::kUnusable, "'first we tile the loops' is no step"},
        Refusal{"a_step_cut_off",
                "{\"proposals\": [{\"steps\": [\"tile(block=C, factors={i: [8\"]}]}",
                CallFailure::kUnusable, "does not end"}),
    [](const auto& form) { return form.param.name; });

TEST(ReplyTest, OtherProposalsSurviveABadOne) {
  const ModelReply reply = ParseReply(
      R"json({"proposals": [{"steps": ["vectorize(loop=C.k)"]}, {"steps": ["unroll(loop=C.k)"]}]})json",
      FakeRequest());
  EXPECT_EQ(reply.proposals.size(), 1u);
  EXPECT_EQ(PlanOf(reply), kUnroll);
  EXPECT_EQ(reply.error, "");
  EXPECT_THAT(reply.notes,
              ElementsAre(HasSubstr("proposal 1 left out: step 1, vectorize(loop=C.k): C.k is a "
                                    "reduction loop of C")));
}

// ---- where the steps go ------------------------------------------------------------------------

constexpr const char* kLeaf = "tile(block=C, factors={i: [8]})\nunroll(loop=C.k)\n";

TEST(ReplyTest, AppendsWhereNothingIsSaid) {
  const ModelReply reply =
      ParseReply(R"json({"proposals": [{"steps": ["vectorize(loop=C.j)"]}]})json",
                 FakeRequest("tile(block=C, factors={i: [8]}, order=[i.0, i.1, k, j])\n"));
  ASSERT_EQ(reply.proposals.size(), 1u) << reply.error;
  EXPECT_EQ(reply.proposals[0].keep_steps, 1u);
}

TEST(ReplyTest, RevisesFromTheKeptSteps) {
  const ModelReply reply = ParseReply(
      R"json({"proposals": [{"keep_steps": "1", "steps": ["tile(block=C, factors={j: [16]})"]}]})json",
      FakeRequest(kLeaf));
  ASSERT_EQ(reply.proposals.size(), 1u) << reply.error;
  EXPECT_EQ(reply.proposals[0].keep_steps, 1u);
  EXPECT_EQ(PlanOf(reply), "tile(block=C, factors={j: [16]})\n");
}

TEST(ReplyTest, KeptStepsOutOfRangeAreBroughtBack) {
  for (const auto& [written, kept] : std::vector<std::pair<std::string, size_t>>{
           {"99", 2}, {"-3", 0}, {"1e300", 2}, {"\"all\"", 2}, {"null", 2}}) {
    const std::string step = "tile(block=C, factors={j: [16]})";
    const ModelReply reply = ParseReply(R"json({"proposals": [{"keep_steps": )json" + written +
                                            R"json(, "steps": [")json" + step + "\"]}]}",
                                        FakeRequest(kLeaf));
    ASSERT_EQ(reply.proposals.size(), 1u) << written << ": " << reply.error;
    EXPECT_EQ(reply.proposals[0].keep_steps, kept) << written;
  }
}

TEST(ReplyTest, AWholePlanIsNotAppendedToItself) {
  const ModelReply reply = ParseReply(
      R"json({"proposals": [{"keep_steps": 2, "steps": ["tile(block=C, factors={i: [8]})",
          "unroll(loop=C.k)", "tile(block=C, factors={j: [16]})"]}]})json",
      FakeRequest(kLeaf));
  ASSERT_EQ(reply.proposals.size(), 1u) << reply.error;
  EXPECT_EQ(reply.proposals[0].keep_steps, 2u);
  EXPECT_EQ(PlanOf(reply), "tile(block=C, factors={j: [16]})\n");
}

TEST(ReplyTest, StepsThatTheLeafHasAreKept) {
  const ModelReply reply = ParseReply(
      R"json({"proposals": [{"keep_steps": 0, "steps": ["tile(block=C, factors={i: [8]})",
          "tile(block=C, factors={j: [16]})"]}]})json",
      FakeRequest(kLeaf));
  ASSERT_EQ(reply.proposals.size(), 1u) << reply.error;
  EXPECT_EQ(reply.proposals[0].keep_steps, 1u);
  EXPECT_EQ(PlanOf(reply), "tile(block=C, factors={j: [16]})\n");
}

TEST(ReplyTest, TheSamePlanAgainIsNone) {
  ModelRequest request = FakeRequest(kLeaf);
  const std::string same =
      R"json({"proposals": [{"keep_steps": 0, "steps": ["tile(block=C, factors={i: [8]})", "unroll(loop=C.k)"]}]})json";
  EXPECT_THAT(ParseReply(same, request).error, HasSubstr("changes nothing"));

  const std::string twice =
      R"json({"proposals": [{"steps": ["tile(block=C, factors={j: [16]})"]}, {"steps": ["tile(block=C, factors={j: [16]})"]}]})json";
  EXPECT_EQ(ParseReply(twice, request).proposals.size(), 1u);

  request.tried_plans.push_back(
      PlanHash(*ParsePlan(std::string(kLeaf) + "tile(block=C, factors={j: [16]})")));
  EXPECT_THAT(ParseReply(twice, request).error, HasSubstr("tried already"));
}

TEST(ReplyTest, TheMostConfidentAreKept) {
  std::string text = R"json({"proposals": [)json";
  for (int factor = 1; factor <= 6; ++factor) {
    text += "{\"steps\": [\"tile(block=C, factors={i: [" + std::to_string(factor) +
            "]})\"], \"confidence\": 0." + std::to_string(factor) + "},";
  }
  const ModelReply reply = ParseReply(text + "]}", FakeRequest());
  ASSERT_EQ(reply.proposals.size(), 4u);
  EXPECT_EQ(PlanOf(reply), "tile(block=C, factors={i: [6]})\n");
  EXPECT_EQ(reply.proposals[3].confidence, 0.3);
  EXPECT_THAT(reply.notes, ElementsAre("6 proposals, the 4 most confident are kept"));
}

TEST(ReplyTest, ConfidencesAreChances) {
  for (const auto& [written, chance] :
       std::vector<std::pair<std::string, double>>{{"0.25", 0.25},
                                                   {"\"0.25\"", 0.25},
                                                   {"\"25 %\"", 0.25},
                                                   {"25", 0.25},
                                                   {"-1", 0},
                                                   {"1e9", 1},
                                                   {"\"high\"", 0.8},
                                                   {"NaN", 0.5},
                                                   {"[]", 0.5}}) {
    const ModelReply reply =
        ParseReply(R"json({"proposals": [{"steps": ["unroll(loop=C.k)"], "confidence": )json" +
                       written + "}]}",
                   FakeRequest());
    ASSERT_EQ(reply.proposals.size(), 1u) << written;
    EXPECT_DOUBLE_EQ(reply.proposals[0].confidence, chance) << written;
  }
}

TEST(ReplyTest, TheNextModelIsOneOfThePool) {
  for (const auto& [written, meant] :
       std::vector<std::pair<std::string, std::string>>{{"small-model", "small-model"},
                                                        {"Small_Model", "small-model"},
                                                        {"acme/big-model-70b", "big-model-70b"},
                                                        {"smal-model", "small-model"},
                                                        {"another", ""},
                                                        {"", ""}}) {
    const ModelReply reply =
        ParseReply(R"json({"proposals": [{"steps": ["unroll(loop=C.k)"]}], "next_model": ")json" +
                       written + "\"}",
                   FakeRequest());
    EXPECT_EQ(reply.next_model, meant) << written;
  }
}

TEST(ReplyTest, TheNextModelMayStandBesideProposalsInAText) {
  const ModelReply reply = ParseReply(
      R"json({"proposals": "[{\"steps\": [\"unroll(loop=C.k)\"]}]", "next_model": "small-model"})json",
      FakeRequest());
  EXPECT_EQ(PlanOf(reply), kUnroll);
  EXPECT_EQ(reply.next_model, "small-model");
}

// ---- hostile input -----------------------------------------------------------------------------

TEST(ReplyTest, MessagesAreShortPrintableLines) {
  const std::string junk = "\x1b[31m\n\xff\xfe" + std::string(100'000, 'x');
  for (const std::string& text :
       {junk, "{\"proposals\": [{\"steps\": [\"" + junk + "(a=1)\"]}]}",
        "{\"proposals\": [{\"steps\": [\"tile(block=" + junk + ", factors={i: [8]})\"]}]}",
        "{\"proposals\": [{\"steps\": [\"unroll(loop=C.k)\"], \"reason\": \"" + junk +
            "\"}], \"next_model\": \"" + junk + "\"}"}) {
    const ModelReply reply = ParseReply(text, FakeRequest());
    std::vector<std::string> lines = reply.notes;
    lines.push_back(reply.error);
    for (const Proposal& proposal : reply.proposals) lines.push_back(proposal.reason);
    for (const std::string& line : lines) {
      EXPECT_LT(line.size(), 500u);
      EXPECT_EQ(line, OneLine(line, 500));
    }
    EXPECT_NO_THROW(ToJson(reply).dump());
  }
}

TEST(ReplyTest, DeepNestingEndsEarly) {
  const size_t kDepth = 1 << 20;
  for (const std::string& open : {std::string("["), std::string("{\"a\":"), std::string("{a:["),
                                  std::string("[{\"proposals\":"), std::string("(")}) {
    std::string text;
    while (text.size() < kDepth) text += open;
    EXPECT_THAT(ParseReply(text, FakeRequest()).proposals, IsEmpty());
    EXPECT_THAT(
        ParseReply("{\"proposals\": [{\"steps\": [\"tile(block=C, factors=" + text + ")\"]}]}",
                   FakeRequest())
            .proposals,
        IsEmpty());
  }
}

TEST(ReplyTest, OnlyFourMebibytesAreRead) {
  const std::string late = std::string(5 << 20, ' ') + R"json(["unroll(loop=C.k)"])json";
  const ModelReply reply = ParseReply(late, FakeRequest());
  EXPECT_THAT(reply.proposals, IsEmpty());
  EXPECT_THAT(reply.notes, ElementsAre(HasSubstr("4 MiB")));
}

// ---- strict JSON -------------------------------------------------------------------------------

TEST(ReplyJsonTest, StrictJsonReadsAsWhatItSays) {
  for (const char* text :
       {R"({"a": [1, -2.5, 1e3, true, false, null, "x\n\"\\\u00e9\ud83d\ude00"], "b c": {}})",
        R"([[], {}, "a, b: c}", {"k": "[1]"}])", R"({"a":"","b":[{"c":[0]}]})",
        R"({"a" : "x" , "b" : [ 1 , 2 ] })"}) {
    const LooseJson loose = ReadLooseJson(text, 0);
    EXPECT_FALSE(loose.failed);
    EXPECT_FALSE(loose.truncated);
    EXPECT_FALSE(loose.repaired) << text;
    EXPECT_EQ(loose.value, Json::parse(text));
    EXPECT_EQ(loose.end, std::string(text).size());
  }
}

}  // namespace
}  // namespace banyan
