// The cost model on made-up programs: rows of features whose costs add up.
#include "cost/xgboost_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "cost/trust.h"
#include "cost/warmup.h"

namespace banyan {
namespace {

constexpr size_t kColumns = 12;

// A program of some stores: its time is the sum over stores of a product of what two columns say;
// the other columns are noise. `scale` makes another workload of it.
CostSample Made(Rng& rng, uint64_t group, double scale = 1) {
  CostSample sample{.features = {}, .log_speedup = 0, .group = group, .failed = false};
  const auto stores = static_cast<size_t>(rng.Between(2, 5));
  double time = 0;
  for (size_t i = 0; i < stores; ++i) {
    std::vector<float> row(kColumns);
    for (float& value : row) value = static_cast<float>(rng.Uniform());
    time += std::exp(2 * row[0]) * (row[1] < 0.3F ? 3 : 1);
    sample.features.push_back(std::move(row));
  }
  sample.log_speedup = -std::log(scale * time);
  return sample;
}

std::vector<CostSample> ManyMade(uint64_t seed, uint64_t group, int count, double scale = 1) {
  Rng rng(seed);
  std::vector<CostSample> samples;
  for (int i = 0; i < count; ++i) samples.push_back(Made(rng, group, scale));
  return samples;
}

std::unique_ptr<CostModel> Model(const XgboostOptions& options = {}) {
  auto model = MakeXgboostModel(options);
  EXPECT_TRUE(model.ok());
  return std::move(model).value();
}

double Tau(CostModel* model, const std::vector<CostSample>& samples) {
  std::vector<Features> candidates;
  std::vector<double> measured;
  for (const CostSample& sample : samples) {
    candidates.push_back(sample.features);
    measured.push_back(sample.log_speedup);
  }
  return KendallTauB(model->Predict(candidates), measured);
}

void Teach(CostModel* model, const std::vector<CostSample>& samples) {
  for (const CostSample& sample : samples) model->Update(sample);
}

TEST(XgboostModelTest, RanksWhatItHasNotSeen) {
  const auto model = Model();
  Teach(model.get(), ManyMade(1, 0, 200));
  EXPECT_GT(Tau(model.get(), ManyMade(2, 0, 100)), 0.3);
  EXPECT_GT(model->trust(), 0.3);
  EXPECT_EQ(model->samples(), 200u);
}

TEST(XgboostModelTest, PredictionsAreSharesOfTheBestSpeed) {
  const auto model = Model();
  const auto samples = ManyMade(1, 0, 100);
  Teach(model.get(), samples);
  double best = -1e9;
  for (const CostSample& sample : samples) best = std::max(best, sample.log_speedup);
  std::vector<double> errors;
  for (const CostSample& sample : ManyMade(2, 0, 100)) {
    const double share = model->Predict({sample.features})[0];
    EXPECT_GT(share, 0);
    EXPECT_LT(share, 1.5);
    errors.push_back(std::abs(std::log(share) - (sample.log_speedup - best)));
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[50], 0.5);
}

TEST(XgboostModelTest, KnowsNothingBeforeItsFirstTraining) {
  const auto model = Model();
  const auto samples = ManyMade(1, 0, 8);
  for (size_t i = 0; i < 7; ++i) model->Update(samples[i]);
  EXPECT_TRUE(std::isnan(model->Predict({samples[0].features})[0]));
  EXPECT_EQ(model->trust(), 0);
  model->Update(samples[7]);
  EXPECT_TRUE(std::isfinite(model->Predict({samples[0].features})[0]));
  EXPECT_EQ(model->trust(), 0);
}

TEST(XgboostModelTest, EqualSamplesGiveEqualBits) {
  const auto a = Model();
  const auto b = Model();
  const auto asked = ManyMade(9, 0, 20);
  for (const CostSample& sample : ManyMade(1, 0, 60)) {
    a->Update(sample);
    b->Update(sample);
    (void)a->Predict({sample.features});  // asking changes nothing
    ASSERT_EQ(a->trust(), b->trust());
  }
  for (const CostSample& sample : asked) {
    ASSERT_EQ(a->Predict({sample.features}), b->Predict({sample.features}));
  }
}

TEST(XgboostModelTest, CandidatesWithoutUsableFeatures) {
  const auto model = Model();
  const auto samples = ManyMade(1, 0, 40);
  Teach(model.get(), samples);
  model->Update({.features = {}, .log_speedup = 1, .group = 0, .failed = false});
  model->Update({.features = {{1, 2}}, .log_speedup = 1, .group = 0, .failed = false});
  EXPECT_EQ(model->samples(), 40u);
  const std::vector<double> values =
      model->Predict({{}, samples[0].features, {{1, 2}}, samples[1].features});
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_TRUE(std::isfinite(values[1]));
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_EQ(values[1], model->Predict({samples[0].features})[0]);  // whatever else was asked
  EXPECT_TRUE(model->Predict({}).empty());
  Features odd = samples[0].features;
  odd[0][3] = std::numeric_limits<float>::infinity();
  odd[1][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isfinite(model->Predict({odd})[0]));
  EXPECT_EQ(model->Predict({{}}).size(), 1u);
}

TEST(XgboostModelTest, NoTrustInNoise) {
  Rng rng(3);
  double sum = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const auto model = Model();
    auto samples = ManyMade(seed, 0, 80);
    for (CostSample& sample : samples) sample.log_speedup = rng.Normal();
    Teach(model.get(), samples);
    sum += model->trust();
  }
  EXPECT_LT(sum / 8, 0.12);
}

TEST(XgboostModelTest, FailuresAreLearntAsTheWorst) {
  const auto model = Model();
  Rng rng(5);
  std::vector<CostSample> asked;
  for (int i = 0; i < 120; ++i) {
    CostSample sample = Made(rng, 0);
    // Programs with a large third column fail.
    sample.features[0][2] = i % 3 == 0 ? 5.0F : 0.0F;
    sample.failed = i % 3 == 0;
    model->Update(sample);
  }
  int right = 0;
  for (int i = 0; i < 50; ++i) {
    CostSample sample = Made(rng, 0);
    Features failing = sample.features;
    sample.features[0][2] = 0.0F;
    failing[0][2] = 5.0F;
    const auto values = model->Predict({sample.features, failing});
    right += values[0] > values[1] ? 1 : 0;
  }
  EXPECT_GE(right, 45);
  EXPECT_GT(model->trust(), 0.1);  // failures are not in it
}

TEST(XgboostModelTest, OnlyFailuresTeachNothing) {
  const auto model = Model();
  for (CostSample sample : ManyMade(1, 0, 20)) {
    sample.failed = true;
    model->Update(sample);
  }
  EXPECT_TRUE(std::isnan(model->Predict({ManyMade(2, 0, 1)[0].features})[0]));
  EXPECT_EQ(model->samples(), 20u);
}

// Other workloads' absolute values differ by a factor of 50, their order follows the same rules.
TEST(XgboostModelTest, PretrainedBeatsCold) {
  std::vector<CostSample> earlier = ManyMade(11, 1, 100, 50);
  for (const CostSample& sample : ManyMade(12, 2, 100, 0.02)) earlier.push_back(sample);
  const auto pretrained = Model();
  pretrained->Pretrain(earlier);
  EXPECT_GT(pretrained->trust(), 0.4);  // one workload ranked the other
  EXPECT_EQ(pretrained->samples(), 0u);
  const auto asked = ManyMade(13, 0, 100);
  EXPECT_GT(Tau(pretrained.get(), asked), 0.3);
  const auto cold = Model();
  Teach(cold.get(), ManyMade(14, 0, 12));
  Teach(pretrained.get(), ManyMade(14, 0, 12));
  EXPECT_GT(Tau(pretrained.get(), asked), Tau(cold.get(), asked) + 0.1);
}

TEST(XgboostModelTest, PretrainingOnNothing) {
  const auto model = Model();
  model->Pretrain({});
  EXPECT_EQ(model->trust(), 0);
  EXPECT_TRUE(std::isnan(model->Predict({ManyMade(1, 0, 1)[0].features})[0]));
  Teach(model.get(), ManyMade(1, 0, 8));
  EXPECT_TRUE(std::isfinite(model->Predict({ManyMade(1, 0, 1)[0].features})[0]));
}

TEST(XgboostModelTest, OptionsOutOfRange) {
  EXPECT_TRUE(CheckXgboostOptions({}).ok());
  XgboostOptions options;
  options.learning_rate = 0;
  const auto model = MakeXgboostModel(options);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(model.error().message.find("learning_rate"), std::string::npos);
  options = {};
  options.growth = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(MakeXgboostModel(options).ok());
  options = {};
  options.depth = 17;
  EXPECT_FALSE(MakeXgboostModel(options).ok());
}

TEST(WarmupTest, RandomUntilEnoughWasMeasured) {
  const auto samples = ManyMade(1, 0, 40);
  const auto a = WithRandomWarmup(Model(), 30, 5);
  const auto b = WithRandomWarmup(Model(), 30, 5);
  const auto other = WithRandomWarmup(Model(), 30, 6);
  Teach(a.get(), {samples.begin(), samples.begin() + 29});
  const std::vector<double> values = a->Predict({samples[30].features, {}, samples[31].features});
  for (const double value : values) {
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
  }
  EXPECT_EQ(values, b->Predict({{}, {}, {}}));
  EXPECT_NE(values, other->Predict({{}, {}, {}}));
  EXPECT_NE(values, a->Predict({{}, {}, {}}));  // drawn anew
  EXPECT_EQ(a->trust(), 0);
  a->Update(samples[29]);
  EXPECT_EQ(a->samples(), 30u);
  const auto plain = Model();
  Teach(plain.get(), {samples.begin(), samples.begin() + 30});
  EXPECT_EQ(a->Predict({samples[30].features}), plain->Predict({samples[30].features}));
  EXPECT_EQ(a->trust(), plain->trust());
}

}  // namespace
}  // namespace banyan
