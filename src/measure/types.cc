#include "measure/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/numbers.h"

namespace banyan {
namespace {

constexpr std::array<std::pair<FailureKind, const char*>, 11> kFailureNames = {{
    {FailureKind::kNone, "none"},
    {FailureKind::kBuildError, "build_error"},
    {FailureKind::kBuildTimeout, "build_timeout"},
    {FailureKind::kBuildCrash, "build_crash"},
    {FailureKind::kRunError, "run_error"},
    {FailureKind::kRunTimeout, "run_timeout"},
    {FailureKind::kRunCrash, "run_crash"},
    {FailureKind::kOutOfMemory, "out_of_memory"},
    {FailureKind::kWrongResult, "wrong_result"},
    {FailureKind::kCancelled, "cancelled"},
    {FailureKind::kNotMeasured, "not_measured"},
}};

Json Numbers(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(NumberOrNull(value));
  return array;
}

// Reads fields of one object; the first problem is kept, later reads do nothing.
class Reader {
 public:
  Reader(const Json& json, const char* what) : json_(json), what_(what) {
    if (!json.is_object()) Fail("is not an object");
  }

  void Read(const char* key, bool* out) {
    if (const Json* field = Find(key, &Json::is_boolean, "a boolean")) *out = field->get<bool>();
  }
  void Read(const char* key, std::string* out) {
    if (const Json* field = Find(key, &Json::is_string, "a string")) {
      *out = field->get<std::string>();
    }
  }
  void Read(const char* key, int* out) {
    const Json* field = Find(key, &Json::is_number_integer, "an integer");
    if (field != nullptr) *out = field->get<int>();
  }
  void Read(const char* key, uint64_t* out) {
    const Json* field = Find(key, &Json::is_number_unsigned, "a non-negative integer");
    if (field != nullptr) *out = field->get<uint64_t>();
  }
  // null stands for `if_null`.
  void Read(const char* key, double* out, double if_null = kNaN) {
    const Json* field = Find(key, &IsNumberOrNull, "a number");
    if (field != nullptr) *out = field->is_null() ? if_null : field->get<double>();
  }
  void Read(const char* key, std::vector<double>* out) {
    const Json* field = Find(key, &Json::is_array, "an array");
    if (field == nullptr) return;
    out->clear();
    for (const Json& item : *field) {
      if (!IsNumberOrNull(item)) return Fail(fmt::format("has a non-number in '{}'", key));
      out->push_back(item.is_null() ? kNaN : item.get<double>());
    }
  }
  void Read(const char* key, FailureKind* out) {
    std::string name;
    Read(key, &name);
    if (!problem_.empty()) return;
    auto kind = ParseFailureKind(name);
    if (!kind.ok()) return Fail(kind.error().message);
    *out = *kind;
  }

  template <typename T>
  Result<T> Finish(T value) const {
    if (!problem_.empty()) return InvalidArgument(std::string(what_) + " " + problem_);
    return value;
  }

 private:
  static bool IsNumberOrNull(const Json& json) { return json.is_number() || json.is_null(); }
  static bool Test(const Json& json, bool (*test)(const Json&)) { return test(json); }
  static bool Test(const Json& json, bool (Json::*test)() const noexcept) { return (json.*test)(); }

  template <typename Predicate>
  const Json* Find(const char* key, Predicate test, const char* type) {
    if (!problem_.empty()) return nullptr;
    const auto it = json_.find(key);
    if (it == json_.end()) {
      Fail(std::string("has no '") + key + "'");
      return nullptr;
    }
    if (!Test(*it, test)) {
      Fail(std::string("has a '") + key + "' that is not " + type);
      return nullptr;
    }
    return &*it;
  }
  void Fail(std::string problem) { problem_ = std::move(problem); }

  const Json& json_;
  const char* what_;
  std::string problem_;
};

}  // namespace

Timing FinalTiming() {
  return {.number = 3,
          .repeat = 5,
          .min_repeat_ms = 100,
          .enough_ms = std::numeric_limits<double>::infinity()};
}

const char* FailureKindName(FailureKind kind) {
  for (const auto& [value, name] : kFailureNames) {
    if (value == kind) return name;
  }
  return "none";
}

Result<FailureKind> ParseFailureKind(const std::string& name) {
  for (const auto& [value, known] : kFailureNames) {
    if (name == known) return value;
  }
  return InvalidArgument("unknown failure kind '" + name + "'");
}

TrialOutcome FailedTrial(uint64_t trial_id, FailureKind failure, std::string failure_text) {
  TrialOutcome outcome;
  outcome.trial_id = trial_id;
  outcome.failure = failure;
  outcome.failure_text = std::move(failure_text);
  return outcome;
}

double RankingLatencyMs(const std::vector<double>& samples_ms) { return Median(samples_ms); }

Interval MedianIntervalMs(std::vector<double> samples_ms, double confidence) {
  if (samples_ms.empty()) return {kNaN, kNaN};
  std::sort(samples_ms.begin(), samples_ms.end());
  const size_t n = samples_ms.size();
  // [x(k), x(n + 1 - k)] covers the median unless fewer than k samples fall on one of its sides:
  // coverage 1 - 2 P(Binomial(n, 1/2) < k). The largest k that still covers is the tightest.
  // Logarithms, since 2^-n underflows for large n.
  const double tail = (1 - confidence) / 2;
  double below = 0;
  size_t k = 0;
  while (k < n / 2) {
    const auto hits = static_cast<double>(k);
    const auto total = static_cast<double>(n);
    below += std::exp(std::lgamma(total + 1) - std::lgamma(hits + 1) -
                      std::lgamma(total - hits + 1) - total * std::log(2.0));
    if (below > tail) break;
    ++k;
  }
  if (k == 0) return {samples_ms.front(), samples_ms.back()};
  return {samples_ms[k - 1], samples_ms[n - k]};
}

Json ToJson(const Timing& timing) {
  return {{"number", timing.number},
          {"repeat", timing.repeat},
          {"min_repeat_ms", timing.min_repeat_ms},
          {"stop_above_ms", NumberOrNull(timing.stop_above_ms)},
          {"enough_ms", NumberOrNull(timing.enough_ms)}};
}

Json ToJson(const TrialOutcome& outcome) {
  return {{"trial_id", outcome.trial_id},
          {"failure", FailureKindName(outcome.failure)},
          {"failure_text", outcome.failure_text},
          {"samples_ms", Numbers(outcome.samples_ms)},
          {"stopped_early", outcome.stopped_early},
          {"max_relative_error", NumberOrNull(outcome.max_relative_error)},
          {"build_s", outcome.build_s},
          {"run_s", outcome.run_s}};
}

Json ToJson(const FinalOutcome& outcome) {
  return {{"trial_id", outcome.trial_id},
          {"failure", FailureKindName(outcome.failure)},
          {"failure_text", outcome.failure_text},
          {"samples_ms", Numbers(outcome.samples_ms)}};
}

Json ToJson(const ReferenceOutcome& outcome) {
  return {{"default_latency_ms", NumberOrNull(outcome.default_latency_ms)},
          {"samples_ms", Numbers(outcome.samples_ms)},
          {"stand_in", outcome.stand_in},
          {"wall_s", outcome.wall_s}};
}

Result<Timing> TimingFromJson(const Json& json) {
  Timing timing;
  Reader reader(json, "timing");
  reader.Read("number", &timing.number);
  reader.Read("repeat", &timing.repeat);
  reader.Read("min_repeat_ms", &timing.min_repeat_ms);
  reader.Read("stop_above_ms", &timing.stop_above_ms, std::numeric_limits<double>::infinity());
  timing.enough_ms = std::numeric_limits<double>::infinity();  // as runs had it that do not tell
  if (json.contains("enough_ms")) reader.Read("enough_ms", &timing.enough_ms, timing.enough_ms);
  return reader.Finish(timing);
}

Result<TrialOutcome> TrialOutcomeFromJson(const Json& json) {
  TrialOutcome outcome;
  Reader reader(json, "trial outcome");
  reader.Read("trial_id", &outcome.trial_id);
  reader.Read("failure", &outcome.failure);
  reader.Read("failure_text", &outcome.failure_text);
  reader.Read("samples_ms", &outcome.samples_ms);
  reader.Read("stopped_early", &outcome.stopped_early);
  reader.Read("max_relative_error", &outcome.max_relative_error);
  reader.Read("build_s", &outcome.build_s);
  reader.Read("run_s", &outcome.run_s);
  return reader.Finish(std::move(outcome));
}

Result<FinalOutcome> FinalOutcomeFromJson(const Json& json) {
  FinalOutcome outcome;
  Reader reader(json, "final outcome");
  reader.Read("trial_id", &outcome.trial_id);
  reader.Read("failure", &outcome.failure);
  reader.Read("failure_text", &outcome.failure_text);
  reader.Read("samples_ms", &outcome.samples_ms);
  return reader.Finish(std::move(outcome));
}

Result<ReferenceOutcome> ReferenceOutcomeFromJson(const Json& json) {
  ReferenceOutcome outcome;
  Reader reader(json, "reference outcome");
  reader.Read("default_latency_ms", &outcome.default_latency_ms);
  reader.Read("samples_ms", &outcome.samples_ms);
  reader.Read("stand_in", &outcome.stand_in);
  reader.Read("wall_s", &outcome.wall_s);
  return reader.Finish(std::move(outcome));
}

}  // namespace banyan
