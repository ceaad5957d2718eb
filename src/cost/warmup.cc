#include "cost/warmup.h"

#include <utility>

#include "base/rng.h"

namespace banyan {
namespace {

class RandomWarmup final : public CostModel {
 public:
  RandomWarmup(std::unique_ptr<CostModel> model, size_t warmup, uint64_t seed)
      : model_(std::move(model)), warmup_(warmup), rng_(seed, "cost model warm-up") {}

  std::vector<double> Predict(const std::vector<Features>& candidates) override {
    if (!warming()) return model_->Predict(candidates);
    std::vector<double> values(candidates.size());
    for (double& value : values) value = rng_.Uniform();
    return values;
  }
  void Update(const CostSample& sample) override { model_->Update(sample); }
  void Pretrain(const std::vector<CostSample>& samples) override { model_->Pretrain(samples); }
  double trust() const override { return warming() ? 0 : model_->trust(); }
  size_t samples() const override { return model_->samples(); }

 private:
  bool warming() const { return model_->samples() < warmup_; }

  const std::unique_ptr<CostModel> model_;
  const size_t warmup_;
  Rng rng_;
};

}  // namespace

std::unique_ptr<CostModel> WithRandomWarmup(std::unique_ptr<CostModel> model, size_t warmup,
                                            uint64_t seed) {
  if (warmup == 0) return model;
  return std::make_unique<RandomWarmup>(std::move(model), warmup, seed);
}

}  // namespace banyan
