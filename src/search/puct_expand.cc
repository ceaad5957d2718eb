// How the tree of PuctSearch grows: calls and their proposals.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/hash.h"
#include "base/strings.h"
#include "model/experts.h"
#include "search/puct_search.h"

namespace banyan {
namespace {

// Calls are spread over this share of the trials, so that the last proposals can still be measured.
constexpr double kCallSpan = 0.75;
// Slow calls overlap; each asks about another leaf, virtual loss keeps them apart.
constexpr int64_t kCallsAtOnce = 3;
constexpr double kDrawConfidence = 0.5;  // a reply that names mutators states none
constexpr size_t kTilings = 4;           // plain ones that the wait for the first reply may bring

}  // namespace

bool PuctSearch::CallDue() const {
  if (!pending_.empty() || !CallPossible() || !HasLeaves()) return false;
  if (calls_.empty()) return true;
  if (calls_in_flight_ > 0 && (calls_in_flight_ >= kCallsAtOnce || !calls_.back().slow)) {
    return false;
  }
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

// Course alteration as the shared tree has it (LiteCoOp/COLT), on what was measured: one streak for
// the whole tree, of light models' calls of whose proposals half or more were measured and none was
// better than what it was made from; on every n-th in a row the largest model sees the last of
// them and redoes it.
std::optional<SendCall> PuctSearch::MaybeAlter() {
  const StrategyConfig& strategy = config_.strategy;
  if (!strategy.course_alteration || models_[largest_].too_dear) return std::nullopt;
  if (!ledger_.Affords(largest_, {})) return std::nullopt;
  int64_t streak = 0;
  const Call* last = nullptr;
  for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
    const bool judged = call->measured > 0 && 2 * call->measured >= call->accepted;
    if (call->model == largest_ || !judged) continue;
    if (call->improved || call->call_id == altered_up_to_) break;
    if (last == nullptr) last = &*call;
    ++streak;
  }
  if (last == nullptr || streak < strategy.alteration_every) return std::nullopt;
  Call call;
  call.path = last->path;
  call.alteration = true;
  call.why = fmt::format("course alteration after {} regressions in a row", streak);
  const uint64_t reviewed = last->call_id;
  auto sent = StartCall(largest_, std::move(call), ReviewOf(*last));
  if (sent) altered_up_to_ = reviewed;
  return sent;
}

Review PuctSearch::ReviewOf(const Call& call) {
  Review review;
  review.model = models_[call.model].record.info.name;
  review.measured = true;
  review.mutators = call.reply.mutators;
  // Of the call's programs the best, else the first that failed.
  NodeId child = kNoNode;
  for (size_t i = 1; i < tree_->size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (info_[i].call_id != call.call_id) continue;
    const bool better =
        child == kNoNode || (tree_->node(id).state == NodeState::kMeasured &&
                             (tree_->node(child).state != NodeState::kMeasured ||
                              tree_->node(id).log_speedup > tree_->node(child).log_speedup));
    if (better) child = id;
  }
  const auto text_of = [this](NodeId id) {
    if (models_[largest_].record.info.reads_text) return TextOf(id, ScoreOf(id));
    return StateText{.script = "", .trace = PrintPlan(tree_->PlanOf(id)), .score = ScoreOf(id)};
  };
  review.parent = text_of(call.leaf);
  if (child == kNoNode) return review;
  review.child = text_of(child);
  if (!review.mutators.empty()) return review;
  // What the child has that its leaf has not.
  const Plan before = tree_->PlanOf(call.leaf);
  const Plan after = tree_->PlanOf(child);
  const size_t kept = before.CommonSteps(after);
  review.taken_back = before.steps.size() - kept;
  review.steps.assign(after.steps.begin() + static_cast<std::ptrdiff_t>(kept), after.steps.end());
  return review;
}

std::optional<SendCall> PuctSearch::Ask() {
  if (!HasLeaves()) return std::nullopt;
  if (auto altered = MaybeAlter()) return altered;
  std::vector<size_t> places;
  for (size_t i = 0; i < models_.size(); ++i) {
    if (!models_[i].too_dear && ledger_.Affords(i, {})) places.push_back(i);
  }
  Call call;
  Rng rng(config_.seed, "route", calls_.size() + 1);
  const Route route = router_->Choose(QuestionAbout(places), rng);
  if (route.model < 0) return std::nullopt;
  call.why = route.why;
  call.path = ChooseLeaf();
  const NodeId leaf = call.path.back();
  auto sent = StartCall(places[static_cast<size_t>(route.model)], std::move(call));
  if (sent) ++ArmsOf(leaf).calls_asked;
  return sent;
}

void PuctSearch::QueueProposals(Call& call) {
  // Best first as the model says, but one of each structure before a second of any.
  const auto most = static_cast<size_t>(config_.strategy.proposals_per_call);
  if (space_ == ActionSpace::kMutators) {
    // TVM draws the parameters of mutators: each draw is another program.
    const size_t draws = call.reply.mutators.empty() ? 0 : most;
    for (size_t i = 0; i < draws; ++i) pending_.push_back({call.call_id, i});
    call.unapplied = static_cast<int64_t>(draws);
    return;
  }
  const size_t count = std::min(call.reply.proposals.size(), most);
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

Result<PuctSearch::Applied> PuctSearch::Apply(const Call& call, const PendingProposal& pending) {
  if (space_ == ActionSpace::kMutators) {
    BANYAN_ASSIGN_OR_RETURN(const Candidate leaf, CandidateOf(call.leaf));
    Rng rng(config_.seed, "reply", HashCombine(call.call_id, pending.index));
    ActionOutcome outcome = actions_->Apply(leaf, call.reply,
                                            {.stop_at_failure = config_.strategy.stop_at_failure,
                                             .tries = config_.strategy.action_tries},
                                            rng);
    if (outcome.applied == 0) return IllegalStep(Join(outcome.reasons, "; "));
    return Applied{.candidate = std::move(outcome.candidate),
                   .parent = call.leaf,
                   .confidence = kDrawConfidence,
                   .reason = Join(call.reply.mutators, ", ")};
  }
  const Proposal& proposal = call.reply.proposals[pending.index];
  const size_t leaf_size = tree_->node(call.leaf).plan_size;
  if (proposal.keep_steps > leaf_size) {
    return InvalidArgument(
        fmt::format("keeps {} steps of a plan that has {}", proposal.keep_steps, leaf_size));
  }
  if (proposal.steps.empty()) return InvalidArgument("a proposal without steps");
  Applied applied{.candidate = {},
                  .parent = call.leaf,
                  .confidence = proposal.confidence,
                  .reason = OneLine(proposal.reason)};
  if (proposal.keep_steps == leaf_size) {
    BANYAN_ASSIGN_OR_RETURN(const Candidate leaf, CandidateOf(call.leaf));
    BANYAN_ASSIGN_OR_RETURN(applied.candidate, compiler_->Extend(leaf, proposal.steps));
    return applied;
  }
  Plan plan = tree_->PlanOf(call.leaf);
  plan.steps.resize(proposal.keep_steps);
  BANYAN_ASSIGN_OR_RETURN(applied.candidate, compiler_->Apply(plan.Then(proposal.steps)));
  applied.parent = tree_->DeepestPrefix(applied.candidate.plan);
  return applied;
}

void PuctSearch::ApplyProposal(const PendingProposal& pending) {
  Call& call = calls_[pending.call_id - 1];
  ModelState& model = models_[call.model];
  --call.unapplied;
  const Result<Applied> applied = Apply(call, pending);
  if (!applied.ok()) {
    ++model.illegal;
    // Of the draws of one reply's mutators all fail alike.
    const bool again = space_ == ActionSpace::kMutators && pending.index > 0;
    if (!again) NoteFailure(call.leaf, OneLine(applied.error().message));
    FinishProposal(call);
    return;
  }
  const Candidate& candidate = applied->candidate;
  const double prior = Calibrated(call.model, applied->confidence);
  const NodeId known = config_.strategy.transpositions ? tree_->FindProgram(candidate.program_hash)
                                                       : tree_->FindPlan(candidate.plan_hash);
  if (known != kNoNode) {
    // Known already: another way to it, answered from this run if it was measured.
    ++model.known;
    Path path = tree_->PathTo(call.leaf);
    if (tree_->Link(call.leaf, known, prior)) {
      path.push_back(known);
      const NodeState state = tree_->node(known).state;
      if (state == NodeState::kMeasured || state == NodeState::kFailed) tree_->Backup(path);
    }
  } else {
    NodeInfo info{.origin = model.record.info.name,
                  .call_id = call.call_id,
                  .reason = applied->reason,
                  .base = call.leaf};
    AddNode(applied->parent, candidate, prior, std::move(info));
    ++call.accepted;
    ++call.unmeasured;
    ledger_.CountAccepted(call.model);
  }
  FinishProposal(call);
}

void PuctSearch::FinishProposal(Call& call) {
  if (call.unapplied > 0) return;
  RecordCall(call);
  SettleCall(call);
}

std::optional<SubmitTrial> PuctSearch::TryTiling() {
  if (!WaitsLong() || config_.strategy.while_waiting != "tilings") return std::nullopt;
  if (space_ == ActionSpace::kMutators) return std::nullopt;
  if (!SlotFree() || !FreeMovesAllowed()) return std::nullopt;
  if (!tilings_) {
    ModelRequest request;
    request.target = target_;
    request.root = request.leaf = root_;
    request.max_proposals = kTilings;
    const ModelReply reply = HeuristicExpert().Propose(request);
    tilings_.emplace(reply.proposals.begin(), reply.proposals.end());
  }
  while (!tilings_->empty()) {
    const Proposal tiling = std::move(tilings_->front());
    tilings_->pop_front();
    const auto candidate = compiler_->Extend(root_, tiling.steps);
    if (!candidate.ok() || tree_->FindProgram(candidate->program_hash) != kNoNode) continue;
    const NodeId id = AddNode(kRoot, *candidate, tiling.confidence,
                              {.origin = "tiling", .reason = tiling.reason, .base = kRoot});
    ++tilings_made_;
    if (PredictsRewards()) continue;  // each waits for its prediction
    if (auto trial = StartTrial({kRoot, id})) return trial;
  }
  return std::nullopt;
}

}  // namespace banyan
