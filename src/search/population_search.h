#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/actions.h"
#include "search/free_moves.h"
#include "search/search.h"

namespace banyan {

// StrategyConfig::loop = population: an evolutionary search without a model. Rounds of children by
// mutation and crossover of the best plans so far, of which the cost model picks the batch that is
// measured; the first round is random plans.
class PopulationSearch final : public Search {
 public:
  PopulationSearch(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler,
                   LimitsFunction limits)
      : Search(std::move(config), std::move(pool), compiler, std::move(limits)) {}

 private:
  enum class Stage { kBreed, kScores, kMeasure };

  Status Begin() override;
  std::optional<Action> NextWork() override;
  void OnReplied(Call&) override {}
  void OnSettled(const Trial&) override {}
  void OnLearned(NodeId id, double gain) override;
  void OnScores(const ScoresEvent& event) override;
  double ScoreOf(NodeId) const override { return kNoLatency; }
  std::string DumpNode(NodeId) const override { return {}; }

  struct Child {
    FreeMove move;
    NodeId parent = kRoot;
  };

  std::optional<Action> Breed();
  std::optional<Child> MakeChild();
  NodeId Parent(Rng& rng) const;

  std::unique_ptr<Actions> actions_;
  std::unique_ptr<MoveMaker> moves_;
  Stage stage_ = Stage::kBreed;
  std::vector<Child> children_;  // that wait for scores
  std::deque<NodeId> batch_;
  int64_t draws_ = 0;
};

}  // namespace banyan
