#pragma once

#include "base/json.h"
#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// Workloads and targets as JSON, for the store and for worker processes alike. The module's own
// JSON is left out: it is large and travels beside. Hashes are hexadecimal text, since JSON readers
// elsewhere cut 64-bit integers. Reading fails with kInvalidArgument on a missing field or a wrong
// type.
Json ToJson(const Workload& workload);
Json ToJson(const Target& target);
Result<Workload> WorkloadFromJson(const Json& json);
Result<Target> TargetFromJson(const Json& json);

}  // namespace banyan
