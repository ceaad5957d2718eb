// Where the search goes: the next trial, the leaf of the next call.
#include <algorithm>
#include <cmath>

#include "search/puct_search.h"

namespace banyan {
namespace {

constexpr double kCrossoverChance = 0.2;
constexpr double kFreePrior = 0.3;  // of a mutated plan, against a model's confidence
constexpr size_t kPartners = 8;     // best plans that crossover takes from
constexpr int kExhaustedAfter = 8;  // random chains before a node counts as exhausted
constexpr int kRestarts = 64;       // selections that ended in a dead end, for one trial
// For a reply, before trials and further calls go on without it. What reads text is hardly ever
// there sooner, and an expert at work not much later.
constexpr double kPatienceS = 1;
constexpr double kTextPatienceS = 0.3;
constexpr double kUnknownValue = 0.5;  // of what was measured, but never predicted
constexpr double kCalibration = 4;     // stated confidence counts as this many observed proposals

double MeanShare(const StrategyConfig& strategy) {
  if (strategy.backup == "mixed") return strategy.mean_share;
  return strategy.backup == "mean" ? 1 : 0;
}

}  // namespace

void PuctSearch::RefreshRange() {
  const auto range_of = [this](double Node::*value) {
    std::vector<double> values;
    values.reserve(ranking_.size());
    for (const uint64_t id : ranking_) {
      const double known = tree_->node(trials_[id - 1].node).*value;
      if (!std::isnan(known)) values.push_back(known);
    }
    return ValueRange::Of(std::move(values), config_.strategy.value_floor);
  };
  range_ = range_of(&Node::reward);
  speeds_ = PredictsRewards() ? range_of(&Node::log_speedup) : range_;
}

double PuctSearch::OwnValue(const Node& node) const {
  return std::isnan(node.reward) ? kUnknownValue : range_.Normalise(node.reward);
}

double PuctSearch::Calibrated(size_t model, double confidence) const {
  const ModelState& state = models_[model];
  const double stated = std::clamp(std::isfinite(confidence) ? confidence : 0.5, 0.01, 1.0);
  return (kCalibration * stated + state.improved) / (kCalibration + state.measured);
}

// What an unmeasured node is worth: as other plans of its structure turned out; else as the plan
// it was made from; else, a first plan of its kind, by how sure its model is.
double PuctSearch::UnmeasuredValue(NodeId id, double prior) const {
  if (PredictsRewards()) {
    const double prediction = PredictionOf(id);
    return std::isnan(prediction) ? kUnknownValue : range_.Normalise(prediction);
  }
  const double guess = ValueFromKin(id, prior);
  const auto score = scores_.find(id);
  if (trust_ <= 0 || score == scores_.end()) return guess;
  return (1 - trust_) * guess + trust_ * score->second;
}

double PuctSearch::ValueFromKin(NodeId id, double prior) const {
  const NodeInfo& info = info_[static_cast<size_t>(id)];
  if (const auto it = structure_values_.find(info.structure); it != structure_values_.end()) {
    double sum = 0;
    for (const double value : it->second) sum += range_.Normalise(value);
    return sum / static_cast<double>(it->second.size());
  }
  if (info.base != kNoNode && info.base != kRoot) {
    const Node& base = tree_->node(info.base);
    if (base.state == NodeState::kMeasured) return OwnValue(base);
  }
  return 0.5 + 0.5 * std::min(prior, 1.0);
}

double PuctSearch::PatienceS(const Call& call) const {
  return models_[call.model].record.info.reads_text ? kTextPatienceS : kPatienceS;
}

// The clock is looked at by ticks alone: each makes the oldest call slow that has waited too long.
double PuctSearch::WakeAtS() const {
  if (phase_ == RunPhase::kSearch && !pending_.empty()) return elapsed_s_;
  if (phase_ == RunPhase::kSearch && calls_in_flight_ > 0) {
    for (const Call& call : calls_) {
      if (!call.answered && !call.slow) return call.sent_s + PatienceS(call);
    }
  }
  return std::numeric_limits<double>::infinity();
}

void PuctSearch::OnTick() {
  for (Call& call : calls_) {
    if (call.answered || call.slow) continue;
    call.slow = elapsed_s_ >= call.sent_s + PatienceS(call);
    return;
  }
}

bool PuctSearch::WaitsForFirstReply() const {
  if (calls_in_flight_ == 0) return false;
  return std::none_of(calls_.begin(), calls_.end(), [](const Call& c) { return c.answered; });
}

bool PuctSearch::HasLeaves() const { return space_ == ActionSpace::kPlan || !ranking_.empty(); }

bool PuctSearch::SamplingAllowed() const {
  if (!HasLeaves() && unmeasured_ == 0 && trials_in_flight_ == 0) return true;  // all failed
  if (config_.strategy.sampling || (!CallPossible() && calls_in_flight_ == 0)) return true;
  if (!WaitsLong()) return false;
  if (config_.strategy.while_waiting != "tilings" || space_ == ActionSpace::kMutators) return true;
  // Only where there are no tilings, or none that runs.
  if (!tilings_ || !tilings_->empty()) return false;
  return tilings_made_ == 0 || (ranking_.empty() && trials_in_flight_ == 0);
}

bool PuctSearch::FreeMovesAllowed() const {
  if (WaitsForFirstReply() && !config_.strategy.sampling) {
    return calls_.front().slow && config_.strategy.while_waiting != "nothing" &&
           static_cast<double>(free_trials_) <
               config_.strategy.wait_fraction * static_cast<double>(budget_.trials);
  }
  const int64_t waiting = unmeasured_ + static_cast<int64_t>(pending_.size());
  if (waiting == 0 || config_.strategy.sampling || !CallPossible()) return true;
  return static_cast<double>(free_trials_) <
         config_.strategy.free_fraction * static_cast<double>(trials_.size() + 1);
}

bool PuctSearch::MayMakeChild(NodeId id) const {
  const Arms& arms = ArmsOf(id);
  // A free move waits for its prediction like a proposal: not too many at once.
  if (PredictsRewards() && unmeasured_ > config_.measure.workers) return false;
  if (arms.exhausted || arms.tired_at == finished_ || !FreeMovesAllowed()) return false;
  if (id == kRoot) return SamplingAllowed();
  const StrategyConfig& strategy = config_.strategy;
  if (space_ == ActionSpace::kMutators) return strategy.sampling || strategy.mutation;
  return strategy.sampling || strategy.mutation || strategy.crossover;
}

std::optional<SubmitTrial> PuctSearch::NextTrial() {
  for (int restart = 0; restart < kRestarts; ++restart) {
    std::optional<Pick> pick =
        config_.strategy.selection == "uniform" ? ChooseUniformly() : Choose();
    if (!pick) return std::nullopt;
    if (pick->make_child) {
      const NodeId child = MakeChild(pick->path.back());
      if (child == kNoNode) continue;
      if (PredictsRewards()) return std::nullopt;  // to be asked about first
      pick->path.push_back(child);
    }
    if (auto trial = StartTrial(pick->path)) return trial;
  }
  return std::nullopt;
}

std::optional<PuctSearch::Pick> PuctSearch::Choose() const {
  for (const bool widen : {true, false}) {  // rather a child too many than an idle worker
    Pick pick{.path = {kRoot}, .make_child = false};
    if (Descend(kRoot, widen, &pick)) return pick;
  }
  return std::nullopt;
}

std::optional<Path> PuctSearch::NextPath() const {
  const std::optional<Pick> pick = Choose();
  return pick ? std::optional<Path>(pick->path) : std::nullopt;
}

// PUCT over the node's arms; an arm whose subtree has nothing to offer gives way to the next best.
bool PuctSearch::Descend(NodeId id, bool widen, Pick* pick) const {
  const Node& node = tree_->node(id);
  const StrategyConfig& strategy = config_.strategy;
  std::vector<Arm> arms;
  arms.reserve(node.edges.size() + 1);
  double prior_sum = 0;
  int64_t tried = 0;
  for (const Edge& edge : node.edges) {
    prior_sum += edge.prior;
    if (tree_->node(edge.child).state != NodeState::kUnmeasured) ++tried;
  }
  const bool room = !widen || tried < WideningLimit(node.visits + node.in_flight,
                                                    strategy.widening_k, strategy.widening_a);
  const bool make = room && MayMakeChild(id);
  const double make_prior =
      node.edges.empty() ? 1 : prior_sum / static_cast<double>(node.edges.size());
  const double share = 1 / (prior_sum + (make ? make_prior : 0));
  for (size_t i = 0; i < node.edges.size(); ++i) {
    const Edge& edge = node.edges[i];
    const Node& child = tree_->node(edge.child);
    const bool fresh = child.state == NodeState::kUnmeasured;
    if (fresh ? !room : child.state != NodeState::kMeasured) continue;
    arms.push_back(
        {.edge = static_cast<int>(i),
         .value = fresh ? UnmeasuredValue(edge.child, edge.prior)
                        : BackedUpValue(child.value, range_, MeanShare(strategy), kUnknownValue),
         .prior = edge.prior * share,
         .visits = edge.visits,
         .in_flight = edge.in_flight});
  }
  if (make) {
    // A new child is expected to be worth what its parent is; random chains from the root start
    // from nothing.
    const double own = id == kRoot ? 0 : OwnValue(node);
    arms.push_back({.value = own, .prior = make_prior * share, .visits = ArmsOf(id).free_children});
  }
  const int64_t visits = node.visits + node.in_flight;
  while (!arms.empty()) {
    size_t best = 0;
    double best_score = 0;
    for (size_t i = 0; i < arms.size(); ++i) {
      const double score = PuctScore(arms[i], visits, strategy.puct_c, strategy.virtual_loss);
      if (i == 0 || score > best_score) {
        best = i;
        best_score = score;
      }
    }
    if (arms[best].edge < 0) {
      pick->make_child = true;
      return true;
    }
    const NodeId child = node.edges[static_cast<size_t>(arms[best].edge)].child;
    pick->path.push_back(child);
    if (tree_->node(child).state == NodeState::kUnmeasured || Descend(child, widen, pick))
      return true;
    pick->path.pop_back();
    arms.erase(arms.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return false;
}

std::optional<PuctSearch::Pick> PuctSearch::ChooseUniformly() {
  std::vector<NodeId> waiting;
  std::vector<NodeId> open;
  for (size_t i = 0; i < tree_->size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const NodeState state = tree_->node(id).state;
    if (state == NodeState::kUnmeasured) waiting.push_back(id);
    if (state == NodeState::kMeasured && MayMakeChild(id)) open.push_back(id);
  }
  Rng rng(config_.seed, "select", static_cast<uint64_t>(moves_made_++));
  if (!waiting.empty()) return Pick{.path = tree_->PathTo(rng.Pick(waiting)), .make_child = false};
  if (open.empty()) return std::nullopt;
  return Pick{.path = tree_->PathTo(rng.Pick(open)), .make_child = true};
}

NodeId PuctSearch::PartnerFor(NodeId id, Rng& rng) const {
  std::vector<NodeId> partners;
  double total = 0;
  for (const uint64_t trial_id : ranking_) {
    const NodeId other = trials_[trial_id - 1].node;
    if (other == id) continue;
    partners.push_back(other);
    total += 1 / static_cast<double>(partners.size());
    if (partners.size() == kPartners) break;
  }
  double mark = rng.Uniform() * total;
  for (size_t i = 0; i < partners.size(); ++i) {
    mark -= 1 / static_cast<double>(i + 1);
    if (mark < 0) return partners[i];
  }
  return partners.empty() ? kNoNode : partners.back();
}

// A sample of the design space below the root, else a random mutator.
std::optional<FreeMove> PuctSearch::RandomAction(NodeId id, Rng& rng) {
  const auto from = CandidateOf(id);
  if (!from.ok()) return std::nullopt;
  for (int i = 0; i < kExhaustedAfter; ++i) {
    auto made = id == kRoot ? actions_->Sample(root_, rng) : actions_->Random(*from, rng);
    if (!made.ok() || tree_->FindProgram(made->program_hash) != kNoNode) continue;
    return FreeMove{.candidate = *std::move(made),
                    .origin = id == kRoot ? "sample" : "mutation",
                    .reason = "",
                    .keys = {}};
  }
  return std::nullopt;
}

NodeId PuctSearch::MakeChild(NodeId id) {
  Rng rng(config_.seed, "move", static_cast<uint64_t>(moves_made_++));
  const StrategyConfig& strategy = config_.strategy;
  std::optional<FreeMove> move;
  bool exhausted = false;
  if (space_ == ActionSpace::kMutators) {
    move = RandomAction(id, rng);
  } else if (strategy.sampling || id == kRoot) {
    const Result<Candidate> from = CandidateOf(id);
    for (int i = 0; from.ok() && !move && i < kExhaustedAfter; ++i)
      move = moves_->Sample(*from, rng);
    exhausted = !move;
  } else {
    const Plan plan = tree_->PlanOf(id);
    if (strategy.crossover && (!strategy.mutation || rng.Chance(kCrossoverChance))) {
      const NodeId partner = PartnerFor(id, rng);
      if (partner != kNoNode) move = moves_->Cross(plan, tree_->PlanOf(partner), rng);
    }
    if (!move && strategy.mutation) move = moves_->Mutate(plan, rng, &exhausted);
  }
  Arms& parent = ArmsOf(id);
  if (!move) {
    parent.exhausted = exhausted;
    parent.tired_at = finished_;  // not again before something new is known
    return kNoNode;
  }
  ++parent.free_children;
  NodeInfo info{.origin = move->origin, .reason = move->reason, .base = id, .keys = move->keys};
  return AddNode(id, move->candidate, kFreePrior, std::move(info));
}

Path PuctSearch::ChooseLeaf() {
  const StrategyConfig& strategy = config_.strategy;
  Rng rng(config_.seed, "leaf", calls_.size() + 1);
  if (strategy.selection == "uniform") {
    std::vector<NodeId> open;
    for (size_t i = 0; i < tree_->size(); ++i) {
      const bool begins = i > 0 || space_ == ActionSpace::kPlan;
      if (begins && tree_->node(static_cast<NodeId>(i)).state == NodeState::kMeasured) {
        open.push_back(static_cast<NodeId>(i));
      }
    }
    return open.empty() ? Path{kRoot} : tree_->PathTo(rng.Pick(open));
  }
  Path path = {kRoot};
  while (true) {
    const NodeId id = path.back();
    const Node& node = tree_->node(id);
    double prior_sum = 0;
    double value_sum = 0;
    int64_t measured = 0;
    for (const Edge& edge : node.edges) prior_sum += edge.prior;
    const int64_t visits = node.visits + node.in_flight;
    const double here_prior =
        node.edges.empty() ? 1 : prior_sum / static_cast<double>(node.edges.size());
    double best_score = 0;
    NodeId best = kNoNode;
    for (const Edge& edge : node.edges) {
      const Node& child = tree_->node(edge.child);
      if (child.state != NodeState::kMeasured) continue;
      const double value = BackedUpValue(child.value, range_, MeanShare(strategy), kUnknownValue);
      value_sum += value;
      ++measured;
      const Arm arm{.value = value,
                    .prior = edge.prior / (prior_sum + here_prior),
                    .visits = edge.visits,
                    .in_flight = edge.in_flight};
      const double score = PuctScore(arm, visits, strategy.puct_c, strategy.virtual_loss);
      if (best == kNoNode || score > best_score) {
        best = edge.child;
        best_score = score;
      }
    }
    if (best == kNoNode) return path;
    // Asking here: worth what this plan is; at the root, what the plans asked for there were on
    // average.
    const Arm here{
        .value = id == kRoot ? value_sum / static_cast<double>(measured) : OwnValue(node),
        .prior = here_prior / (prior_sum + here_prior),
        .visits = ArmsOf(id).calls_asked};
    const double score_here = PuctScore(here, visits, strategy.puct_c, strategy.virtual_loss);
    // Mutators act on a sample of the design space, never on the unscheduled program.
    const bool askable = id != kRoot || space_ == ActionSpace::kPlan;
    if (askable && score_here >= best_score) return path;
    path.push_back(best);
  }
}

}  // namespace banyan
