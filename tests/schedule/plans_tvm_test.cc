// The hand-found schedules of bench/plans apply to their workloads, build, and compute the same.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "schedule/transformation.h"
#include "scheduled_workload.h"

namespace banyan {
namespace {

std::string ReadPlan(const std::string& name) {
  std::ifstream file(std::filesystem::path(BANYAN_SOURCE_DIR) / "bench" / "plans" /
                     (name + ".plan"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class PlanFileTest : public testing::TestWithParam<const char*> {};

TEST_P(PlanFileTest, AppliesAndComputesTheSame) {
  auto plan = ParsePlan(ReadPlan(GetParam()));
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ASSERT_GT(plan->steps.size(), 3u);
  ScheduledWorkload workload(GetParam());
  auto root = workload.compiler().Root();
  ASSERT_TRUE(root.ok());
  auto candidate = workload.compiler().Apply(*plan);
  ASSERT_TRUE(candidate.ok()) << candidate.error().message << "\n" << candidate.error().context;
  EXPECT_NE(candidate->program_hash, root->program_hash);
  EXPECT_EQ(workload.Verify(*candidate), "");
}

// Each prefix is a legal plan of its own: what a search grows step by step, it also can build.
TEST_P(PlanFileTest, GrowsStepByStepToTheSameProgram) {
  auto plan = ParsePlan(ReadPlan(GetParam()));
  ASSERT_TRUE(plan.ok());
  ScheduledWorkload workload(GetParam());
  auto whole = workload.compiler().Apply(*plan);
  ASSERT_TRUE(whole.ok());
  auto candidate = workload.compiler().Root();
  for (const auto& step : plan->steps) {
    ASSERT_TRUE(candidate.ok()) << candidate.error().message;
    candidate = workload.compiler().Extend(*candidate, {step});
  }
  ASSERT_TRUE(candidate.ok()) << candidate.error().message;
  EXPECT_EQ(candidate->program_hash, whole->program_hash);
}

INSTANTIATE_TEST_SUITE_P(Files, PlanFileTest, testing::Values("attention", "conv", "mlp", "moe"));

struct Case {
  const char* name;
  const char* workload;
  const char* plan;
};

class TransformationTvmTest : public testing::TestWithParam<Case> {};

TEST_P(TransformationTvmTest, ComputesTheSame) {
  auto plan = ParsePlan(GetParam().plan);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ScheduledWorkload workload(GetParam().workload);
  auto root = workload.compiler().Root();
  ASSERT_TRUE(root.ok());
  auto candidate = workload.compiler().Apply(*plan);
  ASSERT_TRUE(candidate.ok()) << candidate.error().message << "\n" << candidate.error().context;
  EXPECT_NE(candidate->program_hash, root->program_hash);
  EXPECT_EQ(workload.Verify(*candidate), "");
}

constexpr char kMatmul[] = "matmul:M=32,N=64,K=48";
constexpr char kOdd[] = "matmul:M=13,N=37,K=11";
constexpr char kMlp[] = "mlp:T=16,H=32,I=64";
constexpr char kConv[] = "conv:C=8,H=8,W=16,O=8";

INSTANTIATE_TEST_SUITE_P(
    Each, TransformationTvmTest,
    testing::Values(
        Case{"tile", kMatmul,
             "tile(block=C, factors={i: [2, 4], j: [16], k: [4]}, order=[i.0, j.0, k.0, i.1, k.1, "
             "i.2, j.1])"},
        Case{"tile_odd", kOdd,
             "tile(block=C, factors={i: [4], j: [16], k: [2]}, order=[i.0, j.0, k.0, k.1, i.1, "
             "j.1])"},
        Case{"pack", kMatmul,
             "tile(block=C, factors={j: [16]}, order=[j.0, i, k, j.1])\npack(block=C, buffer=B, "
             "at=j.0)\nvectorize(loop=B_pack.v1)"},
        Case{"pack_map", kMatmul, "pack(block=C, buffer=B, map=[d1/16, d0, d1%16], name=panel)"},
        Case{"pack_pad", kOdd, "pack(block=C, buffer=B, map=[d1/16, d0, d1%16], pad=true)"},
        Case{"accumulate", kMatmul,
             "tile(block=C, factors={j: [16]}, order=[i, j.0, k, j.1])\naccumulate(block=C, "
             "at=j.0, init=k)"},
        Case{"accumulate_init", kMatmul, "accumulate(block=C, init=j)"},
        Case{"accumulate_init_in_order_of_memory", kMatmul,
             "tile(block=C, factors={i: [2], j: [16], k: [4]}, order=[k.0, j.0, i.0, k.1, i.1, "
             "j.1])\nvectorize(loop=C.j.1)\nunroll(loop=C.i.1)\naccumulate(block=C, init=k.0)"},
        Case{"fuse_producer", kMlp,
             "fuse_producer(block=gated, at=O.t)\nfuse_producer(block=up, at=O.t)"},
        Case{"fuse_consumer", kConv, "fuse_consumer(block=O, at=conv.oc)"},
        Case{"fuse_without_unit_loops", kMlp,
             "fuse_producer(block=gated, at=O.t, keep_unit_loops=false)"},
        Case{"inline", kMlp, "inline(block=gated)"},
        Case{"vectorize", kMatmul,
             "reorder(block=C, order=[k, j])\ntile(block=C, factors={j: "
             "[16]})\nvectorize(loop=C.j.1)"},
        Case{"unroll", kMatmul, "tile(block=C, factors={k: [4]})\nunroll(loop=C.k.1)"},
        Case{"fuse_loops", kMatmul,
             "fuse_loops(loops=[C.i, C.j])\ntile(block=C, factors={i*j: [16]})"},
        Case{"reorder", kMatmul, "reorder(block=C, order=[k, i, j])"},
        Case{"padding_split_off", kConv, "padding(block=pad, at=c)"},
        Case{"padding_operands", kOdd,
             "padding(block=C, mode=pad_operands, multiples={i: 4, j: 16})"},
        Case{"rfactor", kMatmul, "tile(block=C, factors={k: [4]})\nrfactor(loop=C.k.1)"},
        Case{"rfactor_last", kMatmul,
             "tile(block=C, factors={k: [4]})\nrfactor(loop=C.k.1, axis=2, name=part)"},
        Case{"layout", kMlp, "layout(block=gated, map=[d0/8, d1/16, d0%8, d1%16])"},
        Case{"layout_scope", kMlp,
             "fuse_producer(block=gated, at=O.t)\nlayout(block=gated, scope=local)"},
        Case{"primitive", kMatmul,
             "primitive(name=Annotate, args=[C.i, pragma_auto_unroll_max_step, 16])"}),
    [](const auto& test) { return std::string(test.param.name); });

// Random legal plans: whatever applies must build and compute the same, and what Check lets pass
// should mostly apply.
class RandomPlanTvmTest : public testing::TestWithParam<const char*> {};

TEST_P(RandomPlanTvmTest, RandomLegalPlansComputeTheSame) {
  ScheduledWorkload workload(GetParam());
  Compiler& compiler = workload.compiler();
  const char* walks_text = std::getenv("BANYAN_TEST_WALKS");  // more for a long night
  const int walks = walks_text != nullptr ? std::atoi(walks_text) : 3;
  std::map<std::string, std::pair<int, int>> tried;  // by transformation: applied, refused by TVM
  std::map<std::string, std::string> reasons;
  for (int walk = 0; walk < walks; ++walk) {
    Rng rng(7, "walk", static_cast<uint64_t>(walk));
    auto at = compiler.Root();
    ASSERT_TRUE(at.ok());
    for (int depth = 0; depth < 8; ++depth) {
      auto step = SampleStep(*at->program, compiler.target(), rng);
      if (!step) break;
      auto next = compiler.Extend(*at, {*step});
      ++(next.ok() ? tried[step->op].first : tried[step->op].second);
      if (next.ok()) {
        at = std::move(next);
      } else {
        EXPECT_EQ(next.error().code, ErrorCode::kIllegalStep) << next.error().message;
        reasons[step->op] = next.error().message;
      }
    }
    EXPECT_EQ(workload.Verify(*at), "") << PrintPlan(at->plan);
  }
  int applied = 0;
  int refused = 0;
  for (const auto& [op, counts] : tried) {
    applied += counts.first;
    refused += counts.second;
    RecordProperty(op, std::to_string(counts.first) + " applied, " + std::to_string(counts.second) +
                           " refused: " + reasons[op]);
    if (std::getenv("BANYAN_TEST_WALKS") != nullptr) {
      printf("%-14s %4d applied %4d refused  %s\n", op.c_str(), counts.first, counts.second,
             reasons[op].c_str());
    }
  }
  EXPECT_GE(applied, refused);
}

INSTANTIATE_TEST_SUITE_P(Workloads, RandomPlanTvmTest,
                         testing::Values("matmul:M=32,N=64,K=48", "matmul:M=13,N=37,K=11",
                                         "mlp:T=16,H=32,I=64", "conv:C=8,H=8,W=16,O=8",
                                         "softmax:rows=32,cols=64", "attention:H=2,T=32,D=16",
                                         "layernorm:rows=16,cols=48"));

}  // namespace
}  // namespace banyan
