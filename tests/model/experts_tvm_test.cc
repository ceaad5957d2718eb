// The analytic expert's plans on real TVM: every one applies, builds and computes the same as the
// unscheduled program, whatever the workload and its sizes.
#include "model/experts.h"

#include <algorithm>
#include <memory>
#include <string>

#include "schedule/scheduled_workload.h"

namespace banyan {
namespace {

ModelRequest RequestFor(Compiler& compiler, size_t most) {
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(compiler.workload());
  request.target = std::make_shared<const Target>(compiler.target());
  auto root = compiler.Root();
  EXPECT_TRUE(root.ok());
  request.root = *root;
  request.leaf = *root;
  request.max_proposals = most;
  return request;
}

class ExpertPlansTest : public testing::TestWithParam<const char*> {};

TEST_P(ExpertPlansTest, ApplyBuildAndComputeTheSame) {
  constexpr size_t kApplied = 12;
  constexpr size_t kBuilt = 3;
  ScheduledWorkload workload(GetParam());
  AnalyticExpert expert;
  const ModelReply reply = expert.Propose(RequestFor(workload.compiler(), kApplied));
  EXPECT_EQ(reply.proposals.empty(), !reply.error.empty());
  size_t built = 0;
  for (const Proposal& proposal : reply.proposals) {
    const Plan plan{proposal.steps};
    const auto candidate = workload.compiler().Apply(plan);
    ASSERT_TRUE(candidate.ok()) << candidate.error().message << "\n"
                                << candidate.error().context << PrintPlan(plan);
    if (built++ < kBuilt) {
      EXPECT_EQ(workload.Verify(*candidate), "") << PrintPlan(plan);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Workloads, ExpertPlansTest,
    testing::Values(
        "attention:H=2,T=64,D=32", "attention:H=1,T=21,D=10", "conv:C=32,O=32,H=16,W=16",
        "conv:C=7,O=9,H=11,W=13", "conv:C=16,O=32,H=15,W=15,stride=2",
        "conv:C=3,O=16,H=20,W=20,R=7,stride=2,pad=3", "conv:C=32,O=48,H=8,W=8,R=1,pad=0",
        "conv-small:C=4,O=4", "mlp:T=32,H=64,I=96", "mlp:T=7,H=33,I=50", "moe:T=16,E=2,H=48,I=64",
        "moe:T=5,E=3,H=17,I=22", "matmul:M=96,N=96,K=96", "matmul:M=127,N=333,K=77",
        "matmul:M=1,N=1,K=1", "matmul:M=3,N=5,K=7", "matmul:M=64,N=1,K=64", "matmul:M=1,N=64,K=64",
        "matmul:M=30,N=30,K=1", "matmul:M=5,N=100,K=60", "matmul:M=100,N=3,K=96",
        "matmul:M=48,N=48,K=48,dtype=int32", "matmul:M=33,N=20,K=17,dtype=float64",
        "batch-matmul:B=3,M=32,N=48,K=16", "batch-matmul:B=2,M=31,N=45,K=19,ta=1",
        "batch-matmul:B=2,M=32,N=64,K=16,tb=1", "batch-matmul:B=2,M=9,N=21,K=33,ta=1,tb=1",
        "softmax:rows=32,cols=64", "softmax:rows=7,cols=45", "softmax:rows=1,cols=3",
        "layernorm:rows=32,cols=96", "layernorm:rows=5,cols=37", "gemv:M=64,K=96", "gemv:M=37,K=51",
        "matmul:M=40,N=4,K=96"));

TEST(ExpertPlansCoresTest, ParallelPlansComputeTheSame) {
  for (const char* text :
       {"matmul:M=96,N=96,K=96", "matmul:M=40,N=4,K=96", "gemv:M=64,K=96",
        "softmax:rows=32,cols=64", "conv:C=32,O=32,H=16,W=16", "mlp:T=7,H=33,I=50"}) {
    ScheduledWorkload workload(text, 2);
    const ModelReply reply = AnalyticExpert().Propose(RequestFor(workload.compiler(), 2));
    ASSERT_FALSE(reply.proposals.empty()) << text;
    for (const Proposal& proposal : reply.proposals) {
      const Plan plan{proposal.steps};
      EXPECT_NE(PrintPlan(plan).find("parallelize("), std::string::npos) << PrintPlan(plan);
      const auto candidate = workload.compiler().Apply(plan);
      ASSERT_TRUE(candidate.ok()) << candidate.error().message << "\n" << PrintPlan(plan);
      EXPECT_EQ(workload.Verify(*candidate), "") << PrintPlan(plan);
    }
  }
}

}  // namespace
}  // namespace banyan
