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

Json PoolToJson(const std::vector<ModelInfo>& models) {
  Json list = Json::array();
  for (const ModelInfo& model : models) {
    list.push_back({{"name", model.name},
                    {"role", ModelRoleName(model.role)},
                    {"repeatable", model.repeatable},
                    {"parameters_b", model.parameters_b},
                    {"price_in", model.price.in},
                    {"price_out", model.price.out},
                    {"price_cached", model.price.cached},
                    {"reads_text", model.reads_text}});
  }
  return list;
}

Result<std::vector<ModelInfo>> PoolFromJson(const Json& json) {
  std::vector<ModelInfo> models;
  if (!json.is_array()) return Corrupt("pool of models");
  for (const Json& item : json) {
    try {
      ModelInfo model;
      item.at("name").get_to(model.name);
      model.role = item.at("role") == "strong" ? ModelRole::kStrong : ModelRole::kLight;
      item.at("repeatable").get_to(model.repeatable);
      item.at("parameters_b").get_to(model.parameters_b);
      item.at("price_in").get_to(model.price.in);
      item.at("price_out").get_to(model.price.out);
      item.at("price_cached").get_to(model.price.cached);
      item.at("reads_text").get_to(model.reads_text);
      models.push_back(std::move(model));
    } catch (const Json::exception&) {
      return Corrupt("pool of models");
    }
  }
  return models;
}

}  // namespace banyan
