#include "search/testing/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace banyan {

Status MemoryJournal::Append(const Event& event) {
  if (event.index == fail_at) return EnvironmentError("the disk is full");
  events.push_back(event);
  return Ok{};
}
Status MemoryJournal::Record(const NodeRecord& node) {
  nodes[node.node_id] = node;
  return Ok{};
}
Status MemoryJournal::Record(const TrialRecord& trial) {
  trials[trial.trial_id] = trial;
  return Ok{};
}
Status MemoryJournal::Record(const CallRecord& call) {
  calls[call.call_id] = call;
  return Ok{};
}

RunConfig TestConfig(int64_t trials, int64_t calls, uint64_t seed) {
  RunConfig config;
  config.workload_text = "fake";
  config.target_text = "fake";
  config.seed = seed;
  config.budget.trials = trials;
  config.budget.calls = calls;
  return config;
}

TrialOutcome MeasureFake(const SubmitTrial& trial) {
  const double latency_ms = FakeLatencyMs(trial.candidate);
  TrialOutcome outcome;
  outcome.trial_id = trial.trial_id;
  outcome.samples_ms = {latency_ms, latency_ms, latency_ms};
  outcome.build_s = 0.1;
  outcome.run_s = 0.05;
  return outcome;
}

// About right, and deterministic: the speed with an error that hangs on the program.
ScoresEvent ScoreFake(const ScoreCandidates& question) {
  ScoresEvent event{.ticket = question.ticket, .scores = {}, .trust = 0.5};
  for (const Candidate& candidate : question.candidates) {
    Rng rng(candidate.program_hash, "score");
    event.scores.push_back(0.7 / FakeLatencyMs(candidate) + 0.1 * rng.Uniform());
  }
  return event;
}

Simulation::Simulation(RunConfig config, std::vector<Model*> pool, SimulationOptions options)
    : config_(std::move(config)),
      pool_(std::move(pool)),
      options_(std::move(options)),
      compiler_(options_.compiler ? options_.compiler() : MakeFakeCompiler()) {
  if (!options_.measure) options_.measure = MeasureFake;
  if (!options_.score) options_.score = ScoreFake;
  std::vector<ModelInfo> infos;
  for (const Model* model : pool_) infos.push_back(model->info());
  auto search = Search::Make(config_, infos, compiler_.get());
  if (!search.ok()) {
    ADD_FAILURE() << search.error().message;
    return;
  }
  search_ = std::move(search).value();
}

void Simulation::Run(size_t max_events) {
  if (events_.empty()) {
    const auto root = compiler_->Root();
    ReferenceEvent reference;
    reference.budget = config_.budget;
    reference.reference.default_latency_ms = FakeLatencyMs(*root);
    reference.reference.samples_ms = {reference.reference.default_latency_ms};
    Read(reference);
  }
  while (events_.size() < max_events && !search_->stopped() && Step()) {
  }
}

void Simulation::Resume(const std::vector<Event>& history, size_t max_events) {
  for (const Event& event : history) {
    (void)search_->Advance(event);
    events_.push_back(event);
    now_s_ = event.elapsed_s;
  }
  if (history.empty()) return Run(max_events);
  Read(ResumeEvent{config_.budget});
  Run(max_events);
}

void Simulation::Push(Event event) {
  // As the driver does: what is used is what a replay will read.
  const auto copy = EventFromJson(Json::parse(ToJson(event).dump()));
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  events_.push_back(*copy);
  search_->Ingest(*copy);
  while (const auto action = search_->Next()) Do(*action);
}

bool Simulation::Step() {
  if (!questions_.empty()) {
    const ScoreCandidates question = std::move(questions_.front());
    questions_.pop_front();
    Read(options_.score(question));
    return true;
  }
  if (finals_due_) {
    finals_due_ = false;
    due_.clear();
    FinalsEvent event;
    for (const auto& finalist : finals_->finalists) {
      const TrialOutcome outcome = options_.measure({finalist.trial_id, finalist.candidate});
      event.finals.push_back(
          {finalist.trial_id, outcome.failure, outcome.failure_text, outcome.samples_ms});
    }
    Read(std::move(event));
    return true;
  }
  const auto next = std::min_element(due_.begin(), due_.end(),
                                     [](const Due& a, const Due& b) { return a.at_s < b.at_s; });
  const double deadline_s = search_->next_deadline_s();
  if (next == due_.end() || next->at_s >= deadline_s) {
    if (!std::isfinite(deadline_s)) {
      ADD_FAILURE() << "the search waits, but nothing is under way";
      return false;
    }
    now_s_ = std::max(now_s_, deadline_s);
    Read(TickEvent{});
    return true;
  }
  const Due due = std::move(*next);
  due_.erase(next);
  now_s_ = due.at_s;
  if (due.is_reply) {
    Read(due.reply);
  } else {
    Read(due.outcome);
  }
  return true;
}

void Simulation::Do(const Action& action) {
  if (const auto* trial = std::get_if<SubmitTrial>(&action)) {
    for (const SubmitTrial& other : submitted_) {
      EXPECT_NE(other.trial_id, trial->trial_id) << "a trial was started twice";
      EXPECT_NE(other.candidate.program_hash, trial->candidate.program_hash)
          << "a program was measured twice";
    }
    submitted_.push_back(*trial);
    Due due;
    due.at_s = now_s_ + Duration(options_.trial_s, "trial", trial->trial_id);
    due.outcome.outcome = options_.measure(*trial);
    due.outcome.outcome.trial_id = trial->trial_id;
    due_.push_back(std::move(due));
    EXPECT_LE(static_cast<int>(due_.size()), options_.workers + 4) << "too much is under way";
  } else if (const auto* call = std::get_if<SendCall>(&action)) {
    for (const SendCall& other : sent_) EXPECT_NE(other.call_id, call->call_id);
    sent_.push_back(*call);
    Due due;
    due.at_s = now_s_ + Duration(options_.call_s, "call", call->call_id);
    due.is_reply = true;
    due.reply = {call->call_id, pool_[call->model]->Propose(*call->request)};
    due_.push_back(std::move(due));
  } else if (const auto* question = std::get_if<ScoreCandidates>(&action)) {
    questions_.push_back(*question);
  } else if (const auto* finals = std::get_if<RunFinals>(&action)) {
    finals_ = *finals;
    finals_due_ = true;
  }
}

double Simulation::Duration(double scale, const char* stream, uint64_t id) const {
  Rng rng(options_.timing_seed, stream, id);
  return scale * (0.5 + 1.5 * rng.Uniform());
}

}  // namespace banyan
