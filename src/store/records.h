#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// How workloads and targets lie in the store. The module's JSON has a column of its own, since it
// is large and people look at the rest.
Json WorkloadToRecord(const Workload& workload);
Result<Workload> WorkloadFromRecord(const std::string& record, std::string module_json);
Json TargetToRecord(const Target& target);
Result<Target> TargetFromRecord(const std::string& record);

// The inverse of HashHex.
Result<uint64_t> ParseHashHex(const std::string& text);

// Text of the store as JSON; kCorrupt says what it was.
Result<Json> ParseStored(const std::string& text, const char* what);

}  // namespace banyan
