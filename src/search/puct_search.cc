#include "search/puct_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "schedule/mutator_steps.h"
#include "search/model_size.h"
#include "search/strategy.h"
#include "search/transfer.h"

namespace banyan {
namespace {

constexpr int64_t kScoresFrom = 4;  // measured plans before the cost model is asked
constexpr int64_t kTransfers = 3;   // related winners that are tried first
constexpr double kTransferPrior = 1;
constexpr double kSamplePrior = 0.5;
constexpr size_t kYardsticks = 8;  // measured plans that unmeasured ones are ranked among

}  // namespace

PuctSearch::PuctSearch(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler,
                       LimitsFunction limits)
    : Search(std::move(config), pool, compiler, std::move(limits)),
      space_(SpaceOf(config_.strategy)),
      largest_(LargestModel(pool)) {}

Status PuctSearch::Begin() {
  BANYAN_ASSIGN_OR_RETURN(router_, MakeRouter(config_.strategy.routing));
  if (space_ == ActionSpace::kMutators) actions_ = MakeActions(space_, compiler_, MutatorNames());
  moves_ = std::make_unique<MoveMaker>(compiler_, [this](const Candidate& candidate) {
    return tree_->FindProgram(candidate.program_hash) != kNoNode;
  });
  return Ok{};
}

// Once a few trials are known, every new node is asked about before it may be tried: predictions
// count only as far as earlier ones came true. While none is trusted, only that is asked, with no
// candidate: features take milliseconds a plan.
std::optional<Action> PuctSearch::AskAboutNew() {
  if (config_.strategy.cost_model == "none" || scores_in_flight_ > 0) return std::nullopt;
  if (!PredictsRewards() && static_cast<int64_t>(ranking_.size()) < kScoresFrom)
    return std::nullopt;
  if (!PredictsRewards() && trust_ <= 0) {
    if (trust_asked_at_ == finished_) return std::nullopt;
    trust_asked_at_ = finished_;
    asked_.clear();
    return AskScores({});
  }
  if (static_cast<size_t>(scored_up_to_) + 1 >= tree_->size()) return std::nullopt;
  scored_up_to_ = static_cast<NodeId>(tree_->size()) - 1;
  std::vector<Candidate> candidates;
  asked_.clear();
  const auto ask = [&](NodeId id) {
    if (auto candidate = CandidateOf(id); candidate.ok()) {
      asked_.push_back(id);
      candidates.push_back(*std::move(candidate));
    }
  };
  for (size_t i = 1; i < tree_->size(); ++i) {
    if (tree_->node(static_cast<NodeId>(i)).state == NodeState::kUnmeasured) {
      ask(static_cast<NodeId>(i));
    }
  }
  if (asked_.empty()) return std::nullopt;
  for (size_t i = 0; i < ranking_.size() && i < kYardsticks; ++i)
    ask(trials_[ranking_[i] - 1].node);
  return AskScores(std::move(candidates));
}

void PuctSearch::OnScores(const ScoresEvent& event) {
  std::vector<double> sorted;
  for (const double score : event.scores) {
    if (std::isfinite(score)) sorted.push_back(score);
  }
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < asked_.size(); ++i) {
    if (!std::isfinite(event.scores[i])) continue;
    if (PredictsRewards() && tree_->node(asked_[i]).state == NodeState::kUnmeasured) {
      predictions_[asked_[i]] = event.scores[i];
    }
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), event.scores[i]);
    scores_[asked_[i]] = sorted.size() < 2 ? 0.5
                                           : static_cast<double>(below - sorted.begin()) /
                                                 static_cast<double>(sorted.size() - 1);
  }
}

// Winners of related workloads are tried before anything else: they cost trials, no calls.
void PuctSearch::TransferPlans() {
  int64_t made = 0;
  for (const ExamplePlan& example : examples_) {
    if (made >= kTransfers || made >= TrialsLeft() / 2) return;
    auto adapted = Adapt(compiler_, example.plan);
    if (!adapted || tree_->FindProgram(adapted->candidate.program_hash) != kNoNode) continue;
    NodeInfo info{.origin = "transfer", .reason = "won on " + example.workload};
    if (std::isfinite(example.speedup)) info.reason += fmt::format(" ({:.3g}x)", example.speedup);
    if (adapted->changed > 0) info.reason += fmt::format("; {} steps resized", adapted->changed);
    if (adapted->left_out > 0) info.reason += fmt::format("; {} left out", adapted->left_out);
    AddNode(kRoot, adapted->candidate, kTransferPrior, std::move(info));
    ++made;
  }
}

void PuctSearch::SampleRoots() {
  for (const Candidate& sample : RootSamples(*actions_)) {
    AddNode(kRoot, sample, kSamplePrior, {.origin = "sample", .base = kRoot});
  }
}

std::optional<Action> PuctSearch::NextWork() {
  if (!transferred_) {
    transferred_ = true;
    if (space_ == ActionSpace::kPlan) {
      TransferPlans();
    } else {
      SampleRoots();
    }
  }
  // Where predictions are rewards, nothing is tried before its own is known.
  const bool waits = PredictsRewards() && scores_in_flight_ > 0;
  while (true) {
    if (auto question = AskAboutNew()) return question;
    if (CallDue()) {
      if (auto call = Ask()) return *std::move(call);
    }
    if (auto trial = TryTiling()) return *std::move(trial);
    // A reply's first proposal goes straight to the workers. The others are applied meanwhile, one
    // at each event (a tick, if there is no other), so that no worker waits for the last of them.
    if (!waits && SlotFree() && (pending_.empty() || unmeasured_ > 0)) {
      if (auto trial = NextTrial()) return *std::move(trial);
      if (auto question = AskAboutNew()) return question;  // a free move that waits for it
    }
    if (pending_.empty()) break;
    if (applied_at_ == events_read_ && trials_in_flight_ > 0) return std::nullopt;
    applied_at_ = events_read_;
    const PendingProposal proposal = pending_.front();
    pending_.pop_front();
    ApplyProposal(proposal);
  }
  if (!waits && SlotFree() && calls_in_flight_ == 0 && CallPossible()) {
    if (auto call = Ask()) return *std::move(call);
  }
  return std::nullopt;
}

void PuctSearch::OnSettled(const Trial& trial) {
  const Node& node = tree_->node(trial.node);
  if (node.state == NodeState::kMeasured) {
    structure_values_[info_[static_cast<size_t>(trial.node)].structure].push_back(node.log_speedup);
  }
  RefreshRange();
}

void PuctSearch::OnLearned(NodeId id, double gain) {
  const NodeInfo& info = info_[static_cast<size_t>(id)];
  if (!info.keys.empty()) moves_->Credit(info.keys, gain);
}

double PuctSearch::ScoreOf(NodeId id) const {
  const Node& node = tree_->node(id);
  return node.state == NodeState::kMeasured ? speeds_.Normalise(node.log_speedup) : kNoLatency;
}

double PuctSearch::RewardOf(NodeId id, double log_speedup) const {
  return PredictsRewards() ? PredictionOf(id) : log_speedup;
}

double PuctSearch::PredictionOf(NodeId id) const {
  const auto prediction = predictions_.find(id);
  return prediction == predictions_.end() ? kNoLatency : prediction->second;
}

void PuctSearch::FillRequest(const Call&, ModelRequest* request) {
  request->action_space = space_;
  if (actions_) request->mutators = actions_->Names();
}

std::string PuctSearch::DumpNode(NodeId id) const {
  return ArmsOf(id).exhausted ? " exhausted" : "";
}

}  // namespace banyan
