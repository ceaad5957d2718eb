// What every loop does with: calls, nodes, trials.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/hash.h"
#include "base/strings.h"
#include "search/actions.h"
#include "search/search.h"

namespace banyan {
namespace {

constexpr size_t kBestInRequest = 8;
constexpr size_t kFailuresInRequest = 8;
// Without a gain for this share of the trials (and at least 4) the search counts as stuck.
constexpr double kStuckShare = 0.25;
// A call of a language model as the router expects it before it saw one.
constexpr double kUsualTokensIn = 6000;
constexpr double kUsualTokensOut = 1500;
constexpr double kUsualSeconds = 10;
constexpr double kGain = 0.01;  // log-speedup below which a call brought nothing

Json WithoutNumbers(const Json& json) {
  if (json.is_number()) return 0;
  if (!json.is_structured()) return json;
  Json out = json;
  for (Json& item : out) item = WithoutNumbers(item);
  return out;
}

}  // namespace

uint64_t StructureHash(const Plan& plan) {
  uint64_t hash = 0;
  for (const Step& step : plan.steps) {
    hash = HashCombine(hash, Hash64(step.op + WithoutNumbers(step.args).dump()));
  }
  return hash;
}

bool Search::CallPossible() const {
  return config_.strategy.routing != "none" && TrialsLeft() > 0 && AnyAffordable();
}

bool Search::AnyAffordable() const {
  for (size_t i = 0; i < models_.size(); ++i) {
    if (!models_[i].too_dear && ledger_.Affords(i, {})) return true;
  }
  return false;
}

Phase Search::CurrentPhase() const {
  if (ranking_.empty() || BestValue() <= 0) return Phase::kStructure;
  const double patience = std::max(4.0, kStuckShare * static_cast<double>(budget_.trials));
  return static_cast<double>(finished_ - trials_at_best_) > patience ? Phase::kStuck
                                                                     : Phase::kRefinement;
}

bool Search::ReadsText() const {
  return std::any_of(models_.begin(), models_.end(),
                     [](const ModelState& model) { return model.record.info.reads_text; });
}

std::optional<SendCall> Search::StartCall(size_t model, Call call, std::optional<Review> review) {
  call.call_id = calls_.size() + 1;
  call.model = model;
  call.phase = CurrentPhase();
  call.leaf = call.path.back();
  call.asked_at = static_cast<double>(finished_);
  call.sent_s = elapsed_s_;
  call.best_before = ranking_.empty() ? 0 : std::max(0.0, BestValue());
  auto request = MakeRequest(call);
  if (!request.ok()) return std::nullopt;
  request->review = std::move(review);
  FillRequest(call, &*request);
  const CallLimits most = limits_ ? limits_(model, *request) : CallLimits();
  if (!ledger_.Affords(model, most)) {
    last_ = fmt::format("{}: a call may cost more than is left", models_[model].record.info.name);
    models_[model].too_dear = true;
    return std::nullopt;
  }
  call.request = std::make_shared<const ModelRequest>(std::move(request).value());
  ledger_.Reserve(call.call_id, model, most, call.alteration);
  ++models_[model].record.calls;
  ++calls_in_flight_;
  tree_->Reserve(call.path);
  RecordCall(call);
  calls_.push_back(call);
  return SendCall{call.call_id, call.model, call.request};
}

std::vector<Candidate> Search::RootSamples(Actions& actions) {
  constexpr int kAttempts = 20;  // for each
  std::vector<Candidate> samples;
  std::unordered_set<uint64_t> seen;
  for (int i = 0; i < config_.strategy.root_samples; ++i) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      Rng rng(config_.seed, "root", static_cast<uint64_t>(i * kAttempts + attempt));
      auto sample = actions.Sample(root_, rng);
      if (!sample.ok()) {
        NoteFailure(kRoot, OneLine(sample.error().message));
        continue;
      }
      const uint64_t program = sample->program_hash;
      if (tree_->FindProgram(program) != kNoNode || !seen.insert(program).second) continue;
      samples.push_back(*std::move(sample));
      break;
    }
  }
  return samples;
}

ScoreCandidates Search::AskScores(std::vector<Candidate> candidates) {
  ScoreCandidates question{.ticket = ++tickets_, .candidates = std::move(candidates)};
  asked_scores_[question.ticket] = question;
  ++scores_in_flight_;
  return question;
}

StateText Search::TextOf(NodeId id, double score) {
  StateText text{.script = "", .trace = PrintPlan(tree_->PlanOf(id)), .score = score};
  if (const auto candidate = CandidateOf(id); candidate.ok()) {
    if (auto script = compiler_->Script(*candidate); script.ok()) text.script = *std::move(script);
  }
  return text;
}

MeasuredPlan Search::Measured(NodeId id) const {
  const Node& node = tree_->node(id);
  MeasuredPlan measured{.plan = tree_->PlanOf(id), .latency_ms = kNoLatency, .failure = ""};
  if (id == kRoot) {
    measured.latency_ms = reference_.default_latency_ms;
  } else if (node.state == NodeState::kMeasured) {
    measured.latency_ms = basis_ms_ * std::exp(-node.log_speedup);
  } else if (node.state == NodeState::kFailed) {
    const auto& failures = info_[static_cast<size_t>(id)].failures;
    measured.failure = failures.empty() ? "failed" : failures.front();
  }
  return measured;
}

ModelStanding Search::StandingOf(size_t model) const {
  const ModelState& state = models_[model];
  const ModelUse& use = ledger_.use(model);
  ModelStanding standing{.info = state.record.info};
  standing.calls = use.calls - use.alterations;
  standing.alterations = use.alterations;
  standing.errors = use.errors;
  standing.hits = Hits(model);
  for (const CallGain& gain : state.record.gains) standing.mean_gain += gain.gain;
  if (!state.record.gains.empty()) {
    standing.mean_gain /= static_cast<double>(state.record.gains.size());
  }
  if (use.calls > 0) standing.mean_seconds = use.usage.seconds / static_cast<double>(use.calls);
  return standing;
}

std::vector<CallGain> Search::PastOf(const std::string& model) const {
  constexpr size_t kMost = 16;  // of a phase; the newest
  std::vector<CallGain> past;
  for (const Phase phase : {Phase::kStructure, Phase::kRefinement, Phase::kStuck}) {
    for (const bool family : {true, false}) {
      const size_t before = past.size();
      for (const PastGain& gain : past_gains_) {
        if (gain.model != model || gain.phase != phase || (family && !gain.same_family)) continue;
        past.push_back({phase, gain.gain});
        if (past.size() - before == kMost) break;
      }
      if (past.size() > before) break;  // other families only where this one was never seen
    }
  }
  return past;
}

std::string Search::RoutingNote() const {
  if (config_.strategy.routing != "thompson" || models_.empty()) return {};
  std::vector<ModelRecord> pool;
  for (const ModelState& model : models_) {
    pool.push_back(model.record);
    pool.back().past = PastOf(model.record.info.name);
  }
  return DescribePriors(pool);
}

RouteQuestion Search::QuestionAbout(const std::vector<size_t>& places) const {
  RouteQuestion question;
  question.phase = CurrentPhase();
  question.unit = cost_unit();
  question.worth = config_.strategy.strong_worth;
  question.calls_left = static_cast<double>(CallsLeft());
  for (const size_t place : places) {
    ModelRecord record = models_[place].record;
    record.past = PastOf(record.info.name);
    const ModelUse& use = ledger_.use(place);
    const double asked = static_cast<double>(use.calls);
    const bool seen = asked > 0 && use.usage.seconds > 0;
    const Price& price = record.info.price;
    double tokens = record.info.reads_text ? kUsualTokensIn + kUsualTokensOut : 0;
    record.usd = (price.in * kUsualTokensIn + price.out * kUsualTokensOut) / 1e6;
    record.seconds = record.info.reads_text ? kUsualSeconds : 0;
    if (seen) {
      tokens = static_cast<double>(use.usage.tokens_in + use.usage.tokens_out) / asked;
      if (use.usage.cost_usd > 0) record.usd = use.usage.cost_usd / asked;
      record.seconds = use.usage.seconds / asked;
    }
    const auto left = static_cast<double>(CallsLeft());
    const auto share = [left](double each, double rest) {
      return std::isfinite(rest) && each > 0 ? each * left / std::max(rest, 1e-9) : 0;
    };
    record.scarcity = std::max(
        {record.info.role == ModelRole::kStrong ? share(1, ledger_.strong_calls_left()) : 0,
         share(tokens, ledger_.tokens_left()), share(record.usd, ledger_.cost_left_usd())});
    question.pool.push_back(std::move(record));
  }
  for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
    if (question.advice.empty() && call == calls_.rbegin())
      question.advice = call->reply.next_model;
    if (call->gain_index < 0) continue;
    const bool light = models_[call->model].record.info.role == ModelRole::kLight;
    if (!light || call->gain > kGain) break;
    ++question.disappointed;
  }
  return question;
}

Result<ModelRequest> Search::MakeRequest(const Call& call) {
  ModelRequest request;
  request.workload = workload_;
  request.target = target_;
  request.root = root_;
  BANYAN_ASSIGN_OR_RETURN(request.leaf, CandidateOf(call.leaf));
  request.leaf_latency_ms = Measured(call.leaf).latency_ms;
  request.default_latency_ms = reference_.default_latency_ms;
  for (size_t i = 0; i + 1 < call.path.size(); ++i) request.path.push_back(Measured(call.path[i]));
  for (const uint64_t id : ranking_) {
    if (request.best.size() >= kBestInRequest) break;
    request.best.push_back(Measured(trials_[id - 1].node));
  }
  // Newest first, from the leaf up; then failed trials of its children.
  for (auto at = call.path.rbegin(); at != call.path.rend(); ++at) {
    const NodeInfo& info = info_[static_cast<size_t>(*at)];
    request.failures.insert(request.failures.end(), info.failures.rbegin(), info.failures.rend());
    const std::vector<Edge>& edges = tree_->node(*at).edges;
    for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge) {
      if (tree_->node(edge->child).state != NodeState::kFailed) continue;
      const auto& failures = info_[static_cast<size_t>(edge->child)].failures;
      request.failures.insert(request.failures.end(), failures.rbegin(), failures.rend());
    }
    if (request.failures.size() >= kFailuresInRequest) break;
  }
  if (request.failures.size() > kFailuresInRequest) request.failures.resize(kFailuresInRequest);
  for (size_t id = 0; id < tree_->size(); ++id) {
    request.tried_plans.push_back(tree_->node(static_cast<NodeId>(id)).plan_hash);
  }
  request.model = models_[call.model].record.info.name;
  for (size_t i = 0; i < models_.size(); ++i) request.pool.push_back(StandingOf(i));
  for (auto at = call.path.rbegin(); at != call.path.rend() && request.ask_history.size() < 3;
       ++at) {
    if (*at != kRoot) request.ask_history.push_back(info_[static_cast<size_t>(*at)].origin);
  }
  request.depth = static_cast<int64_t>(call.path.size()) - 1;
  request.progress =
      budget_.trials > 0 ? static_cast<double>(finished_) / static_cast<double>(budget_.trials) : 0;
  request.left = {.trials = TrialsLeft(),
                  .calls = CallsLeft() - 1,
                  .strong_calls = ledger_.strong_calls_left() -
                                  (models_[call.model].record.info.role == ModelRole::kStrong),
                  .tokens = ledger_.tokens_left(),
                  .cost_usd = ledger_.cost_left_usd(),
                  .seconds = budget_.seconds - elapsed_s_};
  if (models_[call.model].record.info.reads_text) {
    for (auto at = call.path.rbegin(); at != call.path.rend() && request.states.size() < 3; ++at) {
      request.states.push_back(TextOf(*at, ScoreOf(*at)));
    }
  }
  request.examples = examples_;
  request.peak_gflops = peak_gflops_;
  request.max_proposals = static_cast<size_t>(config_.strategy.proposals_per_call);
  request.trials_left = TrialsLeft();
  request.calls_left = CallsLeft() - 1;
  request.call_id = call.call_id;
  request.seed = ChildSeed(config_.seed, "call", call.call_id);
  return request;
}

NodeId Search::AddNode(NodeId parent, const Candidate& candidate, double prior, NodeInfo info) {
  const NodeId id =
      tree_->Add(parent, candidate.plan, candidate.plan_hash, candidate.program_hash, prior);
  info.structure = StructureHash(candidate.plan);
  const Node& node = tree_->node(id);
  NodeRecord record{.node_id = id,
                    .parent_id = parent,
                    .plan_hash = node.plan_hash,
                    .program_hash = node.program_hash,
                    .delta_is_plan = node.keep_steps < tree_->node(parent).plan_size,
                    .origin = info.origin,
                    .call_id = info.call_id,
                    .prior = prior,
                    .reason = info.reason};
  record.delta = PrintPlan(record.delta_is_plan ? candidate.plan : Plan{tree_->Delta(id)});
  rows_.push_back(std::move(record));
  info_.push_back(std::move(info));
  ++unmeasured_;
  candidates_.Put(id, candidate);
  return id;
}

Result<Candidate> Search::CandidateOf(NodeId id) {
  if (id == kRoot) return root_;
  if (const Candidate* known = candidates_.Find(id)) return *known;
  return compiler_->Apply(tree_->PlanOf(id));
}

std::optional<SubmitTrial> Search::StartTrial(const Path& path) {
  const NodeId id = path.back();
  --unmeasured_;
  const uint64_t program_hash = tree_->node(id).program_hash;
  // Without transpositions several nodes may hold one program: it is measured once.
  if (const auto it = trial_of_program_.find(program_hash); it != trial_of_program_.end()) {
    Trial& twin = trials_[it->second - 1];
    if (twin.finished) {
      const Node& answered = tree_->node(twin.node);
      if (answered.state == NodeState::kMeasured) {
        tree_->SetMeasured(id, answered.log_speedup, RewardOf(id, answered.log_speedup));
      } else {
        tree_->SetState(id, NodeState::kFailed);
      }
      tree_->Backup(path);
      Learn(id);
    } else {
      tree_->SetState(id, NodeState::kInFlight);
      twin.followers.emplace_back(id, path);
    }
    return std::nullopt;
  }
  auto candidate = CandidateOf(id);
  if (!candidate.ok()) {  // it applied before: only a bug of the compiler gets here
    tree_->SetState(id, NodeState::kFailed);
    NoteFailure(id, OneLine(candidate.error().message));
    tree_->Backup(path);
    Learn(id);
    return std::nullopt;
  }
  Trial trial;
  trial.trial_id = trials_.size() + 1;
  trial.node = id;
  trial.path = path;
  trial.queued_s = elapsed_s_;
  tree_->SetState(id, NodeState::kInFlight);
  tree_->Reserve(path);
  trial_of_program_.emplace(program_hash, trial.trial_id);
  ++trials_in_flight_;
  if (info_[static_cast<size_t>(id)].call_id == 0) ++free_trials_;
  RecordTrial(trial);
  trials_.push_back(std::move(trial));
  return SubmitTrial{trials_.back().trial_id, std::move(candidate).value()};
}

}  // namespace banyan
