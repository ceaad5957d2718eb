#include "cost/xgboost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "cost/booster.h"
#include "cost/trust.h"

namespace banyan {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kHeldOutGroups = 4;  // at most, to find out how far earlier runs carry
constexpr size_t kMinHeldOut = 5;     // samples of a group that is held out

// What may be compared with what, and where its values lie.
struct GroupScale {
  double mean = 0;  // of the log-speedups that were measured
  double best = 0;
  double worst = 0;  // what a failure counts as
};
using Scales = std::map<uint64_t, GroupScale>;

Scales ScalesOf(const std::vector<const CostSample*>& samples) {
  Scales scales;
  std::map<uint64_t, double> counts;
  for (const CostSample* sample : samples) {
    if (sample->failed) continue;
    const double value = sample->log_speedup;
    const auto [it, first] = scales.try_emplace(sample->group, GroupScale{0, value, value});
    it->second.best = std::max(it->second.best, value);
    it->second.worst = std::min(it->second.worst, value);
    it->second.mean += value;
    ++counts[sample->group];
  }
  for (auto& [group, scale] : scales) scale.mean /= counts[group];
  return scales;
}

// Adds a candidate's rows. TVM's features are finite; what is not is taken for missing.
void Append(const Features& features, PackedRows* rows) {
  if (rows->starts.empty()) rows->starts.push_back(0);
  for (const std::vector<float>& row : features) {
    for (const float value : row) {
      rows->values.push_back(std::isfinite(value) ? value
                                                  : std::numeric_limits<float>::quiet_NaN());
    }
  }
  rows->starts.push_back(rows->starts.back() + features.size());
}

bool HasColumns(const Features& features, size_t columns) {
  return !features.empty() && std::all_of(features.begin(), features.end(),
                                          [&](const auto& row) { return row.size() == columns; });
}

class XgboostModel final : public CostModel {
 public:
  explicit XgboostModel(const XgboostOptions& options) : options_(options) {}

  std::vector<double> Predict(const std::vector<Features>& candidates) override {
    std::vector<double> values = PredictLogSpeedup(candidates);
    for (double& value : values) value = std::exp(value - scale_.best);
    return values;
  }

  void Update(const CostSample& sample) override {
    if (!Usable(sample)) return;
    group_ = sample.group;
    // What is not learnt yet is what tells whether to believe it.
    if (!sample.failed) trust_.Add(PredictLogSpeedup({sample.features})[0], sample.log_speedup);
    run_.push_back(sample);
    if (run_.size() < next_training_) return;
    Train();
    next_training_ = NextTraining(run_.size());
  }

  void Pretrain(const std::vector<CostSample>& samples) override {
    for (const CostSample& sample : samples) {
      if (Usable(sample)) earlier_.push_back(sample);
    }
    const auto limit = static_cast<size_t>(options_.max_samples);
    if (earlier_.size() > limit) {
      earlier_.erase(earlier_.begin(), earlier_.end() - static_cast<std::ptrdiff_t>(limit));
    }
    trust_.SetPrior(HeldOutTau());
    Train();
  }

  double trust() const override { return trust_.value(); }
  size_t samples() const override { return run_.size(); }

 private:
  // The first usable sample decides how many columns there are.
  bool Usable(const CostSample& sample) {
    if (sample.features.empty() || (!sample.failed && !std::isfinite(sample.log_speedup))) {
      return false;
    }
    if (columns_ == 0) columns_ = sample.features[0].size();
    return HasColumns(sample.features, columns_);
  }

  size_t NextTraining(size_t count) const {
    const double next = std::ceil(static_cast<double>(count) * options_.growth);
    return std::max(count + 1, static_cast<size_t>(next));
  }

  // NaN where there are no features, or no model yet.
  std::vector<double> PredictLogSpeedup(const std::vector<Features>& candidates) const {
    std::vector<double> values(candidates.size(), kNaN);
    if (booster_ == nullptr) return values;
    PackedRows rows{.columns = columns_, .values = {}, .starts = {}};
    std::vector<size_t> places;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!HasColumns(candidates[i], columns_)) continue;
      Append(candidates[i], &rows);
      places.push_back(i);
    }
    const auto predicted = booster_->Predict(rows);
    if (!predicted.ok()) return values;
    for (size_t i = 0; i < places.size(); ++i) values[places[i]] = (*predicted)[i] + scale_.mean;
    return values;
  }

  Result<std::unique_ptr<Booster>> Fit(const std::vector<const CostSample*>& samples,
                                       const Scales& scales) const {
    PackedRows rows{.columns = columns_, .values = {}, .starts = {}};
    std::vector<double> targets;
    for (const CostSample* sample : samples) {
      const auto scale = scales.find(sample->group);
      if (scale == scales.end()) continue;  // failures alone: nothing to compare with
      Append(sample->features, &rows);
      targets.push_back((sample->failed ? scale->second.worst : sample->log_speedup) -
                        scale->second.mean);
    }
    if (targets.empty()) return NotFound("nothing was measured");
    return Booster::Train(rows, targets, std::vector<double>(targets.size(), 1.0),
                          {.trees = options_.trees,
                           .depth = options_.depth,
                           .learning_rate = options_.learning_rate,
                           .min_split_gain = options_.min_split_gain,
                           .min_child_weight = options_.min_child_weight,
                           .l2 = options_.l2,
                           .seed = options_.seed});
  }

  // This run's samples, the last ones if there are too many, and as many of earlier runs' as fit.
  std::vector<const CostSample*> TrainingSet() const {
    const auto limit = static_cast<size_t>(options_.max_samples);
    const size_t own = std::min(run_.size(), limit);
    const size_t earlier = std::min(earlier_.size(), limit - own);
    std::vector<const CostSample*> samples;
    for (size_t i = earlier_.size() - earlier; i < earlier_.size(); ++i) {
      samples.push_back(&earlier_[i]);
    }
    for (size_t i = run_.size() - own; i < run_.size(); ++i) samples.push_back(&run_[i]);
    return samples;
  }

  void Train() {
    const std::vector<const CostSample*> samples = TrainingSet();
    const Scales scales = ScalesOf(samples);
    auto booster = Fit(samples, scales);
    if (!booster.ok()) return;  // the old one, if any, goes on
    booster_ = std::move(booster).value();
    const auto scale = scales.find(group_);
    scale_ = scale == scales.end() ? GroupScale() : scale->second;
  }

  // How well other groups' samples rank a group they do not hold: the mean over the largest groups.
  // NaN: there are not two groups.
  double HeldOutTau() const {
    std::map<uint64_t, size_t> counts;
    for (const CostSample& sample : earlier_) {
      if (!sample.failed) ++counts[sample.group];
    }
    std::vector<std::pair<size_t, uint64_t>> groups;
    for (const auto& [group, count] : counts) {
      if (count >= kMinHeldOut) groups.emplace_back(count, group);
    }
    if (groups.size() < 2) return kNaN;
    std::sort(groups.rbegin(), groups.rend());
    groups.resize(std::min(groups.size(), kHeldOutGroups));
    double sum = 0;
    for (const auto& [count, group] : groups) sum += HeldOutTau(group);
    return sum / static_cast<double>(groups.size());
  }

  double HeldOutTau(uint64_t group) const {
    std::vector<const CostSample*> rest;
    PackedRows rows{.columns = columns_, .values = {}, .starts = {}};
    std::vector<double> measured;
    for (const CostSample& sample : earlier_) {
      if (sample.group != group) {
        rest.push_back(&sample);
      } else if (!sample.failed) {
        Append(sample.features, &rows);
        measured.push_back(sample.log_speedup);
      }
    }
    const auto booster = Fit(rest, ScalesOf(rest));
    if (!booster.ok()) return 0;
    const auto predicted = (*booster)->Predict(rows);
    if (!predicted.ok()) return 0;
    const double tau = KendallTauB(*predicted, measured);
    return std::isnan(tau) ? 0 : tau;
  }

  const XgboostOptions options_;
  std::vector<CostSample> earlier_;
  std::vector<CostSample> run_;
  uint64_t group_ = 0;  // of the last measurement
  size_t columns_ = 0;
  size_t next_training_ = static_cast<size_t>(options_.first_training);
  std::unique_ptr<Booster> booster_;
  GroupScale scale_;  // of the run's group when the booster was trained
  Trust trust_;
};

}  // namespace

Status CheckXgboostOptions(const XgboostOptions& options) {
  const struct {
    const char* name;
    double value, low, high;
  } fields[] = {
      {"trees", static_cast<double>(options.trees), 1, 2000},
      {"depth", static_cast<double>(options.depth), 1, 16},
      {"learning_rate", options.learning_rate, 1e-6, 1},
      {"min_split_gain", options.min_split_gain, 0, 1e6},
      {"min_child_weight", options.min_child_weight, 0, 1e6},
      {"l2", options.l2, 0, 1e6},
      {"first_training", static_cast<double>(options.first_training), 2, 1e6},
      {"growth", options.growth, 1, 100},
      {"max_samples", static_cast<double>(options.max_samples), 16, 1e6},
  };
  for (const auto& field : fields) {
    if (field.value >= field.low && field.value <= field.high) continue;  // false for NaN
    return InvalidArgument(fmt::format("cost model: {} is {}, allowed: {} to {}", field.name,
                                       field.value, field.low, field.high));
  }
  return Ok{};
}

Result<std::unique_ptr<CostModel>> MakeXgboostModel(const XgboostOptions& options) {
  BANYAN_RETURN_IF_ERROR(CheckXgboostOptions(options));
  return std::unique_ptr<CostModel>(std::make_unique<XgboostModel>(options));
}

}  // namespace banyan
