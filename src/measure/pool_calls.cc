#include "measure/pool_calls.h"

#include <cmath>
#include <utility>

#include "base/strings.h"

namespace banyan {
namespace {

constexpr size_t kMaxTextBytes = 1000;

FailureKind KindOfDeath(CallEnd end, FailureKind timeout, FailureKind crash) {
  switch (end) {
    case CallEnd::kTimeout:
      return timeout;
    case CallEnd::kOutOfMemory:
      return FailureKind::kOutOfMemory;
    default:
      return crash;
  }
}

std::string StringOr(const Json& object, const char* key, const char* otherwise) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : otherwise;
}

RunResult FailedRun(FailureKind failure, std::string text) {
  RunResult run;
  run.failure = failure;
  run.failure_text = std::move(text);
  return run;
}

}  // namespace

Message BuildMessage(const TrialRequest& request) {
  return {.header = {{"op", "build"}, {"handle", request.trial_id}},
          .payload = request.module_json};
}

Message RunMessage(uint64_t handle, const Timing& timing, bool check, bool drop) {
  return {.header = {{"op", "run"},
                     {"handle", handle},
                     {"timing", ToJson(timing)},
                     {"check", check},
                     {"drop", drop}}};
}

bool Succeeded(const CallResult& result) {
  return result.end == CallEnd::kReply && result.reply["ok"].get<bool>();
}

double SecondsOf(const CallResult& result) {
  if (result.end != CallEnd::kReply) return result.elapsed_s;
  const auto it = result.reply.find("seconds");
  return it != result.reply.end() && it->is_number() ? it->get<double>() : result.elapsed_s;
}

Error ErrorOf(const CallResult& result) {
  if (result.end != CallEnd::kReply) return EnvironmentError("the worker " + result.text);
  return {ParseErrorCode(StringOr(result.reply, "code", "internal")),
          OneLine(StringOr(result.reply, "message", "the worker gave no reason"), kMaxTextBytes),
          StringOr(result.reply, "context", "")};
}

FailureKind BuildFailure(const CallResult& result) {
  if (Succeeded(result)) return FailureKind::kNone;
  if (result.end == CallEnd::kReply) return FailureKind::kBuildError;
  return KindOfDeath(result.end, FailureKind::kBuildTimeout, FailureKind::kBuildCrash);
}

RunResult RunResultOf(const CallResult& result) {
  if (result.end != CallEnd::kReply) {
    return FailedRun(KindOfDeath(result.end, FailureKind::kRunTimeout, FailureKind::kRunCrash),
                     ErrorOf(result).message);
  }
  if (!Succeeded(result)) return FailedRun(FailureKind::kRunError, ErrorOf(result).message);
  const auto it = result.reply.find("value");
  auto run = RunResultFromJson(it == result.reply.end() ? Json() : *it);
  if (!run.ok()) return FailedRun(FailureKind::kRunError, OneLine(run.error().message));
  run->failure_text = OneLine(run->failure_text, kMaxTextBytes);
  if (run->failure != FailureKind::kNone) {
    run->samples_ms.clear();
    return *std::move(run);
  }
  if (run->samples_ms.empty()) return FailedRun(FailureKind::kRunError, "the run gave no samples");
  for (const double sample_ms : run->samples_ms) {
    if (!(sample_ms > 0)) return FailedRun(FailureKind::kRunError, "a sample is not positive");
  }
  return *std::move(run);
}

}  // namespace banyan
