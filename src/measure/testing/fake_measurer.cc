#include "measure/testing/fake_measurer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/rng.h"

namespace banyan {
namespace {

bool FailsInBuild(FailureKind kind) {
  return kind == FailureKind::kBuildError || kind == FailureKind::kBuildTimeout ||
         kind == FailureKind::kBuildCrash;
}

std::string TextOf(const FakeTrial& plan) {
  if (plan.failure == FailureKind::kNone || !plan.failure_text.empty()) return plan.failure_text;
  return std::string("scripted ") + FailureKindName(plan.failure);
}

}  // namespace

FakeMeasurer::FakeMeasurer(Script script, FakeMeasurerOptions options)
    : script_(std::move(script)),
      options_(std::move(options)),
      clock_(options_.clock != nullptr ? options_.clock : &own_clock_),
      stop_above_ms_(std::numeric_limits<double>::infinity()) {}

Result<ReferenceOutcome> FakeMeasurer::Prepare(const Workload& /*workload*/,
                                               const Target& /*target*/, uint64_t /*input_seed*/) {
  if (prepared_) return Internal("Prepare was called twice");
  if (options_.prepare_error) return *options_.prepare_error;
  prepared_ = true;
  clock_->Advance(options_.reference.wall_s);
  return options_.reference;
}

void FakeMeasurer::Submit(TrialRequest request) {
  submitted_.push_back(request);
  Job job;
  job.plan = script_(request);
  job.request = std::move(request);
  queued_.push_back(std::move(job));
  StartQueued();
}

int FakeMeasurer::InFlight() const {
  return static_cast<int>(queued_.size() + busy_.size() + done_.size());
}

void FakeMeasurer::StartQueued() {
  while (!queued_.empty() && busy_.size() < static_cast<size_t>(options_.workers)) {
    Job job = std::move(queued_.front());
    queued_.pop_front();
    if (quarantined_.contains(job.request.program_hash)) {
      done_.push_back(FailedTrial(job.request.trial_id, FailureKind::kWrongResult,
                                  "this program gave a wrong result before"));
      continue;
    }
    job.ready_s = clock_->NowS() + job.plan.build_s;
    if (FailsInBuild(job.plan.failure)) {
      job.scheduled = true;
      job.finish_s = job.ready_s;
    }
    busy_.push_back(std::move(job));
  }
}

std::optional<double> FakeMeasurer::NextEventS() const {
  std::optional<double> next;
  for (const Job& job : busy_) {
    const double at = job.scheduled ? job.finish_s : std::max(job.ready_s, runner_free_s_);
    if (!next || at < *next) next = at;
  }
  return next;
}

void FakeMeasurer::ProcessEvent() {
  const double now = *NextEventS();
  clock_->AdvanceTo(now);
  // Finishes come before starts of the same moment.
  for (size_t i = 0; i < busy_.size(); ++i) {
    if (!busy_[i].scheduled || busy_[i].finish_s > now) continue;
    const Job job = std::move(busy_[i]);
    busy_.erase(busy_.begin() + static_cast<std::ptrdiff_t>(i));
    done_.push_back(Finish(job));
    StartQueued();
    return;
  }
  Job* first = nullptr;  // to be built, so the next to run
  for (Job& job : busy_) {
    if (!job.scheduled && (first == nullptr || job.ready_s < first->ready_s)) first = &job;
  }
  first->scheduled = true;
  first->finish_s = std::max(now, first->ready_s) + first->plan.run_s;
  runner_free_s_ = first->finish_s;
}

TrialOutcome FakeMeasurer::Finish(const Job& job) {
  TrialOutcome outcome;
  outcome.trial_id = job.request.trial_id;
  outcome.failure = job.plan.failure;
  outcome.failure_text = TextOf(job.plan);
  outcome.build_s = job.plan.build_s;
  outcome.run_s = FailsInBuild(job.plan.failure) ? 0 : job.plan.run_s;
  build_s_ += outcome.build_s;
  run_s_ += outcome.run_s;
  if (outcome.failure == FailureKind::kWrongResult) quarantined_.insert(job.request.program_hash);
  if (outcome.failure != FailureKind::kNone) return outcome;
  outcome.samples_ms = Samples(job.request, job.plan, job.request.timing.repeat, "samples");
  const double limit = std::min(stop_above_ms_, job.request.timing.stop_above_ms);
  if (outcome.samples_ms.size() > 1 && outcome.samples_ms[0] > limit) {
    outcome.samples_ms = {outcome.samples_ms[0]};
    outcome.stopped_early = true;
  }
  return outcome;
}

std::vector<double> FakeMeasurer::Samples(const TrialRequest& request, const FakeTrial& plan,
                                          int repeat, const char* stream) const {
  Rng rng(options_.seed, stream, request.trial_id);
  std::vector<double> samples;
  for (int i = 0; i < repeat; ++i) {
    samples.push_back(plan.latency_ms * (1 + options_.noise * (2 * rng.Uniform() - 1)));
  }
  return samples;
}

std::optional<TrialOutcome> FakeMeasurer::Wait(double timeout_s) {
  const double deadline = clock_->NowS() + std::max(timeout_s, 0.0);
  while (done_.empty()) {
    const auto next = NextEventS();
    if (!next || *next > deadline) {
      // A wait without end for nothing would never return from the real one's point of view either.
      if (std::isfinite(deadline)) clock_->AdvanceTo(deadline);
      return std::nullopt;
    }
    ProcessEvent();
  }
  TrialOutcome outcome = std::move(done_.front());
  done_.pop_front();
  return outcome;
}

void FakeMeasurer::CancelAll() {
  ++cancellations_;
  const auto cancel = [this](const Job& job) {
    done_.push_back(
        FailedTrial(job.request.trial_id, FailureKind::kCancelled, "the run ended first"));
  };
  std::for_each(busy_.begin(), busy_.end(), cancel);
  std::for_each(queued_.begin(), queued_.end(), cancel);
  busy_.clear();
  queued_.clear();
  runner_free_s_ = clock_->NowS();
}

Result<std::vector<FinalOutcome>> FakeMeasurer::Finals(const std::vector<TrialRequest>& finalists) {
  if (!prepared_) return Internal("Finals was called before Prepare");
  std::vector<FinalOutcome> outcomes;
  for (const TrialRequest& request : finalists) {
    const FakeTrial plan = script_(request);
    clock_->Advance(plan.build_s + plan.run_s);
    build_s_ += plan.build_s;
    run_s_ += plan.run_s;
    FinalOutcome outcome;
    outcome.trial_id = request.trial_id;
    outcome.failure = plan.failure;
    outcome.failure_text = TextOf(plan);
    if (plan.failure == FailureKind::kNone) {
      outcome.samples_ms = Samples(request, plan, FinalTiming().repeat, "finals");
    }
    outcomes.push_back(std::move(outcome));
  }
  if (options_.cancel != nullptr && options_.cancel->load()) {
    return Error{ErrorCode::kCancelled, "interrupted in the finals", {}};
  }
  return outcomes;
}

}  // namespace banyan
