// The part of PoolEngine that measures the final few again.
#include <algorithm>
#include <utility>

#include "measure/pool_calls.h"
#include "measure/pool_engine.h"

namespace banyan {

struct PoolEngine::Finalist {
  const TrialRequest* request = nullptr;
  FinalOutcome outcome;
  bool built = false;    // in the worker that measures now
  bool checked = false;  // likewise

  bool failed() const { return outcome.failure != FailureKind::kNone; }
  void Fail(FailureKind kind, std::string text) {
    outcome.failure = kind;
    outcome.failure_text = std::move(text);
    outcome.samples_ms.clear();
  }
};

// Waits until every worker is idle, so that nothing disturbs the one that is given out.
Result<PoolEngine::Slot*> PoolEngine::ReserveWorker() {
  BANYAN_RETURN_IF_ERROR(StepUntil(
      [&] {
        return runner_ == nullptr &&
               std::all_of(slots_.begin(), slots_.end(),
                           [](const Slot& slot) { return slot.stage == Stage::kReady; });
      },
      options_.reference_timeout_s, "idle workers"));
  Slot& slot = slots_.back();
  slot.stage = Stage::kReserved;
  runner_ = &slot;
  UpdateCpus();
  return &slot;
}

Result<std::vector<FinalOutcome>> PoolEngine::Finals(const std::vector<TrialRequest>& finalists) {
  if (!prepared_) return Internal("Finals was called before Prepare");
  dispatching_ = false;
  auto outcomes = MeasureFinals(finalists);
  dispatching_ = true;
  return outcomes;
}

Result<std::vector<FinalOutcome>> PoolEngine::MeasureFinals(
    const std::vector<TrialRequest>& requests) {
  std::vector<Finalist> finalists(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    finalists[i].request = &requests[i];
    finalists[i].outcome.trial_id = requests[i].trial_id;
  }
  BANYAN_ASSIGN_OR_RETURN(Slot * slot, ReserveWorker());
  const size_t count = finalists.size();
  for (int round = 0; round < options_.final_timing.repeat; ++round) {
    for (size_t k = 0; k < count; ++k) {
      // Rotated, so that no finalist always follows the same one.
      const size_t index = (k + static_cast<size_t>(round)) % count;
      BANYAN_RETURN_IF_ERROR(RunFinalist(finalists, index, &slot));
    }
  }
  std::vector<FinalOutcome> outcomes;
  for (Finalist& finalist : finalists) {
    if (finalist.built) {
      const Message drop = {.header = {{"op", "drop"}, {"handle", finalist.request->trial_id}}};
      BANYAN_ASSIGN_OR_RETURN(const CallResult dropped,
                              CallAndWait(*slot, drop, options_.run_timeout_s, false));
      if (dropped.end != CallEnd::kReply) break;
    }
  }
  for (Finalist& finalist : finalists) outcomes.push_back(std::move(finalist.outcome));
  Release(*slot);
  return outcomes;
}

// Builds those that are not built and have not failed. A worker that dies costs the finalist it was
// building; the others are built again in a new one.
Status PoolEngine::BuildFinalists(std::vector<Finalist>& finalists, Slot** slot) {
  for (size_t i = 0; i < finalists.size();) {
    Finalist& finalist = finalists[i];
    if (finalist.failed() || finalist.built) {
      ++i;
      continue;
    }
    BANYAN_ASSIGN_OR_RETURN(
        const CallResult result,
        CallAndWait(**slot, BuildMessage(*finalist.request), options_.build_timeout_s, true));
    build_s_ += SecondsOf(result);
    finalist.built = Succeeded(result);
    if (finalist.built) continue;
    finalist.Fail(BuildFailure(result), ErrorOf(result).message);
    if (result.end == CallEnd::kReply) continue;
    BANYAN_RETURN_IF_ERROR(ReplaceWorker(finalists, slot));
    i = 0;
  }
  return Ok{};
}

Status PoolEngine::ReplaceWorker(std::vector<Finalist>& finalists, Slot** slot) {
  Restart(**slot);
  for (Finalist& finalist : finalists) finalist.built = finalist.checked = false;
  BANYAN_ASSIGN_OR_RETURN(*slot, ReserveWorker());
  return Ok{};
}

// One sample of one finalist; its first in a worker is checked as well.
Status PoolEngine::RunFinalist(std::vector<Finalist>& finalists, size_t index, Slot** slot) {
  BANYAN_RETURN_IF_ERROR(BuildFinalists(finalists, slot));
  Finalist& finalist = finalists[index];
  if (finalist.failed()) return Ok{};
  Timing timing = options_.final_timing;
  timing.repeat = 1;
  const Message request = RunMessage(finalist.request->trial_id, timing, !finalist.checked, false);
  BANYAN_ASSIGN_OR_RETURN(const CallResult result,
                          CallAndWait(**slot, request, options_.run_timeout_s, true));
  run_s_ += SecondsOf(result);
  RunResult run = RunResultOf(result);
  if (run.failure == FailureKind::kNone) {
    finalist.checked = true;
    finalist.outcome.samples_ms.push_back(run.samples_ms[0]);
    return Ok{};
  }
  finalist.Fail(run.failure, std::move(run.failure_text));
  if (run.failure == FailureKind::kWrongResult && finalist.request->program_hash != 0) {
    quarantined_.insert(finalist.request->program_hash);
  }
  // As in FinishTrial: nothing may be trusted after a wrong result.
  if (result.end != CallEnd::kReply || run.failure == FailureKind::kWrongResult) {
    return ReplaceWorker(finalists, slot);
  }
  return Ok{};
}

Result<double> PoolEngine::PeakGflops() {
  if (!prepared_) return Internal("PeakGflops was called before Prepare");
  BANYAN_ASSIGN_OR_RETURN(Slot* const slot, ReserveWorker());
  BANYAN_ASSIGN_OR_RETURN(const CallResult result, CallAndWait(*slot, {.header = {{"op", "peak"}}},
                                                               options_.run_timeout_s, false));
  if (result.end != CallEnd::kReply) {
    Restart(*slot);
    return EnvironmentError("cannot measure the peak: the worker " + result.text);
  }
  Release(*slot);
  if (!Succeeded(result)) {
    Error error = ErrorOf(result);
    error.message = "cannot measure the peak: " + error.message;
    return error;
  }
  return result.reply.value("value", 0.0);
}

}  // namespace banyan
