#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/model.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// Workloads and targets as they lie in the store (schedule/description_json.h); kCorrupt if they do
// not read. The module's JSON has a column of its own.
Result<Workload> WorkloadFromRecord(const std::string& record, std::string module_json);
Result<Target> TargetFromRecord(const std::string& record);

// Models of a run's pool.
Json PoolToJson(const std::vector<ModelInfo>& models);
Result<std::vector<ModelInfo>> PoolFromJson(const Json& json);

// A hash as the store holds it; kCorrupt if it is none.
Result<uint64_t> StoredHash(const std::string& text);

// Text of the store as JSON; kCorrupt says what it was.
Result<Json> ParseStored(const std::string& text, const char* what);

}  // namespace banyan
