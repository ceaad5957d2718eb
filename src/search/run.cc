#include "search/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>

#include "search/call_runner.h"
#include "search/journal_reader.h"
#include "search/scorer.h"
#include "search/search.h"
#include "search/timed_compiler.h"

namespace banyan {
namespace {

constexpr double kIdleS = 0.05;         // longest wait between looks at the cancel flag
constexpr double kTrustStep = 0.1;      // change of the trust in the cost model that is told
constexpr double kBesideCallS = 0.003;  // while a model may answer and a trial may end

// The imperative shell around Search: reads one outside thing at a time, journals it, lets the
// search think, does what it says.
class Driver {
 public:
  Driver(const RunConfig& config, const RunDependencies& deps)
      : config_(config),
        deps_(deps),
        compiler_(deps.compiler),
        scorer_(&compiler_, deps.cost_model),
        runner_(deps.clock),
        watch_(deps.clock) {}

  Result<SearchResult> Run(const std::vector<Event>& history) {
    cpu_start_s_ = ThreadCpuS();
    BANYAN_RETURN_IF_ERROR(LoadPast());
    BANYAN_RETURN_IF_ERROR(deps_.journal->Record(PoolRecord{Infos()}));
    BANYAN_RETURN_IF_ERROR(Replay(history));
    // A run that had ended goes on only if it was cancelled or has got more budget.
    const bool over =
        search_->stopped() && !search_->Summary().cancelled && !search_->IsRaised(config_.budget);
    const Status status = over ? Ok{} : Live(history);
    DropTrials();
    if (!status.ok()) {
      for (Model* model : deps_.pool) model->Cancel();  // nobody waits for their answers
      return status.error();
    }
    BANYAN_RETURN_IF_ERROR(
        deps_.journal->Record(TreeRecord{.events = next_index_, .dump = search_->DumpTree()}));
    BANYAN_RETURN_IF_ERROR(deps_.journal->Flush());
    return MakeResult();
  }

 private:
  std::vector<ModelInfo> Infos() const {
    std::vector<ModelInfo> infos;
    for (const Model* model : deps_.pool) infos.push_back(model->info());
    return infos;
  }

  Status LoadPast() {
    if (deps_.history == nullptr || !config_.strategy.transfer) return Ok{};
    std::vector<std::string> models;
    for (const Model* model : deps_.pool) models.push_back(model->name());
    BANYAN_ASSIGN_OR_RETURN(past_,
                            deps_.history->Load(compiler_.workload(), compiler_.target(), models));
    scorer_.Pretrain(past_.samples);
    past_.samples.clear();
    return Ok{};
  }

  // Nothing is done again: the actions of the history have had their effect. Rows are idempotent,
  // and the last ones before a kill may not have been written.
  Status Replay(const std::vector<Event>& history) {
    JournalReader reader(&history);
    reader_ = &reader;
    const auto limits = [this](size_t model, const ModelRequest& request) {
      return Limits(model, request);
    };
    BANYAN_ASSIGN_OR_RETURN(search_, Search::Make(config_, Infos(), &compiler_, limits));
    next_index_ = static_cast<int64_t>(history.size());
    while (true) {
      BANYAN_ASSIGN_OR_RETURN(const Event* read, reader.Next());
      if (read == nullptr) break;
      const Event& event = *read;
      elapsed_before_s_ = event_elapsed_s_ = event.elapsed_s;
      (void)search_->Advance(event);
      if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
        BANYAN_RETURN_IF_ERROR(Learn(outcome->outcome));
      }
      if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
        build_before_s_ += outcome->outcome.build_s;
        run_before_s_ += outcome->outcome.run_s;
      }
    }
    reader_ = nullptr;
    BANYAN_RETURN_IF_ERROR(limits_written_);
    return RecordRows();
  }

  // What a call may cost is read from outside, too: from the journal as far as it goes, else from
  // the model, and then it is journalled before it is used.
  CallLimits Limits(size_t model, const ModelRequest& request) {
    if (reader_ != nullptr) {
      if (const auto known = reader_->TakeLimits(model)) return *known;
    }
    const CallLimits limits = deps_.pool[model]->Limits(request);
    if ((limits.tokens == 0 && limits.cost_usd == 0) || !limits_written_.ok()) return limits;
    limits_written_ = deps_.journal->Append(
        {.index = next_index_++,
         .elapsed_s = event_elapsed_s_,
         .body = LimitsEvent{.call_id = request.call_id, .model = model, .limits = limits}});
    return limits;
  }

  Status Live(const std::vector<Event>& history) {
    Report();
    const double before_s = ThreadCpuS();
    BANYAN_ASSIGN_OR_RETURN(
        const ReferenceOutcome reference,
        deps_.measurer->Prepare(compiler_.workload(), compiler_.target(), config_.seed));
    const double peak_gflops = history.empty() ? PeakGflops() : 0;
    cpu_start_s_ += ThreadCpuS() - before_s;  // measuring the machine is not searching
    if (history.empty()) {
      BANYAN_RETURN_IF_ERROR(
          Read(ReferenceEvent{reference, peak_gflops, config_.budget, std::move(past_.examples),
                              std::move(past_.gains)}));
      Note(search_->RoutingNote());
    } else {
      BANYAN_RETURN_IF_ERROR(Read(ResumeEvent{config_.budget}));
    }
    while (!search_->stopped()) BANYAN_RETURN_IF_ERROR(ReadNext());
    DropTrials();
    // Calls in flight are paid for: their replies belong into the ledger, and end soon.
    for (Model* model : deps_.pool) model->Cancel();
    while (runner_.in_flight() > 0) {
      if (auto answer = runner_.TakeInOrder(kIdleS))
        BANYAN_RETURN_IF_ERROR(ReadReply(*std::move(answer)));
    }
    return Ok{};
  }

  // The loop's body: one event.
  Status ReadNext() {
    if (Cancelled()) return Read(CancelEvent{"cancelled"});
    if (finals_) return ReadFinals();
    if (scores_wanted_) return ReadScores();
    if (!refused_.empty()) {
      OutcomeEvent event{std::move(refused_.front())};
      refused_.pop_front();
      return Read(std::move(event));
    }
    const double left_s = std::max(0.0, search_->next_deadline_s() - ElapsedS());
    const bool trials = deps_.measurer->InFlight() > 0;
    const bool calls = runner_.in_flight() > 0;
    if (left_s == 0) return ReadArrived(trials, calls);
    if (!trials && !calls) return Internal("the search waits, but nothing is under way");
    if (calls && deps_.measurer->Instant()) {
      auto answer = runner_.TakeInOrder(std::min(kIdleS, left_s));
      return answer ? ReadReply(*std::move(answer)) : Status();
    }
    if (calls) {
      if (auto answer = runner_.Take(trials ? 0 : std::min(kIdleS, left_s))) {
        return ReadReply(*std::move(answer));
      }
    }
    if (trials) {
      if (auto outcome = deps_.measurer->Wait(std::min(calls ? kBesideCallS : kIdleS, left_s))) {
        return Read(OutcomeEvent{*std::move(outcome)});
      }
    }
    return Ok{};
  }

  // It is time for a tick; what is there already comes first.
  Status ReadArrived(bool trials, bool calls) {
    const bool instant = deps_.measurer->Instant();
    if (calls && !instant) {
      if (auto answer = runner_.Take(0)) return ReadReply(*std::move(answer));
    }
    if (trials && !instant) {
      if (auto outcome = deps_.measurer->Wait(0)) return Read(OutcomeEvent{*std::move(outcome)});
    }
    return Read(TickEvent{});
  }

  Status ReadScores() {
    const ScoreCandidates question = *std::exchange(scores_wanted_, std::nullopt);
    BANYAN_RETURN_IF_ERROR(Read(scorer_.Answer(question)));
    if (deps_.cost_model != nullptr) NoteTrust(search_->trust());
    return Ok{};
  }

  // At first, and when it has changed.
  void NoteTrust(double trust) {
    if (noted_trust_ && std::fabs(trust - *noted_trust_) < kTrustStep) return;
    noted_trust_ = trust;
    Note(
        fmt::format("cost model: trusted {:.2f}, the rank correlation of its predictions with what "
                    "was measured",
                    trust));
  }

  // 0: not known.
  double PeakGflops() {
    if (!deps_.peak_gflops) return 0;
    const auto peak = deps_.peak_gflops();
    return peak.ok() ? *peak : 0;
  }

  Status ReadFinals() {
    DropTrials();
    // Also of a model that was never asked: each program was tried as it came.
    if (deps_.cost_model != nullptr) NoteTrust(deps_.cost_model->trust());
    std::vector<TrialRequest> requests;
    const RunFinals finals = *std::exchange(finals_, std::nullopt);
    for (const auto& finalist : finals.finalists) {
      const auto module_json = compiler_.ModuleJson(finalist.candidate);
      if (!module_json.ok()) continue;
      requests.push_back({.trial_id = finalist.trial_id,
                          .program_hash = finalist.candidate.program_hash,
                          .module_json = *module_json,
                          .timing = config_.measure.final_timing});
    }
    FinalsEvent event;
    auto outcomes = deps_.measurer->Finals(requests);
    if (outcomes.ok()) {
      event.finals = std::move(outcomes).value();
    } else if (Cancelled()) {  // a resumed run measures them
      return Read(CancelEvent{"cancelled"});
    }  // else the search's own samples decide
    event.drift = deps_.measurer->drift();
    event.peak_gflops = PeakGflops();
    return Read(std::move(event));
  }

  // What replay will read is what is used now: the reply goes through its journalled form first.
  Status ReadReply(CallRunner::Answer answer) {
    ReplyEvent event{answer.call_id, {}};
    const Json journalled = ToJson(answer.reply);
    auto reply = ModelReplyFromJson(journalled);
    if (reply.ok()) {
      event.reply = std::move(reply).value();
    } else {
      event.reply.failure = CallFailure::kUnusable;
      event.reply.error = "unusable reply: " + reply.error().message;
      event.reply.usage = answer.reply.usage;
      event.reply.exchanges = std::move(answer.reply.exchanges);
    }
    return Read(std::move(event));
  }

  template <typename Body>
  Status Read(Body body) {
    Event event{.index = next_index_++, .elapsed_s = ElapsedS(), .body = std::move(body)};
    BANYAN_RETURN_IF_ERROR(deps_.journal->Append(event));
    event_elapsed_s_ = event.elapsed_s;
    if (auto* reply = std::get_if<ReplyEvent>(&event.body)) reply->reply.exchanges.clear();
    search_->Ingest(event);
    while (auto action = search_->Next()) {
      BANYAN_RETURN_IF_ERROR(limits_written_);
      BANYAN_RETURN_IF_ERROR(std::visit([this](auto& what) { return this->Do(what); }, *action));
    }
    BANYAN_RETURN_IF_ERROR(limits_written_);
    // After the workers have their next trial: features take as long as applying a plan.
    if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
      BANYAN_RETURN_IF_ERROR(Learn(outcome->outcome));
    }
    BANYAN_RETURN_IF_ERROR(RecordRows());
    Report();
    return Ok{};
  }

  Status Do(SubmitTrial& trial) {
    auto module_json = compiler_.ModuleJson(trial.candidate);
    if (!module_json.ok()) {
      refused_.push_back(
          FailedTrial(trial.trial_id, FailureKind::kBuildError, module_json.error().message));
      return Ok{};
    }
    deps_.measurer->Submit({.trial_id = trial.trial_id,
                            .program_hash = trial.candidate.program_hash,
                            .module_json = std::move(module_json).value(),
                            .timing = config_.measure.timing});
    return Ok{};
  }
  Status Do(SendCall& call) {
    BANYAN_RETURN_IF_ERROR(deps_.journal->Record(RequestRecord{call.call_id, call.request}));
    runner_.Start(call.call_id, deps_.pool[call.model], call.request);
    return Ok{};
  }
  Status Do(SetStopAbove& stop) {
    deps_.measurer->SetStopAbove(stop.latency_ms);
    return Ok{};
  }
  Status Do(ScoreCandidates& question) {
    scores_wanted_ = std::move(question);
    return Ok{};
  }
  Status Do(RunFinals& finals) {
    finals_ = std::move(finals);
    return Ok{};
  }
  static Status Do(Stop&) { return Ok{}; }

  // Trials in flight at the end are spent and have no outcome; a resumed run queues them again.
  void DropTrials() {
    if (deps_.measurer->InFlight() == 0) return;
    deps_.measurer->CancelAll();
    while (deps_.measurer->InFlight() > 0) (void)deps_.measurer->Wait(kIdleS);
  }

  Status Learn(const TrialOutcome& outcome) {
    if (!scorer_.learns()) return Ok{};
    const auto measurement = search_->MeasurementOf(outcome.trial_id);
    if (!measurement) return Ok{};
    Features features = scorer_.Learn(measurement->candidate, measurement->log_speedup);
    if (features.empty()) return Ok{};
    return deps_.journal->Record(
        FeatureRecord{measurement->candidate.program_hash, std::move(features)});
  }

  Status RecordRows() {
    for (const Row& row : search_->TakeRows()) {
      BANYAN_RETURN_IF_ERROR(
          std::visit([this](const auto& record) { return deps_.journal->Record(record); }, row));
    }
    return Ok{};
  }

  void Report() {
    if (!deps_.on_progress) return;
    RunProgress progress = search_->Progress();
    progress.elapsed_s = ElapsedS();
    deps_.on_progress(progress);
  }

  void Note(const std::string& text) const {
    if (deps_.on_note && !text.empty()) deps_.on_note(text);
  }

  bool Cancelled() const { return deps_.cancel != nullptr && deps_.cancel->load(); }
  double ElapsedS() const { return elapsed_before_s_ + watch_.ElapsedS(); }

  SearchResult MakeResult() {
    SearchResult result = search_->Summary();
    result.wall_s = ElapsedS();
    for (const auto& [name, use] : result.models) result.models_s += use.usage.seconds;
    result.apply_s = compiler_.spent_s();
    result.search_s = std::max(0.0, ThreadCpuS() - cpu_start_s_ - compiler_.spent_s());
    result.build_s = build_before_s_ + deps_.measurer->build_s();
    result.run_s = run_before_s_ + deps_.measurer->run_s();
    return result;
  }

  const RunConfig& config_;
  const RunDependencies& deps_;
  TimedCompiler compiler_;
  std::unique_ptr<Search> search_;
  Scorer scorer_;
  CallRunner runner_;
  Stopwatch watch_;
  std::deque<TrialOutcome> refused_;  // programs that could not be handed to a builder
  std::optional<RunFinals> finals_;
  std::optional<ScoreCandidates> scores_wanted_;
  RunHistory past_;
  JournalReader* reader_ = nullptr;  // while the journal is read back
  Status limits_written_;
  double event_elapsed_s_ = 0;         // when the event that the search thinks about was read
  std::optional<double> noted_trust_;  // the trust in the cost model that was last told
  int64_t next_index_ = 0;
  double elapsed_before_s_ = 0;
  double build_before_s_ = 0;
  double run_before_s_ = 0;
  double cpu_start_s_ = 0;
};

}  // namespace

Result<SearchResult> RunSearch(const RunConfig& config, const std::vector<Event>& history,
                               const RunDependencies& deps) {
  return Driver(config, deps).Run(history);
}

}  // namespace banyan
