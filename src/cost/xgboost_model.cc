#include "cost/xgboost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "cost/booster.h"
#include "cost/trust.h"

namespace banyan {
namespace {

constexpr size_t kHeldOutGroups = 4;  // at most, to find out how far earlier runs carry
constexpr size_t kMinHeldOut = 5;     // samples of a group that is held out
constexpr size_t kStretch = 16;       // samples of it that are ranked at a time

std::ptrdiff_t Signed(size_t size) { return static_cast<std::ptrdiff_t>(size); }

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

double Value(const CostSample& sample, const GroupScale& scale) {
  return sample.failed ? scale.worst : sample.log_speedup;
}

// Of least squares, y over x (of that mean), kept in [0, 1].
double Slope(const std::vector<double>& x, double mean, const std::vector<double>& y) {
  double xx = 0;
  double xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean) * (x[i] - mean);
    xy += (x[i] - mean) * y[i];
  }
  return xx > 0 ? std::clamp(xy / xx, 0.0, 1.0) : 0;
}

// Adds a candidate's rows. TVM's features are finite; what is not is taken for missing.
void Append(const Features& features, PackedRows* rows) {
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
    if (run_.empty()) UseGroup(sample.group);
    // What is not learnt yet is what tells whether to believe it.
    if (!sample.failed) trust_.Add(PredictLogSpeedup({sample.features})[0], sample.log_speedup);
    run_.push_back(sample);
    if (run_.size() < next_training_) return;
    TrainOnRun();
    const double next = std::ceil(static_cast<double>(run_.size()) * options_.growth);
    next_training_ = std::max(run_.size() + 1, static_cast<size_t>(next));
  }

  void Pretrain(const std::vector<CostSample>& samples) override {
    std::vector<const CostSample*> usable;
    for (const CostSample& sample : samples) {
      if (usable.size() >= static_cast<size_t>(options_.max_samples)) break;
      if (Usable(sample)) usable.push_back(&sample);
    }
    earlier_scales_ = ScalesOf(usable);
    auto booster = FitGroups(usable, earlier_scales_);
    if (!booster.ok()) return;
    base_ = std::move(booster).value();
    trust_.SetPrior(HeldOutTau(usable));
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
    return columns_ > 0 && HasColumns(sample.features, columns_);
  }

  // Before this run has a model of its own, values lie where earlier runs' of its group did.
  void UseGroup(uint64_t group) {
    const auto scale = earlier_scales_.find(group);
    if (scale != earlier_scales_.end()) scale_ = scale->second;
  }

  // NaN where there are no features, or no model yet.
  std::vector<double> PredictLogSpeedup(const std::vector<Features>& candidates) const {
    std::vector<double> values(candidates.size(), kNaN);
    if (base_ == nullptr && own_ == nullptr) return values;
    PackedRows rows = Empty();
    std::vector<size_t> places;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!HasColumns(candidates[i], columns_)) continue;
      Append(candidates[i], &rows);
      places.push_back(i);
    }
    std::vector<double> sums(places.size(), scale_.mean - base_slope_ * base_mean_);
    const std::pair<const Booster*, double> parts[] = {{base_.get(), base_slope_},
                                                       {own_.get(), 1.0}};
    for (const auto& [booster, factor] : parts) {
      if (booster == nullptr) continue;
      const auto predicted = booster->Predict(rows);
      if (!predicted.ok()) return values;
      for (size_t i = 0; i < places.size(); ++i) sums[i] += factor * (*predicted)[i];
    }
    for (size_t i = 0; i < places.size(); ++i) values[places[i]] = sums[i];
    return values;
  }

  PackedRows Empty() const { return {.columns = columns_, .values = {}, .starts = {0}}; }

  BoosterOptions ForBooster() const {
    return {.trees = options_.trees,
            .depth = options_.depth,
            .learning_rate = options_.learning_rate,
            .column_share = options_.column_share,
            .bins = options_.bins,
            .min_split_gain = options_.min_split_gain,
            .min_child_weight = options_.min_child_weight,
            .l2 = options_.l2,
            .seed = options_.seed};
  }

  // Several groups, each over its own mean.
  Result<std::unique_ptr<Booster>> FitGroups(const std::vector<const CostSample*>& samples,
                                             const Scales& scales) const {
    PackedRows rows = Empty();
    std::vector<double> targets;
    for (const CostSample* sample : samples) {
      const auto scale = scales.find(sample->group);
      if (scale == scales.end()) continue;  // failures alone: nothing to compare with
      Append(sample->features, &rows);
      targets.push_back(Value(*sample, scale->second) - scale->second.mean);
    }
    if (targets.empty()) return NotFound("nothing was measured");
    return Booster::Train(rows, targets, ForBooster());
  }

  // This run's measurements, the last ones if there are too many; where there are earlier runs,
  // what their model does not explain.
  void TrainOnRun() {
    const size_t count = std::min(run_.size(), static_cast<size_t>(options_.max_samples));
    std::vector<const CostSample*> samples;
    for (size_t i = run_.size() - count; i < run_.size(); ++i) samples.push_back(&run_[i]);
    const Scales scales = ScalesOf(samples);
    const auto scale = scales.find(run_.back().group);
    if (scale == scales.end()) return;
    PackedRows rows = Empty();
    for (const CostSample* sample : samples) Append(sample->features, &rows);
    std::vector<double> explained(samples.size(), 0.0);
    if (base_ != nullptr) {
      auto predicted = base_->Predict(rows);
      if (!predicted.ok()) return;  // the old one, if any, goes on
      explained = std::move(predicted).value();
    }
    std::vector<double> targets;
    for (const CostSample* sample : samples) {
      targets.push_back(Value(*sample, scale->second) - scale->second.mean);
    }
    const double mean =
        std::accumulate(explained.begin(), explained.end(), 0.0) / static_cast<double>(count);
    const double slope = base_ == nullptr ? 0 : Slope(explained, mean, targets);
    for (size_t i = 0; i < count; ++i) targets[i] -= slope * (explained[i] - mean);
    auto booster = Booster::Train(rows, targets, ForBooster());
    if (!booster.ok()) return;
    own_ = std::move(booster).value();
    scale_ = scale->second;
    base_mean_ = mean;
    base_slope_ = slope;
  }

  // How well other groups' samples rank a group they do not hold: the mean over the first few
  // groups that have enough. NaN: there are not two groups.
  double HeldOutTau(const std::vector<const CostSample*>& samples) const {
    std::vector<std::pair<uint64_t, size_t>> groups;  // in order of relevance, and their sizes
    for (const CostSample* sample : samples) {
      auto found = std::find_if(groups.begin(), groups.end(),
                                [&](const auto& g) { return g.first == sample->group; });
      if (found == groups.end()) found = groups.insert(groups.end(), {sample->group, 0});
      found->second += sample->failed ? 0 : 1;
    }
    if (groups.size() < 2) return kNaN;
    double sum = 0;
    size_t count = 0;
    for (const auto& [group, size] : groups) {
      if (size < kMinHeldOut || count == kHeldOutGroups) continue;
      sum += HeldOutTau(samples, group);
      ++count;
    }
    return count == 0 ? kNaN : sum / static_cast<double>(count);
  }

  // Over stretches of consecutive samples: what a run chooses among at a time is of one kind, and
  // harder to rank than all that was ever measured.
  double HeldOutTau(const std::vector<const CostSample*>& samples, uint64_t group) const {
    std::vector<const CostSample*> others;
    PackedRows rows = Empty();
    std::vector<double> measured;
    for (const CostSample* sample : samples) {
      if (sample->group != group) {
        others.push_back(sample);
      } else if (!sample->failed) {
        Append(sample->features, &rows);
        measured.push_back(sample->log_speedup);
      }
    }
    const auto booster = FitGroups(others, ScalesOf(others));
    if (!booster.ok()) return 0;
    const auto predicted = (*booster)->Predict(rows);
    if (!predicted.ok()) return 0;
    double sum = 0;
    double count = 0;
    for (size_t i = 0; i + kMinHeldOut <= measured.size(); i += kStretch) {
      const size_t end = std::min(i + kStretch, measured.size());
      const double tau =
          KendallTauB({predicted->begin() + Signed(i), predicted->begin() + Signed(end)},
                      {measured.begin() + Signed(i), measured.begin() + Signed(end)});
      sum += std::isnan(tau) ? 0 : tau;
      ++count;
    }
    return count > 0 ? sum / count : 0;
  }

  const XgboostOptions options_;
  size_t columns_ = 0;
  Scales earlier_scales_;
  std::unique_ptr<Booster> base_;  // of earlier runs; may be null
  std::vector<CostSample> run_;
  size_t next_training_ = static_cast<size_t>(options_.first_training);
  std::unique_ptr<Booster> own_;  // of this run, on top of the base
  GroupScale scale_;              // of what was measured in this run when it was trained
  double base_mean_ = 0;          // what the base predicts of that, on average
  double base_slope_ = 1;         // how much of the base's differences came true, [0, 1]
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
      {"column_share", options.column_share, 1e-6, 1},
      {"bins", static_cast<double>(options.bins), 2, 256},
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
