// What the search tells: rows, progress, the result, the canonical dump.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "base/hash.h"
#include "search/search.h"

namespace banyan {
void Search::RecordTrial(const Trial& trial) {
  const Node& node = tree_->node(trial.node);
  rows_.push_back(TrialRecord{.trial_id = trial.trial_id,
                              .node_id = trial.node,
                              .program_hash = node.program_hash,
                              .plan = PrintPlan(tree_->PlanOf(trial.node)),
                              .finished = trial.finished,
                              .outcome = trial.outcome,
                              .elapsed_s = trial.finished ? trial.ended_s : trial.queued_s});
}

void Search::RecordCall(const Call& call) {
  const ModelInfo& info = models_[call.model].record.info;
  rows_.push_back(CallRecord{.call_id = call.call_id,
                             .model = info.name,
                             .role = info.role,
                             .node_id = call.leaf,
                             .why = call.why,
                             .answered = call.answered,
                             .reply = call.reply,
                             .accepted = call.accepted,
                             .phase = PhaseName(call.phase),
                             .gain = call.gain_index < 0 ? kNoLatency : call.gain});
}

RunProgress Search::Progress() const {
  static constexpr const char* kPhases[] = {"reference", "search", "finals", "done"};
  RunProgress progress;
  progress.phase = kPhases[static_cast<int>(phase_)];
  progress.trials_done = finished_;
  progress.trials_started = static_cast<int64_t>(trials_.size());
  progress.calls_made = static_cast<int64_t>(calls_.size());
  progress.elapsed_s = elapsed_s_;
  progress.default_latency_ms =
      phase_ == RunPhase::kReference ? kNoLatency : reference_.default_latency_ms;
  progress.best_latency_ms =
      ranking_.empty() ? kNoLatency : trials_[ranking_.front() - 1].latency_ms;
  progress.last = last_;
  progress.trust = trust_;
  return progress;
}

SearchResult Search::Summary() const {
  SearchResult result;
  result.default_latency_ms = reference_.default_latency_ms;
  result.best_latency_ms = kNoLatency;
  result.best_latency_ci_ms = {kNoLatency, kNoLatency};
  std::vector<double> samples;
  bool unscheduled_ran = false;
  // Of the finals where there were any that ended well; else of the search's own samples.
  for (const FinalOutcome& final : finals_) {
    const double latency_ms = RankingLatencyMs(final.samples_ms);
    if (final.failure != FailureKind::kNone || !std::isfinite(latency_ms)) continue;
    unscheduled_ran = unscheduled_ran || final.trial_id == 0;
    if (samples.empty() || latency_ms < result.best_latency_ms) {
      result.best_latency_ms = latency_ms;
      result.best_trial_id = final.trial_id;
      samples = final.samples_ms;
    }
  }
  for (const uint64_t id : ranking_) {
    if (!samples.empty()) break;
    // What gave a wrong result or crashed in the finals is no winner.
    const auto final = std::find_if(finals_.begin(), finals_.end(),
                                    [id](const FinalOutcome& f) { return f.trial_id == id; });
    if (final != finals_.end() && final->failure != FailureKind::kRunTimeout) continue;
    const Trial& best = trials_[id - 1];
    result.best_latency_ms = best.latency_ms;
    result.best_trial_id = id;
    samples = best.outcome.samples_ms;
  }
  const double unscheduled_ms = reference_.default_latency_ms;
  // Its time at the start says less than the finals it took part in.
  if (std::isfinite(unscheduled_ms) && !unscheduled_ran &&
      (samples.empty() || unscheduled_ms <= result.best_latency_ms)) {
    result.best_latency_ms = unscheduled_ms;
    result.best_trial_id = 0;
    samples = reference_.samples_ms;
    if (samples.empty()) samples = {unscheduled_ms};
  }
  if (!samples.empty()) result.best_latency_ci_ms = MedianIntervalMs(samples);
  if (result.best_trial_id > 0) {
    result.best_plan = tree_->PlanOf(trials_[result.best_trial_id - 1].node);
  }

  result.trials = static_cast<int64_t>(trials_.size());
  result.calls = static_cast<int64_t>(calls_.size());
  result.strong_calls = ledger_.strong_calls();
  for (const Trial& trial : trials_) {
    // A trial that the end of the run dropped is spent all the same.
    const FailureKind kind = trial.finished ? trial.outcome.failure : FailureKind::kCancelled;
    if (kind != FailureKind::kNone) ++result.failed_trials[FailureKindName(kind)];
  }
  for (size_t i = 0; i < models_.size(); ++i) {
    result.models[models_[i].record.info.name] = ledger_.use(i);
  }
  result.peak_gflops = peak_gflops_;
  result.drift = drift_;
  result.nodes = static_cast<int64_t>(tree_->size());
  result.cancelled = cancelled_;
  result.stop_reason = stop_reason_;
  return result;
}

std::optional<Search::Measurement> Search::MeasurementOf(uint64_t trial_id) {
  if (trial_id == 0 || trial_id > trials_.size()) return std::nullopt;
  const Trial& trial = trials_[trial_id - 1];
  const Node& node = tree_->node(trial.node);
  const bool measured = node.state == NodeState::kMeasured;
  const bool failed = node.state == NodeState::kFailed && trial.finished &&
                      trial.outcome.failure != FailureKind::kCancelled &&
                      trial.outcome.failure != FailureKind::kNotMeasured;
  if (!measured && !failed) return std::nullopt;
  auto candidate = CandidateOf(trial.node);
  if (!candidate.ok()) return std::nullopt;
  return Measurement{std::move(candidate).value(),
                     measured ? std::optional<double>(node.log_speedup) : std::nullopt};
}

std::string Search::DumpTree() const {
  std::string out =
      fmt::format("strategy {} seed {} phase {}{}\n", config_.strategy.name, config_.seed,
                  Progress().phase, stop_reason_.empty() ? "" : ": " + stop_reason_);
  out += fmt::format("trials {}/{} calls {}/{} free {}\n", trials_.size(), budget_.trials,
                     calls_.size(), budget_.calls, free_trials_);
  for (size_t i = 0; i < tree_->size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& node = tree_->node(id);
    const NodeInfo& info = info_[i];
    out += fmt::format("node {} parent {} {} {} program {} visits {} flight {}", id, node.parent,
                       info.origin, NodeStateName(node.state), HashHex(node.program_hash),
                       node.visits, node.in_flight);
    if (node.state == NodeState::kMeasured) out += " own " + FormatExact(node.log_speedup);
    if (node.value.total() > 0) {
      out += fmt::format(
          " best {} mean {} failed {}", FormatExact(node.value.best),
          FormatExact(node.value.measured > 0 ? node.value.sum / node.value.measured : NAN),
          FormatExact(node.value.failed));
    }
    if (info.call_id > 0) out += fmt::format(" call {}", info.call_id);
    out += DumpNode(id);
    out += '\n';
    if (id != kRoot) {
      out += fmt::format("  keep {} plan {}\n", node.keep_steps, HashHex(node.plan_hash));
      for (const Step& step : tree_->Delta(id)) out += "  + " + PrintStep(step) + "\n";
    }
    if (!info.reason.empty()) out += "  reason: " + info.reason + "\n";
    for (const std::string& failure : info.failures) out += "  failure: " + failure + "\n";
    for (const Edge& edge : node.edges) {
      out += fmt::format("  -> {} prior {} visits {} flight {}\n", edge.child,
                         FormatExact(edge.prior), edge.visits, edge.in_flight);
    }
  }
  for (const Trial& trial : trials_) {
    out += fmt::format("trial {} node {} {} {}\n", trial.trial_id, trial.node,
                       trial.finished ? FailureKindName(trial.outcome.failure) : "in_flight",
                       FormatExact(trial.latency_ms));
  }
  for (const Call& call : calls_) {
    out += fmt::format("call {} {} leaf {} phase {} {} accepted {} gain {}\n", call.call_id,
                       models_[call.model].record.info.name, call.leaf, PhaseName(call.phase),
                       call.answered ? "answered" : "in_flight", call.accepted,
                       FormatExact(call.gain));
  }
  for (size_t i = 0; i < models_.size(); ++i) {
    const ModelState& model = models_[i];
    const ModelUse& use = ledger_.use(i);
    out += fmt::format(
        "model {} calls {} proposals {} accepted {} illegal {} known {} improved {}/{}\n",
        model.record.info.name, use.calls, use.proposals, use.accepted, model.illegal, model.known,
        model.improved, model.measured);
  }
  out += DumpLoop();
  for (const FinalOutcome& final : finals_) {
    out += fmt::format("final {} {} {}\n", final.trial_id, FailureKindName(final.failure),
                       FormatExact(RankingLatencyMs(final.samples_ms)));
  }
  return out;
}

}  // namespace banyan
