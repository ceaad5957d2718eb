// How the tree of PuctSearch grows: calls and their proposals.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/strings.h"
#include "model/experts.h"
#include "search/puct_search.h"

namespace banyan {
namespace {

// Calls are spread over this share of the trials, so that the last proposals can still be measured.
constexpr double kCallSpan = 0.75;
// Slow calls overlap; each asks about another leaf, virtual loss keeps them apart.
constexpr int64_t kCallsAtOnce = 3;
constexpr size_t kTilings = 4;  // plain ones that the wait for the first reply may bring

}  // namespace

bool PuctSearch::CallDue() const {
  if (!pending_.empty() || !CallPossible()) return false;
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

std::optional<SendCall> PuctSearch::Ask() {
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

void PuctSearch::ApplyProposal(const PendingProposal& pending) {
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
    ledger_.CountAccepted(call.model);
  }
  if (call.unapplied == 0) {
    RecordCall(call);
    SettleCall(call);
  }
}

std::optional<SubmitTrial> PuctSearch::TryTiling() {
  if (!WaitsLong() || config_.strategy.while_waiting != "tilings") return std::nullopt;
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
    if (auto trial = StartTrial({kRoot, id})) return trial;
  }
  return std::nullopt;
}

}  // namespace banyan
