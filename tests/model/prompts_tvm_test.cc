// Prompts of the four seed workloads on real TVM: golden files, which do not depend on the machine;
// the worked example and good replies to them apply, build and compute the same.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <string>

#include "base/strings.h"
#include "model/prompt.h"
#include "model/prompt_parts.h"
#include "model/reply.h"
#include "schedule/scheduled_workload.h"
#include "tvm/live_schedule.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

constexpr int64_t kPromptTokens = 24'000;

// A machine of the kind the search is used on; nothing of the one that runs the test.
Target FixedTarget() {
  Target target;
  target.json = R"({"kind": "llvm", "mcpu": "skylake-avx512", "num-cores": 1})";
  target.cpu = "skylake-avx512";
  target.cpu_model = "a server CPU with AVX-512";
  target.cores = 1;
  target.vector_bits = 512;
  target.vector_registers = 32;
  target.fma_units = 2;
  target.l1_bytes = 32 << 10;
  target.l1_ways = 8;
  target.l2_bytes = 1 << 20;
  target.l3_bytes = 0;
  return target;
}

struct Seed {
  const char* name;
  double default_latency_ms;  // made up, of the right size
};

ModelRequest RequestFor(const Seed& seed) {
  auto spec = ParseWorkloadSpec(seed.name);
  auto workload = MakeBuiltinWorkload(*spec);
  EXPECT_TRUE(workload.ok());
  auto schedule = MakeLiveSchedule(workload->module_json, workload->entry);
  EXPECT_TRUE(schedule.ok());
  auto compiler = MakeScheduleCompiler(*workload, FixedTarget(), std::move(schedule).value());
  ModelRequest request;
  request.workload = std::make_shared<const Workload>(compiler->workload());
  request.target = std::make_shared<const Target>(compiler->target());
  auto root = compiler->Root();
  EXPECT_TRUE(root.ok());
  request.root = *root;
  request.leaf = *root;
  request.default_latency_ms = seed.default_latency_ms;
  request.leaf_latency_ms = seed.default_latency_ms;
  request.peak_gflops = 115;
  request.max_proposals = 4;
  request.trials_left = 64;
  request.calls_left = 7;
  request.left.trials = 64;
  request.left.calls = 7;
  request.model = "large";
  for (const auto& [name, role] :
       {std::pair{"large", ModelRole::kStrong}, std::pair{"small", ModelRole::kLight}}) {
    ModelStanding model;
    model.info.name = name;
    model.info.role = role;
    request.pool.push_back(model);
  }
  auto script = compiler->Script(*root);
  EXPECT_TRUE(script.ok());
  request.states.push_back(
      {.script = *script, .trace = "", .score = std::numeric_limits<double>::quiet_NaN()});
  return request;
}

// What docs/prompt.md shows as a good reply is read without a repair, and its plans apply.
TEST(PromptReplyTest, TheGoodReplyApplies) {
  std::ifstream file(fmt::format("{}/tests/model/testdata/reply_mlp.json", BANYAN_SOURCE_DIR));
  std::stringstream text;
  text << file.rdbuf();
  const Seed seed = {"mlp", 1393};
  const ModelReply reply = ParseReply(text.str(), RequestFor(seed));
  EXPECT_EQ(reply.error, "");
  EXPECT_TRUE(reply.notes.empty()) << reply.notes.front();
  EXPECT_GE(reply.proposals.size(), 2u);
  const auto workload = MakeBuiltinWorkload(*ParseWorkloadSpec(seed.name));
  ASSERT_TRUE(workload.ok());
  auto schedule = MakeLiveSchedule(workload->module_json, workload->entry);
  ASSERT_TRUE(schedule.ok());
  const auto compiler = MakeScheduleCompiler(*workload, FixedTarget(), std::move(schedule).value());
  for (const Proposal& proposal : reply.proposals) {
    const auto candidate = compiler->Apply(Plan{proposal.steps});
    EXPECT_TRUE(candidate.ok()) << proposal.reason << ": " << candidate.error().message;
  }
}

class PromptSeedTest : public testing::TestWithParam<Seed> {};

TEST_P(PromptSeedTest, IsTheGoldenOne) {
  const ChatRequest chat = MakePrompt(RequestFor(GetParam()), kPromptTokens, 8192);
  EXPECT_LE(EstimateTokens(chat.system) + EstimateTokens(chat.user), kPromptTokens);
  EXPECT_EQ(chat.user.find("left out for length"), std::string::npos);
  // The system part is in the room's own golden file.
  const std::string path =
      fmt::format("{}/tests/model/testdata/prompt_{}.txt", BANYAN_SOURCE_DIR, GetParam().name);
  if (std::getenv("BANYAN_UPDATE_GOLDENS") != nullptr) {
    std::ofstream(path) << chat.user;
    return;
  }
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  const auto lines = Split(chat.user, '\n');
  const auto expected = Split(golden.str(), '\n');
  for (size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    ASSERT_EQ(i < lines.size() ? lines[i] : "(end)", i < expected.size() ? expected[i] : "(end)")
        << "line " << i + 1 << "; renew " << path
        << " with BANYAN_UPDATE_GOLDENS=1 if the change is meant";
  }
}

INSTANTIATE_TEST_SUITE_P(Workloads, PromptSeedTest,
                         testing::Values(Seed{"attention", 9.2}, Seed{"conv", 633},
                                         Seed{"mlp", 1393}, Seed{"moe", 755}),
                         [](const auto& seed) { return std::string(seed.param.name); });

}  // namespace
}  // namespace banyan
