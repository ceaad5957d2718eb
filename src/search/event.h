#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "measure/types.h"
#include "model/model.h"
#include "search/history.h"
#include "search/run_config.h"

namespace banyan {

// Whatever the loop reads from outside is an event, journalled before it is used. The search is a
// pure function of (configuration, seed, events).
struct ReferenceEvent {  // always the first
  ReferenceOutcome reference;
  double peak_gflops = 0;
  Budget budget = {};  // in force from here on
  // Of earlier runs (search/history.h); empty without transfer.
  std::vector<ExamplePlan> examples = {};
  std::vector<PastGain> gains = {};
};
// A model answered (or failed); charged either way. What was sent and received is no part of the
// event's JSON: the journal keeps it apart, the search never looks at it.
struct ReplyEvent {
  uint64_t call_id = 0;
  ModelReply reply;
};
struct OutcomeEvent {  // a trial ended
  TrialOutcome outcome;
};
// What the cost model says of candidates that the search asked about; in the order asked.
struct ScoresEvent {
  uint64_t ticket = 0;
  std::vector<double> scores;  // higher is faster; NaN: no features
  double trust = 0;            // in the model, now
};
struct TickEvent {};  // time passed: a budget in seconds ran out, or a call is slow
struct CancelEvent {  // Ctrl-C, or the end of the caller's patience
  std::string reason;
};
struct FinalsEvent {  // the interleaved re-measurement of the best few
  std::vector<FinalOutcome> finals;
  double drift = 1;
  double peak_gflops = 0;  // beside them: the machine's speed may have changed; 0: not measured
};
// The run was killed or had ended and goes on: trials in flight are queued again under their ids.
// The budget may have grown; what came before is replayed under the budget of its time.
struct ResumeEvent {
  Budget budget = {};
};

// The most that the call about to be sent may cost, as its model said. The search asked while it
// thought about the event before, and reads no event of this kind (search/journal_reader.h).
// Absent where the limits are 0.
struct LimitsEvent {
  uint64_t call_id = 0;  // the call that was thought of; another model may get its number
  uint64_t model = 0;    // index into the pool
  CallLimits limits;
};

struct Event {
  int64_t index = 0;     // 0, 1, 2, ... within the run
  double elapsed_s = 0;  // of the run's active time when it was read
  std::variant<ReferenceEvent, ReplyEvent, OutcomeEvent, TickEvent, CancelEvent, FinalsEvent,
               ResumeEvent, ScoresEvent, LimitsEvent>
      body;
};

const char* EventName(const Event& event);  // "reference", "reply", "outcome", ...
Json ToJson(const Event& event);
Result<Event> EventFromJson(const Json& json);

}  // namespace banyan
