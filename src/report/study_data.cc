#include "report/study_data.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "report/run_data.h"

namespace banyan {
namespace {

constexpr int kSchemaVersion = 1;

Error Damaged(const std::string& file, const std::string& why) {
  return {ErrorCode::kCorrupt,
          "'" + file + "' " + why + ": write the study's files again with `banyan study`",
          {}};
}

Result<Json> ReadJson(const std::string& file) {
  BANYAN_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Damaged(file, "is no JSON object");
  if (json.contains("schema_version") && json["schema_version"].is_number_integer() &&
      json["schema_version"].get<int64_t>() > kSchemaVersion) {
    return Damaged(file, "was written by a newer Banyan");
  }
  return json;
}

Result<Json> ReadRows(const std::string& folder, const std::string& name, bool optional) {
  const std::string file = folder + "/" + name + ".json";
  std::error_code failure;
  if (optional && !std::filesystem::exists(file, failure)) return Json(Json::array());
  BANYAN_ASSIGN_OR_RETURN(Json json, ReadJson(file));
  const auto rows = json.find("rows");
  if (rows == json.end() || !rows->is_array()) return Damaged(file, "has no rows");
  for (const Json& row : *rows) {
    if (!row.is_object()) return Damaged(file, "has a row that is no object");
  }
  return Json(std::move(*rows));
}

void Thin(Json* curve, size_t points) {
  const auto found = curve->find("points");
  if (found == curve->end() || !found->is_array() || found->size() <= points) return;
  Json kept = Json::array();
  const size_t step = (found->size() + points - 1) / points;
  for (size_t i = 0; i < found->size(); ++i) {
    if (i % step == 0 || i + 1 == found->size()) kept.push_back((*found)[i]);
  }
  *found = std::move(kept);
}

}  // namespace

bool IsStudyFolder(const std::string& path) {
  std::error_code failure;
  return std::filesystem::is_directory(path, failure) &&
         std::filesystem::exists(path + "/verdicts.json", failure) &&
         std::filesystem::exists(path + "/runs.json", failure);
}

Result<Json> LoadStudyData(const std::string& folder, size_t points) {
  BANYAN_ASSIGN_OR_RETURN(Json verdicts, ReadJson(folder + "/verdicts.json"));
  Json data = {{"schema_version", kSchemaVersion}, {"kind", "study"}};
  for (const char* name : {"study", "description", "origin"}) {
    data[name] = verdicts.contains(name) && verdicts[name].is_string() ? verdicts[name] : Json("");
  }
  for (const char* name : {"comparisons", "notes"}) {
    if (!verdicts.contains(name) || !verdicts[name].is_array()) {
      return Damaged(folder + "/verdicts.json", std::string("has no ") + name);
    }
    data[name] = std::move(verdicts[name]);
  }
  const Json setup = verdicts.value("setup", Json::array());  // older folders have none
  data["setup"] = setup.is_array() ? setup : Json::array();
  for (const char* name : {"runs", "pairs", "summary", "aggregate", "ledger", "curves"}) {
    const bool optional = std::string(name) == "curves" || std::string(name) == "ledger";
    BANYAN_ASSIGN_OR_RETURN(data[name], ReadRows(folder, name, optional));
  }
  for (Json& curve : data["curves"]) Thin(&curve, points);
  data["trees"] = Json::object();
  data["commands"] = Json::array();
  if (const Json command = verdicts.value("command", Json());
      command.is_string() && command != "") {
    data["commands"].push_back(
        {{"what", data["origin"] == "import" ? "judge the same tables again"
                                             : "run the study (what is done already is kept)"},
         {"command", command}});
  }
  data["commands"].push_back(
      {{"what", "this page"}, {"command", "banyan report " + ShellWord(folder)}});
  return data;
}

}  // namespace banyan
