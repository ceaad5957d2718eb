#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/actions.h"
#include "search/free_moves.h"
#include "search/search.h"
#include "search/selection.h"

namespace banyan {

// StrategyConfig::loop = tree. One candidate at a time: PUCT on measured values goes to a proposal
// that waits or to a place for a free move; calls are spread over the trials. docs/search.md.
class PuctSearch final : public Search {
 public:
  PuctSearch(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler,
             LimitsFunction limits);

  // Where PUCT would go now: to a node that is not measured, or to one that would get a new child.
  std::optional<Path> NextPath() const;
  // What selection takes for the own value of a measured node, in [0, 1].
  double OwnValue(const Node& node) const;
  // What selection takes for the value of an unmeasured node, in [0, 1].
  double UnmeasuredValue(NodeId id, double prior) const;
  const ValueRange& range() const { return range_; }

 private:
  // What may be done at a node besides going to its children.
  struct Arms {
    int64_t free_children = 0;
    int64_t calls_asked = 0;
    int64_t tired_at = -1;   // `finished_` when free moves last failed here
    bool exhausted = false;  // no free move is left here
  };
  struct PendingProposal {  // of a plan, or one draw of the parameters of a reply's mutators
    uint64_t call_id = 0;
    size_t index = 0;
  };
  struct Applied {  // what a proposal makes of its leaf
    Candidate candidate;
    NodeId parent = kNoNode;
    double confidence = 0;
    std::string reason;
  };
  struct Pick {  // a place in the tree where the next trial comes from
    Path path;   // ends at the node to measure, or at the node to make a new child of
    bool make_child = false;
  };

  Status Begin() override;
  std::optional<Action> NextWork() override;
  void OnReplied(Call& call) override { QueueProposals(call); }
  void OnSettled(const Trial& trial) override;
  void OnLearned(NodeId id, double gain) override;
  void OnScores(const ScoresEvent& event) override;
  double ScoreOf(NodeId id) const override;
  double RewardOf(NodeId id, double log_speedup) const override;
  void FillRequest(const Call& call, ModelRequest* request) override;
  double WakeAtS() const override;
  void OnTick() override;
  std::string DumpNode(NodeId id) const override;

  // puct_expand.cc: calls and their proposals
  bool CallDue() const;
  std::optional<SendCall> Ask();
  // The call that has the largest model redo what lighter ones made worse, if it is time for it.
  std::optional<SendCall> MaybeAlter();
  Review ReviewOf(const Call& call);
  void QueueProposals(Call& call);
  Result<Applied> Apply(const Call& call, const PendingProposal& pending);
  void ApplyProposal(const PendingProposal& pending);
  void FinishProposal(Call& call);
  // The next plain tiling of the unscheduled program, if the first reply is long in coming;
  // nullopt: it is not, or there is none that is new.
  std::optional<SubmitTrial> TryTiling();

  bool PredictsRewards() const { return config_.strategy.reward == "predicted"; }
  // Of a node, as a log-speedup, from before it was measured; NaN: none.
  double PredictionOf(NodeId id) const;
  std::optional<Action> AskAboutNew();
  void TransferPlans();
  // First states of MetaSchedule's design space, which mutators start from.
  void SampleRoots();

  // puct_choose.cc: where to go
  std::optional<SubmitTrial> NextTrial();
  std::optional<Pick> Choose() const;
  std::optional<Pick> ChooseUniformly();
  bool Descend(NodeId id, bool widen, Pick* pick) const;
  NodeId MakeChild(NodeId id);
  std::optional<FreeMove> RandomAction(NodeId id, Rng& rng);
  Path ChooseLeaf();
  bool MayMakeChild(NodeId id) const;
  bool FreeMovesAllowed() const;
  bool SamplingAllowed() const;
  // Whether there is a program that a model may be asked about: mutators need a measured sample.
  bool HasLeaves() const;
  // The first reply is long in coming: a share of the trials goes to what can be made without it.
  bool WaitsForFirstReply() const;
  bool WaitsLong() const { return WaitsForFirstReply() && calls_.front().slow; }
  double PatienceS(const Call& call) const;
  double ValueFromKin(NodeId id, double prior) const;
  double Calibrated(size_t model, double confidence) const;
  NodeId PartnerFor(NodeId id, Rng& rng) const;
  void RefreshRange();
  Arms& ArmsOf(NodeId id) {
    if (arms_.size() <= static_cast<size_t>(id)) arms_.resize(static_cast<size_t>(id) + 1);
    return arms_[static_cast<size_t>(id)];
  }
  const Arms& ArmsOf(NodeId id) const {
    static const Arms kNone;
    return static_cast<size_t>(id) < arms_.size() ? arms_[static_cast<size_t>(id)] : kNone;
  }

  const ActionSpace space_;
  const size_t largest_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<Actions> actions_;  // of mutators; none for plans
  std::unique_ptr<MoveMaker> moves_;
  uint64_t altered_up_to_ = 0;  // id of the last light call that the largest model reviewed
  std::vector<Arms> arms_;      // by node id; may be shorter
  std::deque<PendingProposal> pending_;
  int64_t applied_at_ = -1;                      // `events_read_` when one of them was applied last
  std::optional<std::deque<Proposal>> tilings_;  // those left; nullopt: not asked for yet
  int64_t tilings_made_ = 0;
  std::map<uint64_t, std::vector<double>> structure_values_;  // log-speedups by structure
  bool transferred_ = false;
  int64_t moves_made_ = 0;  // index of the next move's random stream
  ValueRange range_;
  ValueRange speeds_;  // of measured log-speedups where rewards are predicted; else as range_
  // Predictions of unmeasured nodes: their place among all that were asked about together, [0, 1].
  std::map<NodeId, double> scores_;
  std::map<NodeId, double> predictions_;  // where they are rewards
  std::vector<NodeId> asked_;             // nodes of the question under way
  NodeId scored_up_to_ = kRoot;
  int64_t trust_asked_at_ = -1;  // finished trials when it was asked for last
};

}  // namespace banyan
