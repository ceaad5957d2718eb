#pragma once

#include <optional>

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
  Scorer(Compiler* compiler, CostModel* model) : compiler_(compiler), model_(model) {}

  bool learns() const { return model_ != nullptr; }
  ScoresEvent Answer(const ScoreCandidates& question);
  // `log_speedup` nullopt: the trial failed.
  void Learn(const Candidate& candidate, std::optional<double> log_speedup);

 private:
  Features FeaturesOf(const Candidate& candidate);

  Compiler* compiler_;
  CostModel* model_;
};

}  // namespace banyan
