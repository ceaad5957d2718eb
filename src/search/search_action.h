#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "model/model.h"
#include "schedule/compiler.h"

namespace banyan {

// What the search wants done. Only the driver does things.
struct SubmitTrial {
  uint64_t trial_id = 0;
  Candidate candidate;
};
struct SendCall {
  uint64_t call_id = 0;
  size_t model = 0;  // index into the pool
  std::shared_ptr<const ModelRequest> request;
};
struct SetStopAbove {
  double latency_ms = 0;
};
struct ScoreCandidates {  // asks the cost model; answered by a ScoresEvent
  uint64_t ticket = 0;
  std::vector<Candidate> candidates;
};
struct RunFinals {  // ends the measuring: what is still in flight is dropped
  struct Finalist {
    uint64_t trial_id = 0;  // 0: the unscheduled program
    Candidate candidate;
  };
  std::vector<Finalist> finalists;
};
struct Stop {  // ends the run; comes again after each event that is read later
  std::string reason;
};
using Action = std::variant<SubmitTrial, SendCall, SetStopAbove, ScoreCandidates, RunFinals, Stop>;

}  // namespace banyan
