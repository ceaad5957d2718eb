#include "search/population_search.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

namespace banyan {
namespace {

constexpr int kChildrenPerTrial = 4;  // bred, of which the cost model picks
constexpr int kChildTries = 6;        // for one child
constexpr size_t kPopulation = 32;    // best plans that breed
constexpr double kMateChance = 0.25;

}  // namespace

Status PopulationSearch::Begin() {
  actions_ = MakeActions(ActionSpace::kPlan, compiler_, {});
  moves_ = std::make_unique<MoveMaker>(compiler_, [this](const Candidate& candidate) {
    return tree_->FindProgram(candidate.program_hash) != kNoNode;
  });
  return Ok{};
}

std::optional<Action> PopulationSearch::NextWork() {
  while (true) {
    if (stage_ == Stage::kScores) return std::nullopt;
    if (stage_ == Stage::kBreed) return Breed();
    while (!batch_.empty() && SlotFree()) {
      const NodeId id = batch_.front();
      batch_.pop_front();
      if (auto trial = StartTrial(tree_->PathTo(id))) return *std::move(trial);
    }
    if (TrialsLeft() == 0 || trials_in_flight_ > 0 || !batch_.empty()) return std::nullopt;
    stage_ = Stage::kBreed;
  }
}

std::optional<Action> PopulationSearch::Breed() {
  const int wanted = config_.strategy.trials_per_round * kChildrenPerTrial;
  children_.clear();
  std::unordered_set<uint64_t> seen;
  std::vector<Candidate> candidates;
  for (int i = 0; i < wanted; ++i) {
    auto child = MakeChild();
    if (!child || !seen.insert(child->move.candidate.program_hash).second) continue;
    candidates.push_back(child->move.candidate);
    children_.push_back(*std::move(child));
  }
  if (candidates.empty()) return std::nullopt;  // nothing is left to try
  stage_ = Stage::kScores;
  return AskScores(std::move(candidates));
}

// By rank: the best of n parents breeds 1/1, the next 1/2, ...
NodeId PopulationSearch::Parent(Rng& rng) const {
  const size_t count = std::min(ranking_.size(), kPopulation);
  double total = 0;
  for (size_t i = 0; i < count; ++i) total += 1 / static_cast<double>(i + 1);
  double mark = rng.Uniform() * total;
  for (size_t i = 0; i < count; ++i) {
    mark -= 1 / static_cast<double>(i + 1);
    if (mark < 0) return trials_[ranking_[i] - 1].node;
  }
  return trials_[ranking_[count - 1] - 1].node;
}

std::optional<PopulationSearch::Child> PopulationSearch::MakeChild() {
  for (int i = 0; i < kChildTries; ++i) {
    Rng rng(config_.seed, "breed", static_cast<uint64_t>(draws_++));
    if (ranking_.empty()) {
      auto sample = actions_->Sample(root_, rng);
      if (!sample.ok() || tree_->FindProgram(sample->program_hash) != kNoNode) continue;
      return Child{.move = {.candidate = *std::move(sample), .origin = "sample"}, .parent = kRoot};
    }
    const NodeId parent = Parent(rng);
    const Plan plan = tree_->PlanOf(parent);
    std::optional<FreeMove> move;
    if (config_.strategy.crossover && rng.Chance(kMateChance)) {
      const NodeId partner = Parent(rng);
      if (partner != parent) move = moves_->Cross(plan, tree_->PlanOf(partner), rng);
    }
    bool exhausted = false;
    if (!move && config_.strategy.mutation) move = moves_->Mutate(plan, rng, &exhausted);
    if (!move) move = moves_->Sample(root_, rng);
    if (move) return Child{.move = *std::move(move), .parent = parent};
  }
  return std::nullopt;
}

void PopulationSearch::OnScores(const ScoresEvent& event) {
  if (stage_ != Stage::kScores) return;
  std::vector<size_t> order(children_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Untrusted predictions have no say: the order in which children were bred is random.
  if (event.trust > 0) {
    std::stable_sort(order.begin(), order.end(),
                     [&event](size_t a, size_t b) { return event.scores[a] > event.scores[b]; });
  }
  const size_t count =
      std::min(order.size(), static_cast<size_t>(config_.strategy.trials_per_round));
  const auto random =
      static_cast<size_t>(config_.strategy.random_share * static_cast<double>(count));
  Rng rng(config_.seed, "batch", static_cast<uint64_t>(draws_++));
  std::vector<size_t> rest(order.begin() + static_cast<std::ptrdiff_t>(count - random),
                           order.end());
  rng.Shuffle(rest);
  order.resize(count - random);
  order.insert(order.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(random));
  for (const size_t i : order) {
    Child& child = children_[i];
    NodeInfo info{.origin = child.move.origin,
                  .reason = child.move.reason,
                  .base = child.parent,
                  .keys = child.move.keys};
    batch_.push_back(AddNode(child.parent, child.move.candidate, 1, std::move(info)));
  }
  children_.clear();
  stage_ = Stage::kMeasure;
}

void PopulationSearch::OnLearned(NodeId id, double gain) {
  const NodeInfo& info = info_[static_cast<size_t>(id)];
  if (!info.keys.empty()) moves_->Credit(info.keys, gain);
}

}  // namespace banyan
