#include "model/experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "model/program_sketch.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

Candidate RootOf(ProgramView program) {
  Candidate root;
  root.plan_hash = PlanHash(Plan{});
  root.program = std::make_shared<const ProgramView>(std::move(program));
  return root;
}

ModelRequest RequestAt(Candidate root) {
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(FakeWorkload());
  request.target = std::make_shared<const Target>(FakeTarget());
  request.root = root;
  request.leaf = std::move(root);
  request.tried_plans = {PlanHash(Plan{})};
  request.seed = 7;
  request.call_id = 3;
  return request;
}

Plan PlanOf(const ModelRequest& request, const Proposal& proposal) {
  Plan plan;
  plan.steps.assign(
      request.leaf.plan.steps.begin(),
      request.leaf.plan.steps.begin() + static_cast<std::ptrdiff_t>(proposal.keep_steps));
  return plan.Then(proposal.steps);
}

class ExpertsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto made = MakeBuiltinModel(GetParam());
    ASSERT_TRUE(made.ok());
    model_ = std::move(made).value();
    compiler_ = MakeFakeCompiler();
    auto root = compiler_->Root();
    ASSERT_TRUE(root.ok());
    root_ = *root;
  }

  std::unique_ptr<Model> model_;
  std::unique_ptr<Compiler> compiler_;
  Candidate root_;
};

TEST_P(ExpertsTest, HasItsName) { EXPECT_EQ(model_->name(), GetParam()); }

TEST_P(ExpertsTest, ProposesLegalPlansWithReasons) {
  const ModelRequest request = RequestAt(root_);
  const ModelReply reply = model_->Propose(request);
  EXPECT_EQ(reply.error, "");
  ASSERT_FALSE(reply.proposals.empty());
  for (const Proposal& proposal : reply.proposals) {
    EXPECT_FALSE(proposal.steps.empty());
    EXPECT_FALSE(proposal.reason.empty());
    EXPECT_EQ(proposal.reason.find('\n'), std::string::npos);
    EXPECT_GT(proposal.confidence, 0);
    EXPECT_LE(proposal.confidence, 1);
    // The fake does not make the blocks that pad operands.
    if (std::any_of(proposal.steps.begin(), proposal.steps.end(),
                    [](const Step& step) { return step.op == "padding"; }))
      continue;
    const auto candidate = compiler_->Apply(PlanOf(request, proposal));
    EXPECT_TRUE(candidate.ok()) << candidate.error().message;
  }
}

TEST_P(ExpertsTest, IsAFunctionOfTheRequest) {
  const ModelRequest request = RequestAt(root_);
  EXPECT_EQ(ToJson(model_->Propose(request)).dump(), ToJson(model_->Propose(request)).dump());
}

TEST_P(ExpertsTest, NeverMoreThanAskedForAndNoneTwice) {
  for (const size_t most : {size_t{1}, size_t{3}, size_t{16}}) {
    ModelRequest request = RequestAt(root_);
    request.max_proposals = most;
    const ModelReply reply = model_->Propose(request);
    EXPECT_LE(reply.proposals.size(), most);
    std::set<uint64_t> seen;
    for (const Proposal& proposal : reply.proposals)
      EXPECT_TRUE(seen.insert(PlanHash(PlanOf(request, proposal))).second);
  }
}

TEST_P(ExpertsTest, RepliesSurviveJson) {
  const ModelReply reply = model_->Propose(RequestAt(root_));
  const auto back = ModelReplyFromJson(ToJson(reply));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(ToJson(*back).dump(), ToJson(reply).dump());
}

TEST_P(ExpertsTest, WithoutAProgramThereIsAnErrorText) {
  const ModelReply reply = model_->Propose(ModelRequest{});
  EXPECT_TRUE(reply.proposals.empty());
  EXPECT_FALSE(reply.error.empty());
}

// Every request is answered or explained, however many were before.
TEST_P(ExpertsTest, TriedPlansAreNotProposedAgain) {
  ModelRequest request = RequestAt(root_);
  request.max_proposals = 16;
  std::set<uint64_t> tried(request.tried_plans.begin(), request.tried_plans.end());
  for (int call = 0; call < 40; ++call) {
    request.call_id = static_cast<uint64_t>(call);
    const ModelReply reply = model_->Propose(request);
    EXPECT_EQ(reply.proposals.empty(), !reply.error.empty());
    for (const Proposal& proposal : reply.proposals) {
      const uint64_t hash = PlanHash(PlanOf(request, proposal));
      EXPECT_TRUE(tried.insert(hash).second) << PrintPlan(PlanOf(request, proposal));
      request.tried_plans.push_back(hash);
    }
    if (reply.proposals.empty()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Builtin, ExpertsTest, testing::ValuesIn(BuiltinModelNames()),
                         [](const auto& builtin) { return builtin.param.substr(8); });

TEST(MakeBuiltinModelTest, AnUnknownNameListsTheKnownOnes) {
  const auto made = MakeBuiltinModel("builtin:clairvoyant");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  EXPECT_NE(made.error().message.find("builtin:analytic"), std::string::npos);
}

TEST(AnalyticExpertTest, RefinesTheBestOfItsOwn) {
  AnalyticExpert expert;
  ModelRequest request = RequestAt(RootOf(FakeMlpProgram(128, 512, 2048)));
  request.max_proposals = 4;
  const ModelReply first = expert.Propose(request);
  ASSERT_EQ(first.proposals.size(), 4u);
  for (const Proposal& proposal : first.proposals)
    request.tried_plans.push_back(PlanHash(Plan{proposal.steps}));
  const ModelReply styles = expert.Propose(request);
  request.best = {{Plan{first.proposals[2].steps}, 1.0, ""},
                  {Plan{first.proposals[0].steps}, 2.0, ""}};
  const ModelReply second = expert.Propose(request);
  ASSERT_FALSE(second.proposals.empty());
  EXPECT_NE(ToJson(second).dump(), ToJson(styles).dump());
  // A refinement differs from the best in the steps of one block only: most steps stay.
  const auto& best = first.proposals[2].steps;
  size_t kept = 0;
  for (const Step& step : second.proposals[0].steps)
    kept += std::find(best.begin(), best.end(), step) != best.end() ? 1 : 0;
  EXPECT_GT(2 * kept, best.size());
}

TEST(AnalyticExpertTest, AvoidsAStepThatFailed) {
  AnalyticExpert expert;
  ModelRequest request = RequestAt(RootOf(FakeMatmulProgram(384, 384, 384)));
  const ModelReply before = expert.Propose(request);
  ASSERT_FALSE(before.proposals.empty());
  const Step& step = before.proposals[0].steps[0];
  request.failures = {"step 1, " + PrintStep(step) + ": the loop does not exist"};
  const ModelReply after = expert.Propose(request);
  ASSERT_FALSE(after.proposals.empty());
  for (const Proposal& proposal : after.proposals)
    EXPECT_EQ(std::count(proposal.steps.begin(), proposal.steps.end(), step), 0);
}

TEST(AnalyticExpertTest, AnswersForEverySize) {
  AnalyticExpert expert;
  for (const int64_t m : {1, 3, 8, 61}) {
    for (const int64_t n : {1, 5, 16, 96}) {
      for (const int64_t k : {1, 7, 64}) {
        const ModelReply reply = expert.Propose(RequestAt(RootOf(FakeMatmulProgram(m, n, k))));
        EXPECT_EQ(reply.proposals.empty(), !reply.error.empty()) << m << " " << n << " " << k;
      }
    }
  }
}

TEST(HeuristicExpertTest, SmallStepsKeepTheStepsBefore) {
  const auto compiler = MakeFakeCompiler();
  const auto root = compiler->Root();
  ASSERT_TRUE(root.ok());
  HeuristicExpert expert;
  ModelRequest request = RequestAt(*root);
  const ModelReply defaults = expert.Propose(request);
  ASSERT_FALSE(defaults.proposals.empty());
  const auto leaf = compiler->Apply(Plan{defaults.proposals[0].steps});
  ASSERT_TRUE(leaf.ok()) << leaf.error().message;
  request.leaf = *leaf;
  request.tried_plans.push_back(leaf->plan_hash);
  const ModelReply steps = expert.Propose(request);
  ASSERT_FALSE(steps.proposals.empty());
  for (const Proposal& proposal : steps.proposals) {
    EXPECT_LT(proposal.keep_steps, leaf->plan.steps.size());
    EXPECT_EQ(PlanOf(request, proposal).steps.size(), leaf->plan.steps.size());
    EXPECT_NE(proposal.steps[0], leaf->plan.steps[proposal.keep_steps]);
  }
}

}  // namespace
}  // namespace banyan
