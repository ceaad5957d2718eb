#include "search/generation_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/format.h"
#include "base/strings.h"
#include "schedule/mutator_steps.h"
#include "search/model_size.h"
#include "search/strategy.h"

namespace banyan {
namespace {

constexpr int kFruitlessRounds = 3;  // until there is nothing left to try

}  // namespace

GenerationSearch::GenerationSearch(RunConfig config, std::vector<ModelInfo> pool,
                                   Compiler* compiler, LimitsFunction limits)
    : Search(std::move(config), pool, compiler, std::move(limits)),
      space_(SpaceOf(config_.strategy)),
      phi_(ModelPhi(pool)),
      largest_(LargestModel(pool)),
      records_(pool.size()) {}

double GenerationSearch::Score(double mean, int64_t visits, int64_t parent_visits, double phi,
                               double phi_weight, double c) {
  if (visits == 0) return std::numeric_limits<double>::infinity();
  const double parent = std::log(static_cast<double>(std::max<int64_t>(parent_visits, 1)));
  return (1 - phi_weight) * mean + phi_weight * phi +
         c * std::sqrt(parent / static_cast<double>(visits));
}

double GenerationSearch::MeanReward(const Stat& stat) const {
  constexpr double kUnknown = 0.5;  // nothing here was measured yet
  if (config_.strategy.reward == "measured") {
    return stat.measured == 0
               ? kUnknown
               : range_.Normalise(stat.measured_sum / static_cast<double>(stat.measured));
  }
  return stat.visits == 0 ? 0 : stat.value_sum / static_cast<double>(stat.visits);
}

void GenerationSearch::OnSettled(const Trial& trial) {
  if (config_.strategy.reward != "measured") return;
  if (tree_->node(trial.node).state != NodeState::kMeasured) return;
  const double value = tree_->node(trial.node).log_speedup;
  for (const NodeId id : trial.path) {
    Stat& stat = stats_[static_cast<size_t>(id)];
    stat.measured_sum += value;
    ++stat.measured;
  }
  std::vector<double> values;
  for (const uint64_t id : ranking_)
    values.push_back(tree_->node(trials_[id - 1].node).log_speedup);
  range_ = ValueRange::Of(std::move(values), 0);
}

Status GenerationSearch::Begin() {
  actions_ = MakeActions(space_, compiler_, MutatorNames());
  if (config_.strategy.routing != "joint") {
    BANYAN_ASSIGN_OR_RETURN(router_, MakeRouter(config_.strategy.routing));
  }
  stats_.push_back({.model = largest_});
  return Ok{};
}

std::optional<Action> GenerationSearch::NextWork() {
  while (true) {
    switch (stage_) {
      case Stage::kRoots:
        return MakeRoots();
      case Stage::kRootScores:
      case Stage::kReply:
      case Stage::kScores:
      case Stage::kBatchScores:
        return std::nullopt;
      case Stage::kGrow:
        if (auto action = Grow()) return action;
        if (stage_ == Stage::kGrow) return std::nullopt;  // nothing is left
        break;
      case Stage::kMeasure:
        if (auto action = Measure()) return action;
        if (stage_ == Stage::kMeasure) return std::nullopt;  // trials are under way
        break;
    }
  }
}

ScoreCandidates GenerationSearch::MakeRoots() {
  std::vector<Candidate> candidates;
  scored_.clear();
  for (Candidate& sample : RootSamples(*actions_)) {
    scored_.push_back(Add(kRoot, sample, {.origin = "sample"}, {.model = largest_}));
    candidates.push_back(std::move(sample));
  }
  stage_ = Stage::kRootScores;
  return AskScores(std::move(candidates));
}

bool GenerationSearch::SelectBelow(NodeId id, Rng& rng, Path* path) const {
  const StrategyConfig& strategy = config_.strategy;
  const Node& node = tree_->node(id);
  const Stat& here = stat(id);
  const auto children = static_cast<int>(node.edges.size());
  if (id != kRoot && !here.terminal && (here.visits == 0 || children < strategy.max_children)) {
    return true;
  }
  double low = 1;
  double high = 0;
  for (const Edge& edge : node.edges) {
    if (phi_.empty()) break;
    low = std::min(low, phi_[stat(edge.child).model]);
    high = std::max(high, phi_[stat(edge.child).model]);
  }
  const double weight = high > low ? strategy.phi_weight : 0;
  struct Ranked {
    NodeId child;
    double score;
    double tie;
  };
  std::vector<Ranked> ranked;
  for (const Edge& edge : node.edges) {
    const Stat& child = stat(edge.child);
    const double phi = phi_.empty() ? 0 : phi_[child.model];
    // Unvisited children rank first: at the root at random, below by phi.
    const double tie = child.visits > 0 ? 0 : id == kRoot ? rng.Uniform() : phi;
    ranked.push_back(
        {edge.child,
         Score(MeanReward(child), child.visits, here.visits, phi, weight, strategy.uct_c), tie});
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.tie > b.tie;
  });
  for (const Ranked& next : ranked) {
    path->push_back(next.child);
    if (SelectBelow(next.child, rng, path)) return true;
    path->pop_back();
  }
  return false;
}

std::optional<Path> GenerationSearch::Select(Rng& rng) const {
  Path path = {kRoot};
  return SelectBelow(kRoot, rng, &path) ? std::optional<Path>(path) : std::nullopt;
}

// Who is to expand the leaf; -1: nobody.
int GenerationSearch::ModelFor(NodeId leaf) const {
  if (models_.empty() || config_.strategy.routing == "none") return -1;
  if (config_.strategy.routing == "joint") return static_cast<int>(stat(leaf).model);
  std::vector<size_t> places(models_.size());
  std::iota(places.begin(), places.end(), size_t{0});
  Rng rng(config_.seed, "route", calls_.size() + 1);
  return router_->Choose(QuestionAbout(places), rng).model;
}

std::optional<Action> GenerationSearch::Grow() {
  const StrategyConfig& strategy = config_.strategy;
  while (generation_ < strategy.generations) {
    if (successes_ >= strategy.expansions || failures_ >= strategy.failures) {
      ++generation_;
      successes_ = failures_ = 0;
      continue;
    }
    Rng rng(config_.seed, "select", static_cast<uint64_t>(draws_++));
    std::optional<Path> path = Select(rng);
    if (!path) break;
    const NodeId leaf = path->back();
    if (stat(leaf).depth >= strategy.ask_depth) {
      const int model = ModelFor(leaf);
      if (model >= 0 && ledger_.Affords(static_cast<size_t>(model), {})) {
        Call call;
        call.path = *path;
        call.why = strategy.routing == "joint" ? "named when the node was made" : strategy.routing;
        if (auto sent = StartCall(static_cast<size_t>(model), std::move(call))) {
          stage_ = Stage::kReply;
          return *std::move(sent);
        }
      }
    }
    const auto from = CandidateOf(leaf);
    std::optional<Candidate> child;
    if (from.ok()) child = RandomChild(*from);
    if (!child) {
      Fail(*path);
      continue;
    }
    return Rollout({.path = *path, .child = *std::move(child), .next_model = stat(leaf).model});
  }
  // The round is over: what waits is measured, best prediction first.
  std::vector<Candidate> candidates;
  scored_.clear();
  for (size_t i = 1; i < tree_->size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (tree_->node(id).state != NodeState::kUnmeasured) continue;
    auto candidate = CandidateOf(id);
    if (!candidate.ok()) continue;
    scored_.push_back(id);
    candidates.push_back(*std::move(candidate));
  }
  generation_ = 0;
  successes_ = failures_ = 0;
  if (candidates.empty()) {
    if (++fruitless_ >= kFruitlessRounds) return std::nullopt;
    stage_ = Stage::kMeasure;  // of nothing: the next round
    return std::nullopt;
  }
  fruitless_ = 0;
  stage_ = Stage::kBatchScores;
  return AskScores(std::move(candidates));
}

std::optional<Candidate> GenerationSearch::RandomChild(const Candidate& leaf) {
  for (int i = 0; i < config_.strategy.action_tries; ++i) {
    Rng rng(config_.seed, "random action", static_cast<uint64_t>(draws_++));
    auto child = actions_->Random(leaf, rng);
    if (child.ok() && !Known(*child)) return *std::move(child);
  }
  return std::nullopt;
}

// An unknown next model becomes the one with the best hit rate (ties: more calls, then smaller),
// else the current one.
size_t GenerationSearch::ResolveNext(const std::string& name, size_t current) const {
  for (size_t i = 0; i < models_.size(); ++i) {
    if (models_[i].record.info.name == name) return i;
  }
  size_t best = current;
  bool any = false;
  const auto rate = [this](size_t i) {
    return static_cast<double>(records_[i].hits) / static_cast<double>(records_[i].rated);
  };
  for (size_t i = 0; i < models_.size(); ++i) {
    if (records_[i].rated == 0) continue;
    const bool better =
        !any || rate(i) > rate(best) ||
        (rate(i) == rate(best) &&
         (models_[i].record.calls > models_[best].record.calls ||
          (models_[i].record.calls == models_[best].record.calls && phi_[i] > phi_[best])));
    if (better) best = i;
    any = true;
  }
  return best;
}

void GenerationSearch::OnReplied(Call& call) {
  if (stage_ != Stage::kReply) return;
  const ModelReply& reply = call.reply;
  const bool joint = config_.strategy.routing == "joint";
  Expansion expansion{
      .path = call.path,
      .child = {},
      .next_model = joint ? ResolveNext(reply.next_model, call.model) : stat(call.leaf).model,
      .model = static_cast<int>(call.model),
      .call_id = call.call_id};
  const auto from = CandidateOf(call.leaf);
  std::optional<Candidate> child;
  if (from.ok() && reply.error.empty()) {
    Rng rng(config_.seed, "reply", call.call_id);
    ActionOutcome outcome = actions_->Apply(*from, reply,
                                            {.stop_at_failure = config_.strategy.stop_at_failure,
                                             .tries = config_.strategy.action_tries},
                                            rng);
    for (const std::string& reason : outcome.reasons) NoteFailure(call.leaf, OneLine(reason));
    if (!outcome.reasons.empty()) ++models_[call.model].illegal;
    if (outcome.applied > 0 && !Known(outcome.candidate)) {
      child = std::move(outcome.candidate);
      ++call.accepted;
      ledger_.CountAccepted(call.model);
    } else if (outcome.applied > 0) {
      ++models_[call.model].known;
    } else if (config_.strategy.duplicate_on_failure) {
      child = *from;
    }
    if (!reply.proposals.empty()) expansion.reason = OneLine(reply.proposals.front().reason);
  } else if (!reply.error.empty()) {
    NoteFailure(call.leaf, OneLine(reply.error));
  }
  expansion.reply = reply;
  if (!child && call.alteration) {  // what the light model did stands
    stage_ = Stage::kGrow;
    Commit(*std::exchange(altered_, std::nullopt));
    return;
  }
  if (!child && from.ok()) {
    // Unusable actions become one random action; the advice is taken all the same.
    child = RandomChild(*from);
    expansion.model = -1;
  }
  if (!child) {
    stage_ = Stage::kGrow;
    Fail(call.path);
    return;
  }
  expansion.child = *std::move(child);
  ready_.push_back(Rollout(std::move(expansion)));
}

// Random actions until one fails; what is there in the end is what the child is worth.
ScoreCandidates GenerationSearch::Rollout(Expansion expansion) {
  Candidate last = expansion.child;
  Rng rng(config_.seed, "rollout", static_cast<uint64_t>(draws_++));
  // During the cost model's warm-up its predictions are random numbers, whatever the state: the
  // chain, minutes of a run on a large program, would lead to the same tree.
  const bool random_scores = finished_ < config_.strategy.cost_model_warmup;
  const bool wanted = config_.strategy.reward == "predicted" && !random_scores;
  for (int i = 0; i < config_.strategy.rollout_depth && wanted; ++i) {
    auto next = actions_->Random(last, rng);
    if (!next.ok()) break;
    last = *std::move(next);
  }
  std::vector<Candidate> candidates = {expansion.child, std::move(last)};
  expansion_ = std::move(expansion);
  stage_ = Stage::kScores;
  return AskScores(std::move(candidates));
}

void GenerationSearch::OnScores(const ScoresEvent& event) {
  if (stage_ == Stage::kRootScores) {
    for (size_t i = 0; i < scored_.size(); ++i) {
      stats_[static_cast<size_t>(scored_[i])].score = event.scores[i];
    }
    stage_ = Stage::kGrow;
  } else if (stage_ == Stage::kBatchScores) {
    std::vector<size_t> order(scored_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto score = [&event](size_t i) {
      return std::isfinite(event.scores[i]) ? event.scores[i]
                                            : -std::numeric_limits<double>::infinity();
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return score(a) > score(b); });
    const size_t count =
        std::min<size_t>({static_cast<size_t>(config_.strategy.trials_per_round), order.size(),
                          static_cast<size_t>(std::max<int64_t>(TrialsLeft(), 0))});
    const auto random =
        static_cast<size_t>(config_.strategy.random_share * static_cast<double>(count));
    batch_.clear();
    for (size_t i = 0; i < count - random; ++i) batch_.push_back(scored_[order[i]]);
    std::vector<size_t> rest(order.begin() + static_cast<std::ptrdiff_t>(count - random),
                             order.end());
    Rng rng(config_.seed, "batch", static_cast<uint64_t>(draws_++));
    rng.Shuffle(rest);
    for (size_t i = 0; i < random; ++i) batch_.push_back(scored_[rest[i]]);
    stage_ = Stage::kMeasure;
  } else if (stage_ == Stage::kScores && expansion_) {
    stage_ = Stage::kGrow;
    expansion_->score = event.scores[0];
    const bool predicted = config_.strategy.reward == "predicted" && std::isfinite(event.scores[1]);
    expansion_->reward = predicted ? std::max(0.0, event.scores[1]) : 0;
    if (auto action = MaybeAlter()) {
      stage_ = Stage::kReply;
      ready_.push_back(*std::move(action));
      return;
    }
    Expansion chosen = *std::exchange(expansion_, std::nullopt);
    if (altered_) {  // the largest model's child replaces the light one's unless it is worse
      Expansion light = *std::exchange(altered_, std::nullopt);
      if (chosen.score < light.score) chosen = std::move(light);
    }
    Commit(chosen);
  }
}

// Course alteration: on every n-th regression in a row of light models the largest one sees the
// step and redoes it. One streak for the whole tree; a light model's call without regression resets
// it.
std::optional<Action> GenerationSearch::MaybeAlter() {
  const StrategyConfig& strategy = config_.strategy;
  Expansion& now = *expansion_;
  if (!strategy.course_alteration || altered_ || now.model < 0) return std::nullopt;
  const auto model = static_cast<size_t>(now.model);
  if (model == largest_) return std::nullopt;
  const NodeId leaf = now.path.back();
  if (!(now.score < stat(leaf).score)) {
    streak_ = 0;
    return std::nullopt;
  }
  ++streak_;
  if (streak_ % strategy.alteration_every != 0 || !ledger_.Affords(largest_, {})) {
    return std::nullopt;
  }
  Review review;
  review.model = models_[model].record.info.name;
  if (!now.reply.proposals.empty()) review.steps = now.reply.proposals.front().steps;
  review.mutators = now.reply.mutators;
  if (models_[largest_].record.info.reads_text) {
    review.parent = TextOf(leaf, stat(leaf).score);
    if (auto script = compiler_->Script(now.child); script.ok()) {
      review.child.script = *std::move(script);
    }
  } else {
    review.parent.score = stat(leaf).score;
  }
  review.child.trace = PrintPlan(now.child.plan);
  review.child.score = now.score;
  Call call;
  call.path = now.path;
  call.alteration = true;
  call.why = fmt::format("course alteration after {} regressions in a row", streak_);
  auto sent = StartCall(largest_, std::move(call), std::move(review));
  if (!sent) return std::nullopt;
  altered_ = std::exchange(expansion_, std::nullopt);
  return *std::move(sent);
}

void GenerationSearch::Commit(const Expansion& expansion) {
  const NodeId leaf = expansion.path.back();
  const double before = stat(leaf).score;
  if (expansion.model >= 0 && std::isfinite(before)) {
    Record& record = records_[static_cast<size_t>(expansion.model)];
    ++record.rated;
    if (expansion.score > before) ++record.hits;
  }
  NodeInfo info{.origin = expansion.model < 0
                              ? "random"
                              : models_[static_cast<size_t>(expansion.model)].record.info.name,
                .call_id = expansion.model < 0 ? 0 : expansion.call_id,
                .reason = expansion.reason,
                .base = leaf};
  if (info.call_id > 0) ++calls_[info.call_id - 1].unmeasured;
  const NodeId child =
      Add(leaf, expansion.child, std::move(info),
          {.depth = stat(leaf).depth + 1, .model = expansion.next_model, .score = expansion.score});
  Path path = expansion.path;
  path.push_back(child);
  Backup(path, expansion.reward);
  stats_[static_cast<size_t>(leaf)].failures = 0;
  ++successes_;
}

void GenerationSearch::Fail(const Path& path) {
  Backup(path, 0);
  Stat& leaf = stats_[static_cast<size_t>(path.back())];
  if (++leaf.failures >= config_.strategy.terminal_failures) leaf.terminal = true;
  ++failures_;
}

void GenerationSearch::Backup(const Path& path, double reward) {
  for (const NodeId id : path) {
    Stat& stat = stats_[static_cast<size_t>(id)];
    ++stat.visits;
    stat.value_sum += reward;
  }
}

NodeId GenerationSearch::Add(NodeId parent, const Candidate& candidate, NodeInfo info, Stat stat) {
  if (parent == kRoot) stat.depth = 1;
  const NodeId id = AddNode(parent, candidate, 1, std::move(info));
  stats_.push_back(stat);
  return id;
}

std::optional<Action> GenerationSearch::Measure() {
  while (!batch_.empty() && SlotFree()) {
    const NodeId id = batch_.front();
    batch_.pop_front();
    if (auto trial = StartTrial(tree_->PathTo(id))) return *std::move(trial);
  }
  if (TrialsLeft() == 0) batch_.clear();
  if (batch_.empty() && trials_in_flight_ == 0 && TrialsLeft() > 0) stage_ = Stage::kGrow;
  return std::nullopt;
}

void GenerationSearch::FillRequest(const Call&, ModelRequest* request) {
  request->action_space = space_;
  request->mutators = actions_->Names();
}

std::string GenerationSearch::DumpNode(NodeId id) const {
  const Stat& here = stat(id);
  return fmt::format(" uct {} sum {} score {} depth {} failures {}{}{}", here.visits,
                     FormatExact(here.value_sum), FormatExact(here.score), here.depth,
                     here.failures, here.terminal ? " terminal" : "",
                     models_.empty() ? "" : " next " + models_[here.model].record.info.name) +
         (here.measured == 0
              ? ""
              : fmt::format(" measured {} sum {}", here.measured, FormatExact(here.measured_sum)));
}

std::string GenerationSearch::DumpLoop() const {
  std::string out = fmt::format("streak {}\n", streak_);
  for (size_t i = 0; i < models_.size(); ++i) {
    out += fmt::format("hits {} {}/{}\n", models_[i].record.info.name, records_[i].hits,
                       records_[i].rated);
  }
  return out;
}

}  // namespace banyan
