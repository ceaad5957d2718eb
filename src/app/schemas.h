#pragma once

#include "base/json.h"

namespace banyan {

// JSON schemas (draft 2020-12) of what Banyan reads and writes.
Json StepSchema();   // one transformation: {"op": ..., arguments...}
Json PlanSchema();   // an array of steps
Json ReplySchema();  // a model's answer
Json EventSchema();  // a line of --events

}  // namespace banyan
