// The cost model on TVM's own features of random plans. What they measure is made up, so that the
// test does not depend on the machine.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "cost/trust.h"
#include "cost/xgboost_model.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"
#include "tvm/live_schedule.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

std::vector<CostSample> RandomPlans(size_t count) {
  const auto workload = MakeBuiltinWorkload(*ParseWorkloadSpec("mlp:T=16,H=64,I=64"));
  EXPECT_TRUE(workload.ok());
  auto schedule = MakeLiveSchedule(workload->module_json, workload->entry);
  EXPECT_TRUE(schedule.ok());
  const auto compiler = MakeScheduleCompiler(*workload, FakeTarget(), std::move(schedule).value());
  Rng rng(3);
  std::vector<CostSample> samples;
  for (int tries = 0; samples.size() < count && tries < 2000; ++tries) {
    auto candidate = compiler->Root();
    for (int64_t steps = rng.Between(2, 8); steps > 0; --steps) {
      const auto step =
          rng.Pick(AllTransformations())->Sample(*candidate->program, compiler->target(), rng);
      if (!step) continue;
      if (auto next = compiler->Extend(*candidate, {*step}); next.ok()) candidate = next;
    }
    const auto features = compiler->Features(*candidate);
    if (!features.ok()) continue;
    samples.push_back({.features = *features,
                       .log_speedup = -std::log(FakeLatencyMs(*candidate)),
                       .group = 1,
                       .failed = false});
  }
  return samples;
}

TEST(CostModelTvm, LearnsFromRealFeatures) {
  const std::vector<CostSample> samples = RandomPlans(140);
  ASSERT_EQ(samples.size(), 140u);
  EXPECT_EQ(samples[0].features[0].size(), 164u);
  const auto model = MakeXgboostModel();
  ASSERT_TRUE(model.ok());
  std::vector<Features> asked;
  std::vector<double> measured;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (i < 80) {
      (*model)->Update(samples[i]);
    } else {
      asked.push_back(samples[i].features);
      measured.push_back(samples[i].log_speedup);
    }
  }
  const double tau = KendallTauB((*model)->Predict(asked), measured);
  EXPECT_GT(tau, 0.4);
  EXPECT_NEAR((*model)->trust(), tau, 0.35);
}

}  // namespace
}  // namespace banyan
