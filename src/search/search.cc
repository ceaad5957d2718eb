#include "search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "search/generation_search.h"
#include "search/population_search.h"
#include "search/puct_search.h"
#include "search/strategy.h"

namespace banyan {
namespace {

// A candidate whose first sample is this far behind the best is not worth further samples; noise of
// a single run reaches a fifth, bursts more.
constexpr double kRaceFactor = 1.5;
// Latency must fall by this much (as a log-ratio) to count as progress.
constexpr double kProgress = 0.01;
// Finalists are within this factor of the best; the unscheduled program joins if it is within this
// one.
constexpr double kFinalistFactor = 1.25;
constexpr double kDefaultFactor = 2;

constexpr size_t kPictures = 256;  // candidates kept at hand

}  // namespace

Search::Search(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler,
               LimitsFunction limits)
    : config_(std::move(config)),
      compiler_(compiler),
      limits_(std::move(limits)),
      workload_(std::make_shared<Workload>(compiler->workload())),
      target_(std::make_shared<Target>(compiler->target())),
      ledger_(pool, config_.strategy.charge_failed_calls),
      candidates_(kPictures) {
  for (ModelInfo& info : pool) {
    ModelState state;
    state.record.info = std::move(info);
    models_.push_back(std::move(state));
  }
}

Result<std::unique_ptr<Search>> Search::Make(RunConfig config, std::vector<ModelInfo> pool,
                                             Compiler* compiler, LimitsFunction limits) {
  BANYAN_RETURN_IF_ERROR(CheckBudget(config.budget));
  BANYAN_RETURN_IF_ERROR(CheckStrategy(config.strategy));
  const std::string loop = config.strategy.loop;
  std::unique_ptr<Search> search;
  if (loop == "tree") {
    search.reset(new PuctSearch(std::move(config), std::move(pool), compiler, std::move(limits)));
  } else if (loop == "generations") {
    search.reset(
        new GenerationSearch(std::move(config), std::move(pool), compiler, std::move(limits)));
  } else {
    search.reset(
        new PopulationSearch(std::move(config), std::move(pool), compiler, std::move(limits)));
  }
  BANYAN_ASSIGN_OR_RETURN(search->root_, compiler->Root());
  const Candidate& root = search->root_;
  search->tree_ = std::make_unique<Tree>(root.plan_hash, root.program_hash);
  search->info_.push_back({.origin = "root"});
  search->rows_.push_back(NodeRecord{.node_id = kRoot,
                                     .parent_id = -1,
                                     .plan_hash = root.plan_hash,
                                     .program_hash = root.program_hash,
                                     .origin = "root"});
  BANYAN_RETURN_IF_ERROR(search->Begin());
  return search;
}

void Search::Ingest(const Event& event) {
  if (std::holds_alternative<LimitsEvent>(event.body)) return;  // read when they were asked for
  elapsed_s_ = std::max(elapsed_s_, event.elapsed_s);
  ++events_read_;
  std::visit([this](const auto& body) { On(body); }, event.body);
}

std::vector<Action> Search::Advance(const Event& event) {
  Ingest(event);
  std::vector<Action> actions;
  while (auto action = Next()) actions.push_back(*std::move(action));
  return actions;
}

std::optional<Action> Search::Next() {
  while (true) {
    if (!ready_.empty()) {
      Action action = std::move(ready_.front());
      ready_.pop_front();
      return action;
    }
    if (phase_ != RunPhase::kSearch) return std::nullopt;
    if (elapsed_s_ >= SearchEndS()) {
      EndSearch("seconds spent");
      continue;
    }
    if (auto action = NextWork()) return action;
    if (!ready_.empty()) continue;
    if (scores_in_flight_ > 0) return std::nullopt;
    if (trials_in_flight_ > 0) return std::nullopt;
    if (TrialsLeft() == 0) {
      EndSearch("trials spent");
    } else if (calls_in_flight_ == 0) {
      EndSearch("nothing left to try");
    } else {
      return std::nullopt;
    }
  }
}

std::vector<Row> Search::TakeRows() { return std::exchange(rows_, {}); }

void Search::On(const ReferenceEvent& event) {
  if (phase_ != RunPhase::kReference) return;
  reference_ = event.reference;
  peak_gflops_ = event.peak_gflops;
  examples_ = event.examples;
  past_gains_ = event.gains;
  UseBudget(event.budget);
  const bool known =
      std::isfinite(event.reference.default_latency_ms) && event.reference.default_latency_ms > 0;
  if (known) basis_ms_ = event.reference.default_latency_ms;
  tree_->SetRootValue(0, known);
  phase_ = RunPhase::kSearch;
  last_ = known ? fmt::format("unscheduled: {:.4g} ms", basis_ms_) : "unscheduled: too slow to run";
}

void Search::On(const ReplyEvent& event) {
  if (event.call_id == 0 || event.call_id > calls_.size()) return;
  Call& call = calls_[event.call_id - 1];
  if (call.answered) return;
  call.answered = true;
  call.reply = event.reply;
  call.request = nullptr;
  --calls_in_flight_;
  tree_->Release(call.path);

  ledger_.Settle(call.call_id, call.reply);
  for (ModelState& model : models_) model.too_dear = false;  // what was reserved is free again
  const ModelState& model = models_[call.model];
  last_ = call.reply.error.empty()
              ? fmt::format("{}: {} proposals", model.record.info.name, call.reply.proposals.size())
              : fmt::format("{}: {}", model.record.info.name, call.reply.error);
  // What the reader of the reply left out goes to the next prompt on this branch, with its reason.
  for (const std::string& note : call.reply.notes) {
    if (note.find("left out") != std::string::npos) NoteFailure(call.leaf, OneLine(note));
  }
  // What is answered after a cancellation waits for a resumed run.
  if (phase_ == RunPhase::kSearch || cancelled_) OnReplied(call);
  RecordCall(call);
  if (call.unapplied == 0) SettleCall(call);
}

void Search::On(const OutcomeEvent& event) {
  const uint64_t id = event.outcome.trial_id;
  if (phase_ != RunPhase::kSearch || id == 0 || id > trials_.size()) return;
  Trial& trial = trials_[id - 1];
  if (trial.finished) return;
  trial.finished = true;
  trial.outcome = event.outcome;
  trial.ended_s = elapsed_s_;
  --trials_in_flight_;
  ++finished_;
  if (trial.outcome.ok()) trial.latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
  if (!std::isfinite(trial.latency_ms) || trial.latency_ms <= 0) trial.latency_ms = kNoLatency;
  Settle(trial);
  RecordTrial(trial);
}

void Search::On(const ScoresEvent& event) {
  const auto asked = asked_scores_.find(event.ticket);
  if (asked == asked_scores_.end()) return;
  const bool whole = event.scores.size() == asked->second.candidates.size();
  asked_scores_.erase(asked);
  --scores_in_flight_;
  trust_ = event.trust;
  if (whole) OnScores(event);
}

void Search::On(const TickEvent&) { OnTick(); }

void Search::On(const CancelEvent& event) {
  if (phase_ == RunPhase::kStopped) return;
  cancelled_ = true;
  cancelled_in_ = phase_;
  phase_ = RunPhase::kStopped;
  stop_reason_ = event.reason.empty() ? "cancelled" : event.reason;
  ready_.clear();
  ready_.push_back(Stop{stop_reason_});
}

void Search::On(const FinalsEvent& event) {
  if (phase_ != RunPhase::kFinals) return;
  finals_ = event.finals;
  drift_ = event.drift;
  // The larger: a share of the peak is of the best that the core has shown.
  peak_gflops_ = std::fmax(peak_gflops_, event.peak_gflops);
  phase_ = RunPhase::kStopped;
  ready_.push_back(Stop{stop_reason_});
}

bool Search::IsRaised(const Budget& budget) const {
  return budget.trials > budget_.trials || budget.calls > budget_.calls ||
         budget.strong_calls > budget_.strong_calls || budget.tokens > budget_.tokens ||
         budget.cost_usd > budget_.cost_usd || budget.seconds > budget_.seconds;
}

void Search::UseBudget(const Budget& budget) {
  budget_ = budget;
  for (ModelState& model : models_) model.too_dear = false;
  ledger_.SetLimits({.calls = budget.calls,
                     .strong_calls = budget.strong_calls,
                     .tokens = budget.tokens,
                     .cost_usd = budget.cost_usd});
}

void Search::On(const ResumeEvent& event) {
  ready_.clear();
  const bool raised = IsRaised(event.budget);
  UseBudget(event.budget);
  if (phase_ == RunPhase::kStopped && cancelled_) {
    cancelled_ = false;
    phase_ = cancelled_in_;
  }
  if (raised && (phase_ == RunPhase::kStopped || phase_ == RunPhase::kFinals)) {
    phase_ = RunPhase::kSearch;
    finals_.clear();
  }
  if (phase_ == RunPhase::kSearch) stop_reason_.clear();
  if (phase_ == RunPhase::kReference) return;
  if (phase_ == RunPhase::kStopped) {
    ready_.push_back(Stop{stop_reason_});
    return;
  }
  if (phase_ == RunPhase::kFinals) {
    ready_.push_back(MakeFinals());
    return;
  }
  if (config_.strategy.racing && !ranking_.empty()) ready_.push_back(StopAbove());
  for (Trial& trial : trials_) {
    if (trial.finished) continue;
    auto candidate = CandidateOf(trial.node);
    if (candidate.ok()) ready_.push_back(SubmitTrial{trial.trial_id, std::move(candidate).value()});
  }
  // What a kill left unanswered is asked again.
  for (const auto& [ticket, question] : asked_scores_) ready_.push_back(question);
  for (Call& call : calls_) {
    if (call.answered) continue;
    if (models_[call.model].record.info.repeatable) {
      ready_.push_back(SendCall{call.call_id, call.model, call.request});
    } else {
      ReplyEvent lost{.call_id = call.call_id, .reply = {}};
      lost.reply.error = "the run was interrupted before the answer came";
      On(lost);
    }
  }
}

void Search::Settle(Trial& trial) {
  const bool ok = std::isfinite(trial.latency_ms);
  NodeInfo& info = info_[static_cast<size_t>(trial.node)];
  if (ok) {
    if (!std::isfinite(basis_ms_)) basis_ms_ = trial.latency_ms;
    const double value = std::log(basis_ms_ / trial.latency_ms);
    const bool first = ranking_.empty();
    const double before = first ? 0 : BestValue();
    const auto place = std::upper_bound(
        ranking_.begin(), ranking_.end(), trial.latency_ms,
        [this](double ms, uint64_t id) { return ms < trials_[id - 1].latency_ms; });
    ranking_.insert(place, trial.trial_id);
    if (first || value > before + kProgress) trials_at_best_ = finished_;
    if (config_.strategy.racing && ranking_.front() == trial.trial_id)
      ready_.push_back(StopAbove());
    last_ = fmt::format("trial {}: {:.4g} ms ({})", trial.trial_id, trial.latency_ms, info.origin);
    tree_->SetMeasured(trial.node, value, RewardOf(trial.node, value));
  } else {
    tree_->SetState(trial.node, NodeState::kFailed);
    const char* const kind = FailureKindName(trial.outcome.failure);
    last_ = fmt::format("trial {}: {} ({})", trial.trial_id, kind, info.origin);
    NoteFailure(trial.node,
                fmt::format("{}{}{}", kind, trial.outcome.failure_text.empty() ? "" : ": ",
                            trial.outcome.failure_text));
  }
  tree_->Release(trial.path);
  tree_->Backup(trial.path);
  for (const auto& [node, path] : std::exchange(trial.followers, {})) {
    if (ok) {
      const double same = tree_->node(trial.node).log_speedup;
      tree_->SetMeasured(node, same, RewardOf(node, same));
    } else {
      tree_->SetState(node, NodeState::kFailed);
    }
    tree_->Backup(path);
    Learn(node);
  }
  OnSettled(trial);
  Learn(trial.node);
}

void Search::Learn(NodeId id) {
  const NodeInfo& info = info_[static_cast<size_t>(id)];
  const bool ok = tree_->node(id).state == NodeState::kMeasured;
  const double value = ok ? tree_->node(id).log_speedup : 0;
  const Node& base = tree_->node(info.base == kNoNode ? kRoot : info.base);
  const double base_value = base.state == NodeState::kMeasured ? base.log_speedup : 0;
  OnLearned(id, ok ? value - base_value : -1);
  if (info.call_id == 0) return;
  Call& call = calls_[info.call_id - 1];
  ModelState& model = models_[call.model];
  model.measured += 1;
  if (ok && value > base_value + kProgress) {
    model.improved += 1;
    call.improved = true;
  }
  if (ok) call.gain = std::max(call.gain, value - call.best_before);
  --call.unmeasured;
  ++call.measured;
  SettleCall(call);
}

// A call's gain is known once the first of its proposals was measured, and grows with the others.
void Search::SettleCall(Call& call) {
  const bool over = call.answered && call.unapplied == 0 && call.unmeasured == 0;
  if (call.measured == 0 && !over) return;
  std::vector<CallGain>& gains = models_[call.model].record.gains;
  if (call.gain_index < 0) {
    call.gain_index = static_cast<int64_t>(gains.size());
    gains.push_back({call.phase, 0});
  }
  gains[static_cast<size_t>(call.gain_index)].gain = call.gain;
  RecordCall(call);
}

double Search::BestValue() const {
  return tree_->node(trials_[ranking_.front() - 1].node).log_speedup;
}

SetStopAbove Search::StopAbove() const {
  return {kRaceFactor * trials_[ranking_.front() - 1].latency_ms};
}

void Search::NoteFailure(NodeId id, std::string reason) {
  // Long compiler output helps nobody in a prompt.
  constexpr size_t kLongest = 300;
  if (reason.size() > kLongest) reason = reason.substr(0, kLongest) + "...";
  constexpr size_t kKept = 16;
  std::vector<std::string>& failures = info_[static_cast<size_t>(id)].failures;
  failures.push_back(std::move(reason));
  if (failures.size() > kKept) failures.erase(failures.begin());
}

void Search::EndSearch(std::string reason) {
  stop_reason_ = std::move(reason);
  RunFinals finals = MakeFinals();
  if (finals.finalists.empty()) {
    phase_ = RunPhase::kStopped;
    ready_.push_back(Stop{stop_reason_});
  } else {
    phase_ = RunPhase::kFinals;
    ready_.push_back(std::move(finals));
  }
}

std::vector<uint64_t> Search::Finalists() const {
  std::vector<uint64_t> ids;
  const double best_ms = ranking_.empty() ? kNoLatency : trials_[ranking_[0] - 1].latency_ms;
  for (const uint64_t id : ranking_) {
    if (ids.size() >= static_cast<size_t>(config_.strategy.finalists)) break;
    if (trials_[id - 1].latency_ms > best_ms * kFinalistFactor) break;
    ids.push_back(id);
  }
  if (!ids.empty() && best_ms * kDefaultFactor > reference_.default_latency_ms) ids.push_back(0);
  return ids;
}

RunFinals Search::MakeFinals() {
  RunFinals finals;
  for (const uint64_t id : Finalists()) {
    auto candidate = CandidateOf(id == 0 ? kRoot : trials_[id - 1].node);
    if (candidate.ok()) finals.finalists.push_back({id, std::move(candidate).value()});
  }
  return finals;
}

// Builds and samples of those that would be finalists now, and a tenth on top.
double Search::FinalsReserveS() const {
  const Timing& timing = config_.measure.final_timing;
  double reserve_s = 0;
  for (const uint64_t id : Finalists()) {
    const double latency_ms = id == 0 ? reference_.default_latency_ms : trials_[id - 1].latency_ms;
    // A call to warm up before every sample; of a slow kernel that call is the sample.
    double round_ms = latency_ms;
    if (latency_ms <= kEnoughSampleMs) {
      round_ms += std::min(std::max(timing.min_repeat_ms, timing.number * latency_ms),
                           kEnoughSampleMs + latency_ms);
    }
    reserve_s += 1.1e-3 * round_ms * timing.repeat;
    if (id > 0) reserve_s += trials_[id - 1].outcome.build_s;
  }
  return reserve_s;
}

double Search::SearchEndS() const {
  if (phase_ != RunPhase::kSearch || !std::isfinite(budget_.seconds)) {
    return std::numeric_limits<double>::infinity();
  }
  return std::max(0.0, budget_.seconds - FinalsReserveS());
}

}  // namespace banyan
