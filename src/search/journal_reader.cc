#include "search/journal_reader.h"

#include <fmt/format.h>

namespace banyan {
namespace {

Error Corrupt(std::string message) { return {ErrorCode::kCorrupt, std::move(message), {}}; }

}  // namespace

Result<const Event*> JournalReader::Next() {
  if (problem_) return *problem_;
  if (position_ >= events_->size()) return static_cast<const Event*>(nullptr);
  const Event& event = (*events_)[position_];
  if (event.index != static_cast<int64_t>(position_)) {
    return Corrupt(fmt::format("event {} of the run is missing", position_));
  }
  if (const auto* limits = std::get_if<LimitsEvent>(&event.body)) {
    return Corrupt(
        fmt::format("event {}: model {} was thought of for call {}, but now it is not: this "
                    "program searches differently from the one that wrote the run",
                    position_, limits->model, limits->call_id));
  }
  ++position_;
  return &event;
}

std::optional<CallLimits> JournalReader::TakeLimits(size_t model) {
  if (position_ >= events_->size()) return std::nullopt;
  const Event& event = (*events_)[position_];
  const auto* limits = std::get_if<LimitsEvent>(&event.body);
  if (limits == nullptr) return CallLimits();  // limits of 0 are not written
  if (limits->model != model && !problem_) {
    problem_ = Corrupt(
        fmt::format("event {}: model {} was thought of for call {}, now it is model {}: this "
                    "program searches differently from the one that wrote the run",
                    position_, limits->model, limits->call_id, model));
  }
  ++position_;
  return limits->limits;
}

}  // namespace banyan
