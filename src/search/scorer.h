#pragma once

#include <optional>

#include "base/bounded_map.h"
#include "cost/cost_model.h"
#include "schedule/compiler.h"
#include "search/event.h"
#include "search/search.h"

namespace banyan {

// CostSample::group of what is measured of a workload on a target.
uint64_t CostGroup(const Workload& workload, const Target& target);

// Answers the search's questions to the cost model, and teaches it what was measured. On the
// driver's thread: what it says is journalled, so that a replay needs neither features nor model.
class Scorer {
 public:
  // Both borrowed; `model` nullptr: every score is NaN, trust 0.
  Scorer(Compiler* compiler, CostModel* model);

  bool learns() const { return model_ != nullptr; }
  ScoresEvent Answer(const ScoreCandidates& question);
  // What earlier runs measured; before the first question.
  void Pretrain(const std::vector<CostSample>& samples);
  // `log_speedup` nullopt: the trial failed. Gives back the features it learnt from; none: there
  // are none, or no model.
  Features Learn(const Candidate& candidate, std::optional<double> log_speedup);

 private:
  const Features& FeaturesOf(const Candidate& candidate);

  Compiler* compiler_;
  CostModel* model_;
  // By program hash: the best plans are asked about again and again.
  BoundedMap<uint64_t, Features> known_;
};

}  // namespace banyan
