// How the tree grows: calls, proposals, trials.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "search/search.h"

namespace banyan {
namespace {

constexpr size_t kPictures = 256;  // candidates kept at hand
constexpr size_t kBestInRequest = 8;
constexpr size_t kFailuresInRequest = 8;
// Calls are spread over this share of the trials, so that the last proposals can still be measured.
constexpr double kCallSpan = 0.75;

Json WithoutNumbers(const Json& json) {
  if (json.is_number()) return 0;
  if (!json.is_structured()) return json;
  Json out = json;
  for (Json& item : out) item = WithoutNumbers(item);
  return out;
}

// Two plans of one structure differ in numbers only.
uint64_t StructureHash(const Plan& plan) {
  uint64_t hash = 0;
  for (const Step& step : plan.steps) {
    hash = HashCombine(hash, Hash64(step.op + WithoutNumbers(step.args).dump()));
  }
  return hash;
}

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

bool Search::CallPossible() const {
  return config_.strategy.routing != "none" && !models_.empty() && CallsLeft() > 0 &&
         TrialsLeft() > 0;
}

bool Search::CallDue() const {
  if (calls_in_flight_ > 0 || !pending_.empty() || !CallPossible()) return false;
  if (calls_.empty()) return true;
  if (unmeasured_ >= TrialsLeft()) return false;
  // Spread over the trials; and not before something was learnt from the last one, up to a point.
  const double each =
      kCallSpan * static_cast<double>(budget_.trials) / static_cast<double>(budget_.calls);
  const auto finished = static_cast<double>(finished_);
  const Call& last = calls_.back();
  if (last.measured == 0 && last.unmeasured > 0 && finished < last.asked_at + 2 * each)
    return false;
  return finished >= each * static_cast<double>(calls_.size());
}

std::optional<SendCall> Search::StartCall() {
  std::vector<ModelRecord> records;
  for (const ModelState& model : models_) records.push_back(model.record);
  Call call;
  call.call_id = calls_.size() + 1;
  call.phase = CurrentPhase();
  Rng rng(config_.seed, "route", call.call_id);
  const Route route = router_->Choose(records, call.phase, rng);
  if (route.model < 0) return std::nullopt;
  call.model = static_cast<size_t>(route.model);
  call.why = route.why;
  call.path = ChooseLeaf();
  call.leaf = call.path.back();
  call.asked_at = static_cast<double>(finished_);
  call.best_before = ranking_.empty() ? 0 : std::max(0.0, BestValue());
  auto request = MakeRequest(call);
  if (!request.ok()) return std::nullopt;
  call.request = std::make_shared<const ModelRequest>(std::move(request).value());

  ModelState& model = models_[call.model];
  ++model.record.calls;
  ++model.use.calls;
  ++info_[static_cast<size_t>(call.leaf)].calls_asked;
  ++calls_in_flight_;
  tree_->Reserve(call.path);
  RecordCall(call);
  calls_.push_back(call);
  return SendCall{call.call_id, call.model, call.request};
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
  request.peak_gflops = peak_gflops_;
  request.max_proposals = static_cast<size_t>(config_.strategy.proposals_per_call);
  request.trials_left = TrialsLeft();
  request.calls_left = CallsLeft() - 1;
  request.call_id = call.call_id;
  request.seed = ChildSeed(config_.seed, "call", call.call_id);
  return request;
}

void Search::QueueProposals(Call& call) {
  // Best first as the model says, but one of each structure before a second of any.
  const size_t count = std::min(call.reply.proposals.size(),
                                static_cast<size_t>(config_.strategy.proposals_per_call));
  const Plan leaf = tree_->PlanOf(call.leaf);
  std::unordered_set<uint64_t> seen;
  std::vector<PendingProposal> again;
  for (size_t i = 0; i < count; ++i) {
    const Proposal& proposal = call.reply.proposals[i];
    Plan plan = leaf;
    plan.steps.resize(std::min(proposal.keep_steps, plan.steps.size()));
    plan = plan.Then(proposal.steps);
    const PendingProposal pending{call.call_id, i};
    if (seen.insert(StructureHash(plan)).second) {
      pending_.push_back(pending);
    } else {
      again.push_back(pending);
    }
  }
  pending_.insert(pending_.end(), again.begin(), again.end());
  call.unapplied = static_cast<int64_t>(count);
}

void Search::ApplyProposal(const PendingProposal& pending) {
  Call& call = calls_[pending.call_id - 1];
  const Proposal proposal = call.reply.proposals[pending.index];
  ModelState& model = models_[call.model];
  --call.unapplied;
  const size_t leaf_size = tree_->node(call.leaf).plan_size;

  auto apply = [&]() -> Result<Candidate> {
    if (proposal.keep_steps > leaf_size) {
      return InvalidArgument(
          fmt::format("keeps {} steps of a plan that has {}", proposal.keep_steps, leaf_size));
    }
    if (proposal.steps.empty()) return InvalidArgument("a proposal without steps");
    if (proposal.keep_steps == leaf_size) {
      BANYAN_ASSIGN_OR_RETURN(const Candidate leaf, CandidateOf(call.leaf));
      return compiler_->Extend(leaf, proposal.steps);
    }
    Plan plan = tree_->PlanOf(call.leaf);
    plan.steps.resize(proposal.keep_steps);
    return compiler_->Apply(plan.Then(proposal.steps));
  };
  const Result<Candidate> candidate = apply();
  const double prior = Calibrated(call.model, proposal.confidence);
  if (!candidate.ok()) {
    ++model.illegal;
    NoteFailure(call.leaf, OneLine(candidate.error().message));
  } else if (const NodeId known = config_.strategy.transpositions
                                      ? tree_->FindProgram(candidate->program_hash)
                                      : tree_->FindPlan(candidate->plan_hash);
             known != kNoNode) {
    // Known already: another way to it, answered from this run if it was measured.
    ++model.known;
    Path path = tree_->PathTo(call.leaf);
    if (tree_->Link(call.leaf, known, prior)) {
      path.push_back(known);
      const NodeState state = tree_->node(known).state;
      if (state == NodeState::kMeasured || state == NodeState::kFailed) tree_->Backup(path);
    }
  } else {
    const bool appends = proposal.keep_steps == leaf_size;
    const NodeId parent = appends ? call.leaf : tree_->DeepestPrefix(candidate->plan);
    NodeInfo info{.origin = model.record.info.name,
                  .call_id = call.call_id,
                  .reason = OneLine(proposal.reason),
                  .base = call.leaf};
    AddNode(parent, *candidate, prior, std::move(info));
    ++call.accepted;
    ++call.unmeasured;
    ++model.use.accepted;
  }
  if (call.unapplied == 0) {
    RecordCall(call);
    SettleCall(call);
  }
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
  record.delta = PrintPlan(record.delta_is_plan ? candidate.plan : Plan{node.delta});
  rows_.push_back(std::move(record));
  info_.push_back(std::move(info));
  ++unmeasured_;
  candidates_[id] = candidate;
  candidate_age_.push_back(id);
  while (candidate_age_.size() > kPictures) {
    candidates_.erase(candidate_age_.front());
    candidate_age_.pop_front();
  }
  return id;
}

Result<Candidate> Search::CandidateOf(NodeId id) {
  if (id == kRoot) return root_;
  if (const auto it = candidates_.find(id); it != candidates_.end()) return it->second;
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
        tree_->SetMeasured(id, answered.log_speedup);
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
