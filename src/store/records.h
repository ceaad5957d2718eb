#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// Workloads and targets as they lie in the store (schedule/description_json.h); kCorrupt if they do
// not read. The module's JSON has a column of its own.
Result<Workload> WorkloadFromRecord(const std::string& record, std::string module_json);
Result<Target> TargetFromRecord(const std::string& record);

// A hash as the store holds it; kCorrupt if it is none.
Result<uint64_t> StoredHash(const std::string& text);

// Text of the store as JSON; kCorrupt says what it was.
Result<Json> ParseStored(const std::string& text, const char* what);

}  // namespace banyan
