#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"
#include "search/event.h"

namespace banyan {

// Reads a run's journal back for a Search that thinks it through again: events one by one, and
// between them what models said a call may cost (LimitsEvent), so that no model is needed. A search
// that does not ask as the journal answers is not the one that wrote it: Next then says so. Borrows
// the events; not thread-safe.
class JournalReader {
 public:
  explicit JournalReader(const std::vector<Event>* events) : events_(events) {}

  // The next event that the search is to read; nullptr: there is none. kCorrupt: an event is
  // missing, or the limits since the last one were not those asked for.
  Result<const Event*> Next();
  // For Search's LimitsFunction. nullopt: the journal has ended and does not say.
  std::optional<CallLimits> TakeLimits(size_t model);
  // Events handed out or passed.
  size_t position() const { return position_; }

 private:
  const std::vector<Event>* events_;
  size_t position_ = 0;
  std::optional<Error> problem_;
};

}  // namespace banyan
