#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/bounded_map.h"
#include "base/rng.h"
#include "model/ledger.h"
#include "schedule/compiler.h"
#include "search/event.h"
#include "search/journal.h"
#include "search/router.h"
#include "search/run.h"
#include "search/run_config.h"
#include "search/search_action.h"
#include "search/tree.h"

namespace banyan {

class Actions;

// Equal for plans of one structure: those that differ in numbers only.
uint64_t StructureHash(const Plan& plan);

using Row = std::variant<NodeRecord, TrialRecord, CallRecord>;

// The search as a state machine: a pure function of (configuration, pool, events), the compiler
// being deterministic. No clock, no threads, no input or output. It alone changes the tree. Not
// thread-safe.
//
//   search->Ingest(event); while (auto action = search->Next()) Perform(*action);
//
// Next does one piece of work at a time (a plan applied, a trial chosen), so that the first trial
// of a reply is being built while the second is chosen. It must be called until nullopt after every
// event, in a replay as well.
//
// This class keeps the books: budgets, trials, calls, records, finals. What is tried next is the
// business of the loops that derive from it, one for each StrategyConfig::loop.
class Search {
 public:
  // Upper bounds of a call; a pure function. Empty: calls cost nothing but themselves.
  using LimitsFunction = std::function<CallLimits(size_t model, const ModelRequest&)>;

  // `compiler` is borrowed. Fails if the strategy, the budget or the root program is not usable.
  static Result<std::unique_ptr<Search>> Make(RunConfig config, std::vector<ModelInfo> pool,
                                              Compiler* compiler, LimitsFunction limits = {});
  virtual ~Search() = default;

  void Ingest(const Event& event);
  std::optional<Action> Next();
  std::vector<Action> Advance(const Event& event);  // both

  // Rows that are new or changed since the last call.
  std::vector<Row> TakeRows();

  // Seconds of active time at which a TickEvent is wanted; infinity: none.
  double next_deadline_s() const { return std::min(SearchEndS(), WakeAtS()); }
  // Whether `budget` is larger than the one in force.
  bool IsRaised(const Budget& budget) const;
  bool stopped() const { return phase_ == RunPhase::kStopped; }
  // Stopped, and reading ResumeEvent{budget} would not change that.
  bool Over(const Budget& budget) const { return stopped() && !cancelled_ && !IsRaised(budget); }

  RunProgress Progress() const;
  std::string RoutingNote()
      const;  // what is believed of the models now; empty: they are not routed
  double trust() const { return trust_; }  // in the cost model, as the last scores said
  SearchResult Summary() const;            // what the search knows: all but times of the driver
  // Canonical text of the tree and all that was spent; free of wall times and run ids.
  std::string DumpTree() const;
  const Tree& tree() const { return *tree_; }
  // What a finished trial measured and the log-speedup it stands for, for a cost model; nullopt:
  // it is not known, or says nothing about the program.
  struct Measurement {
    Candidate candidate;
    std::optional<double> log_speedup;  // nullopt: the program failed
  };
  std::optional<Measurement> MeasurementOf(uint64_t trial_id);

 protected:
  enum class RunPhase { kReference, kSearch, kFinals, kStopped };
  static constexpr double kNoLatency = std::numeric_limits<double>::quiet_NaN();

  struct NodeInfo {
    std::string origin = {};
    uint64_t call_id = 0;
    std::string reason = {};
    uint64_t structure = 0;                  // hash of ops and blocks, without numbers
    NodeId base = kNoNode;                   // the plan that a free move started from
    std::vector<std::string> keys = {};      // of the parameters that a free move changed
    std::vector<std::string> failures = {};  // one-line reasons, oldest first
  };
  struct Trial {
    uint64_t trial_id = 0;
    NodeId node = kNoNode;
    Path path;
    bool finished = false;
    double latency_ms = kNoLatency;
    std::vector<std::pair<NodeId, Path>>
        followers;  // nodes of the same program (no transpositions)
    TrialOutcome outcome;
    double queued_s = 0;
    double ended_s = 0;
  };
  struct Call {
    uint64_t call_id = 0;
    size_t model = 0;
    NodeId leaf = kNoNode;
    Path path;
    std::shared_ptr<const ModelRequest> request;
    std::string why;
    Phase phase = Phase::kStructure;
    bool alteration = false;
    double asked_at = 0;     // finished trials when it was asked
    double sent_s = 0;       // of the run's active time
    bool slow = false;       // the loop no longer waits for it
    double best_before = 0;  // log-speedup when it was asked
    bool answered = false;
    ModelReply reply;
    int64_t accepted = 0;
    int64_t unapplied = 0;   // proposals not looked at yet
    int64_t unmeasured = 0;  // accepted ones without an outcome
    int64_t measured = 0;
    bool improved = false;  // a proposal was better than what it was made from
    double gain = 0;
    int64_t gain_index = -1;  // in its model's record; -1: not settled
  };
  struct ModelState {
    ModelRecord record;
    int64_t illegal = 0;    // proposals that did not apply
    int64_t known = 0;      // proposals of programs that were in the tree
    double measured = 0;    // proposals with an outcome
    double improved = 0;    // of them: better than the leaf they were made for
    bool too_dear = false;  // a call did not fit into what is left
  };

  Search(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler, LimitsFunction limits);

  // ---- What a loop brings
  // Called once, when the root is known.
  virtual Status Begin() { return Ok{}; }
  // The next thing to do; nullopt: it waits for an event, or has nothing left.
  virtual std::optional<Action> NextWork() = 0;
  // A call was answered (or failed) while the search runs, or after a cancellation.
  virtual void OnReplied(Call& call) = 0;
  // A trial ended; its node is up to date.
  virtual void OnSettled(const Trial& trial) = 0;
  // What the tree backs up for a node that was measured.
  virtual double RewardOf(NodeId id, double log_speedup) const {
    (void)id;
    return log_speedup;
  }
  // What a node's result was worth, over the plan it came from (-1: it failed).
  virtual void OnLearned(NodeId id, double gain) = 0;
  virtual void OnScores(const ScoresEvent& event) { (void)event; }
  // When the loop wants a tick though nothing happened; infinity: never.
  virtual double WakeAtS() const { return std::numeric_limits<double>::infinity(); }
  virtual void OnTick() {}
  // What a prompt shows of a node's worth, in [0, 1]; NaN: nothing is known.
  virtual double ScoreOf(NodeId id) const = 0;
  // What the loop adds to a request, before it is sent.
  virtual void FillRequest(const Call& call, ModelRequest* request) {
    (void)call;
    (void)request;
  }
  // Children better than their parent, as the loop counts them.
  virtual int64_t Hits(size_t model) const { return static_cast<int64_t>(models_[model].improved); }
  virtual std::string DumpNode(NodeId id) const = 0;  // ends in no '\n'
  virtual std::string DumpLoop() const { return {}; }

  // ---- search.cc: what events do
  void On(const ReferenceEvent& event);
  void On(const ReplyEvent& event);
  void On(const OutcomeEvent& event);
  void On(const ScoresEvent& event);
  void On(const TickEvent& event);
  void On(const CancelEvent& event);
  void On(const FinalsEvent& event);
  void On(const ResumeEvent& event);
  void On(const LimitsEvent&) {}
  void UseBudget(const Budget& budget);
  void Settle(Trial& trial);
  void Learn(NodeId id);
  void SettleCall(Call& call);
  void NoteFailure(NodeId id, std::string reason);
  void EndSearch(std::string reason);
  // Trials that the finals would measure again now, fastest first; last 0: the unscheduled program.
  std::vector<uint64_t> Finalists() const;
  RunFinals MakeFinals();
  double SearchEndS() const;  // by the budget of seconds, time for the finals taken off
  double FinalsReserveS() const;
  SetStopAbove StopAbove() const;
  double BestValue() const;
  void RecordTrial(const Trial& trial);
  void RecordCall(const Call& call);

  // ---- search_work.cc: what loops do with
  // Reserves and records a call; `call` brings path, why and whether it is an alteration. nullopt:
  // it may cost more than is left.
  std::optional<SendCall> StartCall(size_t model, Call call, std::optional<Review> review = {});
  Result<ModelRequest> MakeRequest(const Call& call);
  NodeId AddNode(NodeId parent, const Candidate& candidate, double prior, NodeInfo info);
  std::optional<SubmitTrial> StartTrial(const Path& path);
  // Up to root_samples different programs that are not in the tree.
  std::vector<Candidate> RootSamples(Actions& actions);
  ScoreCandidates AskScores(std::vector<Candidate> candidates);
  MeasuredPlan Measured(NodeId id) const;
  Result<Candidate> CandidateOf(NodeId id);
  StateText TextOf(NodeId id, double score);
  Phase CurrentPhase() const;
  bool CallPossible() const;
  int64_t TrialsLeft() const { return budget_.trials - static_cast<int64_t>(trials_.size()); }
  int64_t CallsLeft() const { return ledger_.calls_left(); }
  bool SlotFree() const { return trials_in_flight_ <= config_.measure.workers && TrialsLeft() > 0; }
  bool ReadsText() const;
  bool AnyAffordable() const;
  ModelStanding StandingOf(size_t model) const;
  // Gains of the model's calls in earlier runs: of this workload's family, else of any.
  std::vector<CallGain> PastOf(const std::string& model) const;
  // What the router is asked about these models of the pool.
  RouteQuestion QuestionAbout(const std::vector<size_t>& places) const;
  CostUnit cost_unit() const { return ParseCostUnit(config_.strategy.cost_unit).value(); }

  const RunConfig config_;
  Compiler* const compiler_;
  const LimitsFunction limits_;
  std::unique_ptr<Tree> tree_;
  std::shared_ptr<const Workload> workload_;
  std::shared_ptr<const Target> target_;
  Candidate root_;

  Budget budget_;  // as the last event that names one says
  Ledger ledger_;
  RunPhase phase_ = RunPhase::kReference;
  std::string stop_reason_;
  bool cancelled_ = false;
  RunPhase cancelled_in_ = RunPhase::kReference;
  double elapsed_s_ = 0;
  int64_t events_read_ = 0;
  ReferenceOutcome reference_;
  std::vector<ExamplePlan> examples_;  // of earlier runs, as the first event says
  std::vector<PastGain> past_gains_;
  double basis_ms_ = kNoLatency;  // log-speedups are over this
  double peak_gflops_ = 0;
  double drift_ = 1;
  double trust_ = 0;  // in the cost model, as the last scores said
  std::string last_;

  std::vector<NodeInfo> info_;  // by node id
  std::vector<Trial> trials_;   // by trial id - 1
  std::vector<Call> calls_;     // by call id - 1
  std::vector<ModelState> models_;
  std::deque<Action> ready_;  // decided while an event was read
  int64_t unmeasured_ = 0;    // nodes that wait for a trial
  int64_t trials_in_flight_ = 0;
  int64_t calls_in_flight_ = 0;
  int64_t scores_in_flight_ = 0;
  std::map<uint64_t, ScoreCandidates> asked_scores_;
  uint64_t tickets_ = 0;
  int64_t free_trials_ = 0;
  std::vector<uint64_t> ranking_;  // ids of measured trials, fastest first
  int64_t trials_at_best_ = 0;     // finished trials when the best was found
  int64_t finished_ = 0;
  std::unordered_map<uint64_t, uint64_t> trial_of_program_;
  BoundedMap<NodeId, Candidate> candidates_;  // pictures kept for speed
  std::vector<FinalOutcome> finals_;
  std::vector<Row> rows_;
};

}  // namespace banyan
