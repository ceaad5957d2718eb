#include "search/testing/reference_generations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "base/rng.h"
#include "schedule/mutator_steps.h"
#include "search/actions.h"

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// One thing that happened to the tree: a child came of `path`'s last node, or none did.
struct Backup {
  std::vector<size_t> path;  // from the root; with the child, if there is one
  size_t leaf = 0;
  bool failed = false;
  double reward = 0;
};

// A light model's child against its leaf, before any alteration.
struct LightStep {
  bool regression = false;
};

// A child with its predictions.
struct Child {
  Candidate candidate;
  size_t next_model = 0;
  int model = -1;  // -1: a random action
  double score = 0;
  double reward = 0;
};

class Reference {
 public:
  explicit Reference(const ReferenceProblem& problem)
      : problem_(problem), strategy_(problem.config.strategy) {
    const bool mutators = strategy_.action_space == "mutators";
    actions_ = MakeActions(mutators ? ActionSpace::kMutators : ActionSpace::kPlan, problem.compiler,
                           MutatorNames());
    Node root;
    root.candidate = *problem.compiler->Root();
    root.model = LargestModel();
    root.score = std::nan("");
    nodes_.push_back(root);
  }

  ReferenceTree Run() {
    Roots();
    int fruitless = 0;
    while (TrialsLeft() > 0) {
      for (int generation = 0; generation < strategy_.generations; ++generation) {
        if (!Generation()) break;
      }
      const bool measured = MeasureBatch();
      fruitless = measured ? 0 : fruitless + 1;
      if (fruitless == 3) break;
    }
    return Result();
  }

 private:
  using Node = ReferenceNode;

  // ---- what is known of models
  double SizeOf(size_t model) const { return problem_.pool[model].parameters_b; }
  double PhiOf(size_t model) const {
    double smallest = kInfinity;
    double largest = -kInfinity;
    for (size_t i = 0; i < problem_.pool.size(); ++i) {
      if (SizeOf(i) <= 0) return problem_.pool[model].role == ModelRole::kStrong ? 0.0 : 1.0;
      smallest = std::min(smallest, SizeOf(i));
      largest = std::max(largest, SizeOf(i));
    }
    if (smallest == largest) return 0;
    return (std::log(largest) - std::log(SizeOf(model))) / (std::log(largest) - std::log(smallest));
  }
  // Of equal ones, or of unknown size, the first.
  size_t LargestModel() const {
    size_t best = 0;
    for (size_t i = 0; i < problem_.pool.size(); ++i) {
      if (PhiOf(i) < PhiOf(best)) best = i;
    }
    return best;
  }
  int64_t CallsOf(size_t model) const {
    return std::count_if(calls_.begin(), calls_.end(),
                         [&](const ReferenceCall& call) { return call.model == model; });
  }
  int64_t HitsOf(size_t model) const { return Compared(model, true); }
  int64_t RatedOf(size_t model) const { return Compared(model, false); }
  // Children of a model in the tree whose parent has a prediction; of them, those predicted better.
  int64_t Compared(size_t model, bool better) const {
    int64_t count = 0;
    for (const Node& node : nodes_) {
      if (node.origin != problem_.pool[model].name) continue;
      const double parent = nodes_[node.parent].score;
      if (!std::isfinite(parent)) continue;
      if (!better || node.score > parent) ++count;
    }
    return count;
  }
  // An unknown name is the model with the best hit rate; ties: more calls, then smaller.
  size_t ModelNamed(const std::string& name, size_t current) const {
    for (size_t i = 0; i < problem_.pool.size(); ++i) {
      if (problem_.pool[i].name == name) return i;
    }
    std::vector<size_t> with_record;
    for (size_t i = 0; i < problem_.pool.size(); ++i) {
      if (RatedOf(i) > 0) with_record.push_back(i);
    }
    if (with_record.empty()) return current;
    const auto rank = [&](size_t i) {
      return std::make_tuple(static_cast<double>(HitsOf(i)) / static_cast<double>(RatedOf(i)),
                             CallsOf(i), PhiOf(i));
    };
    size_t best = with_record.front();
    for (const size_t i : with_record) {
      if (rank(i) > rank(best)) best = i;
    }
    return best;
  }
  int64_t Streak() const {
    int64_t streak = 0;
    for (const LightStep& step : light_steps_) streak = step.regression ? streak + 1 : 0;
    return streak;
  }

  // ---- budgets
  int64_t TrialsLeft() const {
    return problem_.config.budget.trials - static_cast<int64_t>(measured_.size());
  }
  bool CanCall(size_t model) const {
    int64_t calls = 0;
    int64_t strong = 0;
    for (const ReferenceCall& call : calls_) {
      if (call.given_back) continue;
      ++calls;
      if (problem_.pool[call.model].role == ModelRole::kStrong) ++strong;
    }
    const Budget& budget = problem_.config.budget;
    if (calls >= budget.calls) return false;
    return problem_.pool[model].role != ModelRole::kStrong ||
           static_cast<double>(strong) < budget.strong_calls;
  }

  // ---- the tree
  std::vector<size_t> ChildrenOf(size_t node) const {
    std::vector<size_t> children;
    for (size_t i = 1; i < nodes_.size(); ++i) {
      if (nodes_[i].parent == node) children.push_back(i);
    }
    return children;
  }
  std::vector<size_t> PathTo(size_t node) const {
    std::vector<size_t> path = {node};
    while (path.front() != 0) path.insert(path.begin(), nodes_[path.front()].parent);
    return path;
  }
  int DepthOf(size_t node) const { return static_cast<int>(PathTo(node).size()) - 1; }
  int64_t VisitsOf(size_t node) const {
    int64_t visits = 0;
    for (const Backup& backup : backups_) {
      visits += std::count(backup.path.begin(), backup.path.end(), node);
    }
    return visits;
  }
  double ValueOf(size_t node) const {
    double sum = 0;
    for (const Backup& backup : backups_) {
      if (std::count(backup.path.begin(), backup.path.end(), node) > 0) sum += backup.reward;
    }
    return sum;
  }
  // Failures in a row, and whether there ever were enough of them.
  std::pair<int, bool> FailuresOf(size_t node) const {
    int in_a_row = 0;
    bool terminal = false;
    for (const Backup& backup : backups_) {
      if (backup.leaf != node) continue;
      in_a_row = backup.failed ? in_a_row + 1 : 0;
      if (in_a_row >= strategy_.terminal_failures) terminal = true;
    }
    return {in_a_row, terminal};
  }
  bool Seen(const Candidate& candidate) const {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
      return node.candidate.program_hash == candidate.program_hash;
    });
  }

  // ---- selection
  bool CanBeExpanded(size_t node) const {
    if (node == 0 || FailuresOf(node).second) return false;
    return VisitsOf(node) == 0 ||
           static_cast<int>(ChildrenOf(node).size()) < strategy_.max_children;
  }
  bool LeadsSomewhere(size_t node) const {
    if (CanBeExpanded(node)) return true;
    for (const size_t child : ChildrenOf(node)) {
      if (LeadsSomewhere(child)) return true;
    }
    return false;
  }
  // From `node` down to the node to expand; nullopt: nothing can be expanded.
  std::optional<std::vector<size_t>> Select(size_t node, Rng& rng) const {
    if (!LeadsSomewhere(node)) return std::nullopt;
    if (CanBeExpanded(node)) return std::vector<size_t>{node};
    const std::vector<size_t> children = ChildrenOf(node);
    std::set<double> phis;
    for (const size_t child : children) phis.insert(PhiOfNode(child));
    const double phi_weight = phis.size() > 1 ? strategy_.phi_weight : 0;
    std::optional<size_t> best;
    double best_score = -kInfinity;
    double best_tie = -kInfinity;
    for (const size_t child : children) {
      double score = ReferenceScore(ValueOf(child), VisitsOf(child), VisitsOf(node),
                                    PhiOfNode(child), phi_weight, strategy_.uct_c);
      double tie = 0;
      if (VisitsOf(child) == 0) tie = node == 0 ? rng.Uniform() : PhiOfNode(child);
      if (!LeadsSomewhere(child)) continue;
      if (!best || score > best_score || (score == best_score && tie > best_tie)) {
        best = child;
        best_score = score;
        best_tie = tie;
      }
    }
    auto below = Select(*best, rng);
    below->insert(below->begin(), node);
    return below;
  }
  double PhiOfNode(size_t node) const {
    return problem_.pool.empty() ? 0 : PhiOf(nodes_[node].model);
  }

  // ---- predictions
  std::vector<double> Predict(const std::vector<Candidate>& candidates) {
    return problem_.score({.ticket = ++tickets_, .candidates = candidates}).scores;
  }
  Rng Draw(const char* stream) {
    return Rng(problem_.config.seed, stream, static_cast<uint64_t>(draws_++));
  }
  // Random actions until one fails; the prediction at the end is the reward.
  Child WithPredictions(Child child) {
    Rng rng = Draw("rollout");
    Candidate end = child.candidate;
    for (int i = 0; i < strategy_.rollout_depth; ++i) {
      auto next = actions_->Random(end, rng);
      if (!next.ok()) break;
      end = *next;
    }
    const std::vector<double> scores = Predict({child.candidate, end});
    child.score = scores[0];
    child.reward = std::isfinite(scores[1]) && scores[1] > 0 ? scores[1] : 0;
    return child;
  }

  // ---- the loop
  void Roots() {
    std::vector<Candidate> samples;
    for (int i = 0; i < strategy_.root_samples; ++i) {
      for (int attempt = 0; attempt < 20; ++attempt) {
        Rng rng(problem_.config.seed, "root", static_cast<uint64_t>(20 * i + attempt));
        auto sample = actions_->Sample(nodes_[0].candidate, rng);
        if (!sample.ok() || Seen(*sample)) continue;
        Node node;
        node.candidate = *sample;
        node.origin = "sample";
        node.model = LargestModel();
        nodes_.push_back(node);
        samples.push_back(*sample);
        break;
      }
    }
    const std::vector<double> scores = Predict(samples);
    for (size_t i = 0; i < scores.size(); ++i) nodes_[1 + i].score = scores[i];
  }

  // Expansions until enough succeeded or failed. False: nothing can be expanded any more.
  bool Generation() {
    int successes = 0;
    int failures = 0;
    while (successes < strategy_.expansions && failures < strategy_.failures) {
      Rng rng = Draw("select");
      const auto path = Select(0, rng);
      if (!path) return false;
      if (Expand(*path)) {
        ++successes;
      } else {
        ++failures;
      }
    }
    return true;
  }

  bool Expand(const std::vector<size_t>& path) {
    const size_t leaf = path.back();
    std::optional<Child> child = MakeChild(path);
    if (!child) {
      backups_.push_back({.path = path, .leaf = leaf, .failed = true, .reward = 0});
      return false;
    }
    Node node;
    node.parent = leaf;
    node.candidate = child->candidate;
    node.origin =
        child->model < 0 ? "random" : problem_.pool[static_cast<size_t>(child->model)].name;
    node.model = child->next_model;
    node.score = child->score;
    nodes_.push_back(node);
    std::vector<size_t> whole = path;
    whole.push_back(nodes_.size() - 1);
    backups_.push_back({.path = whole, .leaf = leaf, .failed = false, .reward = child->reward});
    return true;
  }

  // The model that is to expand a leaf; -1: none.
  int AskedAbout(size_t leaf) const {
    if (problem_.pool.empty() || DepthOf(leaf) < strategy_.ask_depth) return -1;
    size_t model = nodes_[leaf].model;
    if (strategy_.routing == "strongest") {
      model = 0;
      for (size_t i = problem_.pool.size(); i-- > 0;) {
        if (problem_.pool[i].role == ModelRole::kStrong) model = i;
      }
    }
    return CanCall(model) ? static_cast<int>(model) : -1;
  }

  std::optional<Child> MakeChild(const std::vector<size_t>& path) {
    const size_t leaf = path.back();
    const int model = AskedAbout(leaf);
    if (model < 0) {
      auto random = RandomChild(leaf);
      if (!random) return std::nullopt;
      return WithPredictions({.candidate = *random, .next_model = nodes_[leaf].model});
    }
    std::optional<Child> child = Call(static_cast<size_t>(model), leaf, false);
    if (!child) return std::nullopt;
    *child = WithPredictions(*child);
    return Altered(*child, leaf);
  }

  // Course alteration: on every n-th regression in a row of light models the largest redoes it.
  Child Altered(const Child& child, size_t leaf) {
    if (!strategy_.course_alteration || child.model < 0) return child;
    if (static_cast<size_t>(child.model) == LargestModel()) return child;
    const bool regression = child.score < nodes_[leaf].score;
    light_steps_.push_back({regression});
    if (!regression || Streak() % strategy_.alteration_every != 0) return child;
    if (!CanCall(LargestModel())) return child;
    std::optional<Child> redone = Call(LargestModel(), leaf, true);
    if (!redone) return child;
    *redone = WithPredictions(*redone);
    return redone->score < child.score ? child : *redone;
  }

  // A call and what becomes of it: the reply's actions, or a random one instead; an alteration has
  // no such substitute.
  std::optional<Child> Call(size_t model, size_t leaf, bool alteration) {
    calls_.push_back({.model = model, .leaf = leaf, .alteration = alteration});
    const uint64_t call_id = calls_.size();
    const ModelReply reply = problem_.reply(call_id, model, nodes_[leaf].candidate);
    // As many calls as the budget has may be given back, so that a mute model ends a run too.
    const int64_t given_back = std::count_if(
        calls_.begin(), calls_.end(), [](const ReferenceCall& call) { return call.given_back; });
    if (reply.failure == CallFailure::kUnusable && !strategy_.charge_failed_calls &&
        given_back < problem_.config.budget.calls) {
      calls_.back().given_back = true;
    }
    Child child;
    child.model = static_cast<int>(model);
    child.next_model =
        strategy_.routing == "joint" ? ModelNamed(reply.next_model, model) : nodes_[leaf].model;
    int applied = 0;
    if (reply.error.empty()) {
      const auto end = Applied(nodes_[leaf].candidate, reply, call_id, &applied);
      if (applied > 0 && !Seen(end)) {
        child.candidate = end;
        return child;
      }
      if (applied == 0 && strategy_.duplicate_on_failure) {
        child.candidate = nodes_[leaf].candidate;
        return child;
      }
    }
    if (alteration) return std::nullopt;
    const auto random = RandomChild(leaf);
    if (!random) return std::nullopt;
    child.candidate = *random;
    child.model = -1;
    return child;
  }

  // One action after the other; one that fails is skipped, or ends the sequence.
  Candidate Applied(const Candidate& leaf, const ModelReply& reply, uint64_t call_id,
                    int* applied) const {
    Rng rng(problem_.config.seed, "reply", call_id);
    Candidate at = leaf;
    std::vector<std::vector<Step>> actions;
    const bool mutators = strategy_.action_space == "mutators";
    if (!mutators) {
      if (reply.proposals.empty()) return leaf;
      const Proposal& first = reply.proposals.front();
      if (first.keep_steps < leaf.plan.steps.size()) {
        Plan kept;
        for (size_t i = 0; i < first.keep_steps; ++i) kept.steps.push_back(leaf.plan.steps[i]);
        const auto base = problem_.compiler->Apply(kept);
        if (!base.ok()) return leaf;
        at = *base;
      }
      for (const Step& step : first.steps) actions.push_back({step});
    } else {
      actions.resize(reply.mutators.size());
    }
    for (size_t i = 0; i < actions.size(); ++i) {
      bool done = false;
      const int tries = mutators ? strategy_.action_tries : 1;
      for (int attempt = 0; attempt < tries && !done; ++attempt) {
        if (mutators) actions[i] = {MutateStep(reply.mutators[i], rng.Below(kMutatorDraws))};
        const auto next = problem_.compiler->Extend(at, actions[i]);
        if (!next.ok()) continue;
        at = *next;
        done = true;
      }
      if (done) ++*applied;
      if (!done && strategy_.stop_at_failure) break;
    }
    return at;
  }

  std::optional<Candidate> RandomChild(size_t leaf) {
    for (int i = 0; i < strategy_.action_tries; ++i) {
      Rng rng = Draw("random action");
      const auto child = actions_->Random(nodes_[leaf].candidate, rng);
      if (child.ok() && !Seen(*child)) return *child;
    }
    return std::nullopt;
  }

  // The best predicted of what was never measured, some of them drawn from the others. False: there
  // is nothing.
  bool MeasureBatch() {
    std::vector<size_t> waiting;
    std::vector<Candidate> candidates;
    for (size_t i = 1; i < nodes_.size(); ++i) {
      if (tried_.count(i) > 0) continue;
      waiting.push_back(i);
      candidates.push_back(nodes_[i].candidate);
    }
    if (waiting.empty()) return false;
    const std::vector<double> scores = Predict(candidates);
    std::vector<std::pair<double, size_t>> order;  // best first: by falling score, then by age
    for (size_t i = 0; i < waiting.size(); ++i) {
      order.emplace_back(std::isfinite(scores[i]) ? -scores[i] : kInfinity, waiting[i]);
    }
    std::sort(order.begin(), order.end());
    const size_t count = std::min({static_cast<size_t>(strategy_.trials_per_round), order.size(),
                                   static_cast<size_t>(TrialsLeft())});
    const auto random =
        static_cast<size_t>(std::floor(strategy_.random_share * static_cast<double>(count)));
    std::vector<size_t> batch;
    std::vector<size_t> others;
    for (size_t i = 0; i < order.size(); ++i) {
      (i < count - random ? batch : others).push_back(order[i].second);
    }
    Rng rng = Draw("batch");
    rng.Shuffle(others);
    batch.insert(batch.end(), others.begin(), others.begin() + static_cast<int64_t>(random));
    for (const size_t node : batch) {
      if (TrialsLeft() == 0) break;
      tried_.insert(node);
      const uint64_t program = nodes_[node].candidate.program_hash;
      if (std::count(measured_.begin(), measured_.end(), program) == 0) {
        measured_.push_back(program);
      }
    }
    return true;
  }

  ReferenceTree Result() const {
    ReferenceTree tree{.nodes = nodes_,
                       .calls = calls_,
                       .measured = measured_,
                       .streak = Streak(),
                       .hits = {},
                       .rated = {}};
    for (size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = tree.nodes[i];
      node.visits = VisitsOf(i);
      node.value_sum = ValueOf(i);
      std::tie(node.failures, node.terminal) = FailuresOf(i);
    }
    for (size_t i = 0; i < problem_.pool.size(); ++i) {
      tree.hits.push_back(HitsOf(i));
      tree.rated.push_back(RatedOf(i));
    }
    return tree;
  }

  const ReferenceProblem& problem_;
  const StrategyConfig& strategy_;
  std::unique_ptr<Actions> actions_;
  std::vector<Node> nodes_;
  std::vector<Backup> backups_;
  std::vector<ReferenceCall> calls_;
  std::vector<LightStep> light_steps_;
  std::vector<uint64_t> measured_;
  std::set<size_t> tried_;  // nodes that were in a batch
  uint64_t tickets_ = 0;
  int64_t draws_ = 0;
};

}  // namespace

double ReferenceScore(double value_sum, int64_t visits, int64_t parent_visits, double phi,
                      double phi_weight, double c) {
  if (visits == 0) return kInfinity;
  const auto n = static_cast<double>(visits);
  const double parent = parent_visits < 1 ? 1.0 : static_cast<double>(parent_visits);
  return (1 - phi_weight) * value_sum / n + phi_weight * phi + c * std::sqrt(std::log(parent) / n);
}

ReferenceTree RunReferenceGenerations(const ReferenceProblem& problem) {
  return Reference(problem).Run();
}

}  // namespace banyan
