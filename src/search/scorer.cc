#include "search/scorer.h"

#include <utility>

#include "base/hash.h"
#include "base/numbers.h"

namespace banyan {
namespace {

constexpr size_t kKnown = 1024;  // programs; some 20 KB each

}  // namespace

Scorer::Scorer(Compiler* compiler, CostModel* model)
    : compiler_(compiler), model_(model), known_(kKnown) {}

const Features& Scorer::FeaturesOf(const Candidate& candidate) {
  if (const Features* known = known_.Find(candidate.program_hash)) return *known;
  auto features = compiler_->Features(candidate);
  return known_.Put(candidate.program_hash,
                    features.ok() ? std::move(features).value() : Features());
}

ScoresEvent Scorer::Answer(const ScoreCandidates& question) {
  ScoresEvent event;
  event.ticket = question.ticket;
  event.scores.assign(question.candidates.size(), kNaN);
  if (model_ == nullptr) return event;
  std::vector<Features> features;
  std::vector<size_t> places;
  for (size_t i = 0; i < question.candidates.size(); ++i) {
    const Features& found = FeaturesOf(question.candidates[i]);
    if (found.empty()) continue;
    features.push_back(found);
    places.push_back(i);
  }
  const std::vector<double> scores = model_->Predict(features);
  for (size_t i = 0; i < places.size() && i < scores.size(); ++i) {
    event.scores[places[i]] = scores[i];
  }
  event.trust = model_->trust();
  return event;
}

void Scorer::Pretrain(const std::vector<CostSample>& samples) {
  if (model_ != nullptr && !samples.empty()) model_->Pretrain(samples);
}

Features Scorer::Learn(const Candidate& candidate, std::optional<double> log_speedup) {
  if (model_ == nullptr) return {};
  const Features& features = FeaturesOf(candidate);
  if (features.empty()) return {};
  model_->Update({.features = features,
                  .log_speedup = log_speedup.value_or(0),
                  .group = CostGroup(compiler_->workload(), compiler_->target()),
                  .failed = !log_speedup});
  return features;
}

uint64_t CostGroup(const Workload& workload, const Target& target) {
  return HashCombine(workload.hash, target.fingerprint);
}

}  // namespace banyan
