#include "store/records.h"

#include <utility>

#include "base/hash.h"
#include "schedule/description_json.h"

namespace banyan {
namespace {

Error Corrupt(const char* what) {
  return {ErrorCode::kCorrupt,
          std::string("the store holds a damaged ") + what +
              ": restore a copy of it, or pass another file with --store",
          {}};
}

}  // namespace

Result<uint64_t> StoredHash(const std::string& text) {
  const auto hash = ParseHashHex(text);
  if (!hash) return Corrupt("hash");
  return *hash;
}

Result<Json> ParseStored(const std::string& text, const char* what) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Corrupt(what);
  return json;
}

Result<Workload> WorkloadFromRecord(const std::string& record, std::string module_json) {
  BANYAN_ASSIGN_OR_RETURN(const Json json, ParseStored(record, "workload"));
  auto workload = WorkloadFromJson(json);
  if (!workload.ok()) return Corrupt("workload");
  workload->module_json = std::move(module_json);
  return workload;
}

Result<Target> TargetFromRecord(const std::string& record) {
  BANYAN_ASSIGN_OR_RETURN(const Json json, ParseStored(record, "target"));
  auto target = TargetFromJson(json);
  if (!target.ok()) return Corrupt("target");
  return target;
}

}  // namespace banyan
