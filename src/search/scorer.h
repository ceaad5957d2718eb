#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>

#include "cost/cost_model.h"
#include "schedule/compiler.h"
#include "search/event.h"
#include "search/search.h"

namespace banyan {

// Answers the search's questions to the cost model, and teaches it what was measured. On the
// driver's thread: what it says is journalled, so that a replay needs neither features nor model.
class Scorer {
 public:
  // Both borrowed; `model` nullptr: every score is NaN, trust 0.
  Scorer(Compiler* compiler, CostModel* model) : compiler_(compiler), model_(model) {}

  bool learns() const { return model_ != nullptr; }
  ScoresEvent Answer(const ScoreCandidates& question);
  // What earlier runs measured; before the first question.
  void Pretrain(const std::vector<CostSample>& samples);
  // Gives back the features it learnt from; none: there are none, or no model.
  Features Learn(const Candidate& candidate, double log_speedup);

 private:
  Features FeaturesOf(const Candidate& candidate);

  Compiler* compiler_;
  CostModel* model_;
  std::unordered_map<uint64_t, double> predicted_;  // by program: what was said last
};

}  // namespace banyan
