#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "measure/protocol.h"
#include "measure/types.h"
#include "measure/worker_process.h"

namespace banyan {

// The pool's requests, and what the ends of its calls mean.

Message BuildMessage(const TrialRequest& request);
// `drop`: the kernel is not needed after this run.
Message RunMessage(uint64_t handle, const Timing& timing, bool check, bool drop);

// The worker lives and says yes.
bool Succeeded(const CallResult& result);
// Seconds the work took in the worker, or until its death.
double SecondsOf(const CallResult& result);
// The error of a call that did not succeed: the worker's own, or kEnvironment for its death.
Error ErrorOf(const CallResult& result);
// How a build ended; kNone if it succeeded. The text is ErrorOf's message.
FailureKind BuildFailure(const CallResult& result);
// How a run ended: the worker's result, or a failure and its text.
RunResult RunResultOf(const CallResult& result);

}  // namespace banyan
