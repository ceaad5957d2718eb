#include "model/mutator_expert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "model/experts.h"
#include "schedule/mutator_steps.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

using Names = std::vector<std::string>;

ModelStanding Standing(const std::string& name, ModelRole role) {
  ModelStanding standing;
  standing.info.name = name;
  standing.info.role = role;
  return standing;
}

Candidate Pictured(ProgramView program) {
  Candidate candidate;
  candidate.plan = {{DesignSpaceStep(3)}};
  candidate.program = std::make_shared<const ProgramView>(std::move(program));
  return candidate;
}

ModelRequest RequestFor(Candidate leaf, int cores = 1) {
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  Target target = FakeTarget();
  target.cores = cores;
  request.target = std::make_shared<const Target>(target);
  request.action_space = ActionSpace::kMutators;
  request.mutators = MutatorNames();
  request.leaf = std::move(leaf);
  request.pool = {Standing("builtin:analytic", ModelRole::kStrong),
                  Standing("builtin:heuristic", ModelRole::kLight),
                  Standing("builtin:random", ModelRole::kLight)};
  request.model = "builtin:analytic";
  request.seed = 5;
  return request;
}

// A product with 8 rows of 3 vectors in registers.
Candidate WellTiled() {
  auto compiler = MakeFakeCompiler();
  const auto plan = ParsePlan(
      "tile(block=C, factors={i: [8], j: [2, 16], k: [4]}, order=[i.0, j.0, k.0, k.1, i.1, j.1, "
      "j.2])\nvectorize(loop=C.j.2)\n");
  EXPECT_TRUE(plan.ok()) << plan.error().message;
  const auto candidate = compiler->Apply(*plan);
  EXPECT_TRUE(candidate.ok()) << candidate.error().message;
  return *candidate;
}

size_t Count(const ModelReply& reply, const std::string& name) {
  return static_cast<size_t>(std::count(reply.mutators.begin(), reply.mutators.end(), name));
}

class MutatorExperts : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto made = MakeBuiltinModel(GetParam());
    ASSERT_TRUE(made.ok());
    model_ = std::move(made).value();
  }
  std::unique_ptr<Model> model_;
};

TEST_P(MutatorExperts, AnswerNamesOfTheRequestAndAModelOfThePool) {
  for (const Names& offered :
       {MutatorNames(), Names{"unroll"}, Names{"thread_binding", "parallel"}}) {
    for (uint64_t call = 0; call < 20; ++call) {
      ModelRequest request = RequestFor(Pictured(FakeMlpProgram(128, 512, 2048)));
      request.mutators = offered;
      request.call_id = call;
      const ModelReply reply = model_->Propose(request);
      EXPECT_EQ(reply.error, "");
      EXPECT_TRUE(reply.proposals.empty());
      ASSERT_FALSE(reply.mutators.empty());
      EXPECT_LE(reply.mutators.size(), 8u);
      for (const std::string& name : reply.mutators)
        EXPECT_NE(std::find(offered.begin(), offered.end(), name), offered.end()) << name;
      EXPECT_TRUE(
          std::any_of(request.pool.begin(), request.pool.end(),
                      [&](const ModelStanding& m) { return m.info.name == reply.next_model; }))
          << reply.next_model;
    }
  }
}

TEST_P(MutatorExperts, AreFunctionsOfTheRequestAndSurviveJson) {
  const ModelRequest request = RequestFor(WellTiled());
  const ModelReply reply = model_->Propose(request);
  EXPECT_EQ(ToJson(reply).dump(), ToJson(model_->Propose(request)).dump());
  const auto back = ModelReplyFromJson(ToJson(reply));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->mutators, reply.mutators);
  EXPECT_EQ(back->next_model, reply.next_model);
}

TEST_P(MutatorExperts, WithoutNamesThereIsAnError) {
  ModelRequest request = RequestFor(WellTiled());
  request.mutators.clear();
  const ModelReply reply = model_->Propose(request);
  EXPECT_FALSE(reply.error.empty());
  EXPECT_TRUE(reply.mutators.empty());
  EXPECT_NE(reply.failure, CallFailure::kNone);
}

TEST_P(MutatorExperts, WithoutAPoolTheyGoOnThemselves) {
  ModelRequest request = RequestFor(WellTiled());
  request.pool.clear();
  request.model = GetParam();
  EXPECT_EQ(model_->Propose(request).next_model, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Builtin, MutatorExperts, testing::ValuesIn(BuiltinModelNames()),
                         [](const auto& builtin) { return builtin.param.substr(8); });

TEST(AnalyticMutatorsTest, FarFromTheRegisterTileMoreTilesAreRedrawn) {
  const ModelReply far = AnalyticMutators(RequestFor(Pictured(FakeMatmulProgram(64, 64, 64))));
  const ModelReply near = AnalyticMutators(RequestFor(WellTiled()));
  EXPECT_GE(Count(far, "tile_size"), 3u);
  EXPECT_LT(Count(near, "tile_size"), Count(far, "tile_size"));
  EXPECT_GE(Count(near, "tile_size"), 1u);
}

TEST(AnalyticMutatorsTest, AShortInnerBodyIsUnrolled) {
  const ModelReply scalar = AnalyticMutators(RequestFor(Pictured(FakeMatmulProgram(64, 64, 64))));
  EXPECT_EQ(Count(scalar, "unroll"), 1u);
  EXPECT_EQ(Count(AnalyticMutators(RequestFor(WellTiled())), "unroll"), 0u);
}

TEST(AnalyticMutatorsTest, NeverParallelOnOneCore) {
  const auto program = [] { return Pictured(FakeConvProgram(32, 28)); };
  EXPECT_EQ(Count(AnalyticMutators(RequestFor(program())), "parallel"), 0u);
  EXPECT_EQ(Count(AnalyticMutators(RequestFor(program(), 4)), "parallel"), 1u);
}

TEST(AnalyticMutatorsTest, BlocksThatRunApartAreMoved) {
  EXPECT_EQ(
      Count(AnalyticMutators(RequestFor(Pictured(FakeConvProgram(32, 28)))), "compute_location"),
      1u);
  EXPECT_EQ(Count(AnalyticMutators(RequestFor(WellTiled())), "compute_location"), 0u);
}

TEST(AnalyticMutatorsTest, AMutatorThatFoundNothingIsLeftOut) {
  ModelRequest request = RequestFor(Pictured(FakeConvProgram(32, 28)));
  request.failures = {
      "step 2, mutate(mutator=compute_location, draw=9): compute_location finds nothing to change "
      "here"};
  EXPECT_EQ(Count(AnalyticMutators(request), "compute_location"), 0u);
  // If all of them found nothing, it still answers.
  for (const std::string& name : MutatorNames())
    request.failures.push_back(name + " finds nothing to change here");
  EXPECT_EQ(AnalyticMutators(request).mutators.size(), 1u);
}

TEST(AnalyticMutatorsTest, MissingStructureStaysWithTheStrongModel) {
  ModelRequest far = RequestFor(Pictured(FakeMatmulProgram(64, 64, 64)));
  EXPECT_EQ(AnalyticMutators(far).next_model, "builtin:analytic");
  ModelRequest near = RequestFor(WellTiled());
  near.pool[2].calls = 4;
  near.pool[2].hits = 4;
  EXPECT_EQ(AnalyticMutators(near).next_model, "builtin:random");  // the better record
  near.pool[1].calls = 40;                                         // the strong one is owed a call
  EXPECT_EQ(AnalyticMutators(near).next_model, "builtin:analytic");
}

TEST(AnalyticMutatorsTest, AStepToRedoIsNotRepeated) {
  ModelRequest request = RequestFor(WellTiled());
  const Names before = AnalyticMutators(request).mutators;
  request.review.emplace().mutators = before;
  EXPECT_NE(AnalyticMutators(request).mutators, before);
}

TEST(AnalyticMutatorsTest, APictureThatSaysNothingIsAnswered) {
  ProgramView program = FakeMatmulProgram(8, 8, 8);
  program.blocks[0].opaque = true;
  program.blocks[0].iters.clear();
  program.blocks[0].loops.clear();
  EXPECT_EQ(AnalyticMutators(RequestFor(Pictured(program))).mutators, Names{"tile_size"});
}

TEST(HeuristicMutatorsTest, OneOrTwoCommonNamesFirstTheTiles) {
  std::set<Names> seen;
  for (uint64_t call = 0; call < 30; ++call) {
    ModelRequest request = RequestFor(WellTiled());
    request.call_id = call;
    const Names names = HeuristicMutators(request).mutators;
    EXPECT_EQ(names.front(), "tile_size");
    EXPECT_LE(names.size(), 2u);
    seen.insert(names);
  }
  EXPECT_GT(seen.size(), 2u);
}

TEST(RandomMutatorsTest, DrawsEveryNameBySeed) {
  std::set<std::string> names;
  std::set<std::string> models;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    ModelRequest request = RequestFor(WellTiled());
    request.seed = seed;
    const ModelReply reply = RandomMutators(request);
    EXPECT_EQ(reply.mutators.size(), 1u);
    names.insert(reply.mutators.front());
    models.insert(reply.next_model);
  }
  EXPECT_EQ(names.size(), MutatorNames().size());
  EXPECT_EQ(models.size(), 3u);
}

}  // namespace
}  // namespace banyan
