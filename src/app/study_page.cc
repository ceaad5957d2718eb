#include "app/study_page.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "report/figures.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/study_data.h"
#include "store/store.h"

namespace banyan {
namespace {

// What the trees of all runs of a study may take of the page together.
constexpr size_t kTreeBytes = 3'000'000;
constexpr size_t kBytesOfNode = 120;

// The trees of a study's runs, as far as the store is here and holds them.
Json Trees(const std::string& store_path, const Json& runs) {
  Json trees = Json::object();
  std::error_code failure;
  if (runs.empty() || !std::filesystem::exists(store_path, failure)) return trees;
  const auto store = Store::Open(store_path, Store::Mode::kRead);
  if (!store.ok()) return trees;
  const size_t share = kTreeBytes / runs.size();
  RunDataLimits limits;
  limits.text_bytes = share / 2;
  limits.one_text_bytes = 1200;
  limits.nodes = std::max<size_t>(30, share / 3 / kBytesOfNode);
  limits.trials = limits.nodes;
  limits.points = 60;
  limits.calls = 20;
  for (const Json& run : runs) {
    const auto id = run.find("run_id");
    if (id == run.end() || !id->is_string() || id->get<std::string>().empty()) continue;
    const auto records = LoadRunRecords(**store, id->get<std::string>());
    if (records.ok()) trees[id->get<std::string>()] = RunData(*records, {}, limits);
  }
  return trees;
}

}  // namespace

std::string AbsolutePath(const std::string& path) {
  std::error_code failure;
  return std::filesystem::absolute(path, failure).lexically_normal().string();
}

Result<Json> StudyPageData(const std::string& folder, const std::string& store_path) {
  BANYAN_ASSIGN_OR_RETURN(Json data, LoadStudyData(folder));
  data["trees"] = Trees(store_path, data["runs"]);
  return data;
}

Result<StudyPage> WriteStudyPage(const std::string& folder, const std::string& store_path) {
  BANYAN_ASSIGN_OR_RETURN(const Json data, StudyPageData(folder, store_path));
  StudyPage page;
  page.file = folder + "/report.html";
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(
      page.file, MakePage(data["study"].get<std::string>() + ": Banyan report", data)));
  auto figures = DrawFigures(data, folder + "/figures");
  if (figures.ok()) {
    page.figures = figures->size();
  } else {
    page.no_figures = figures.error().message;
  }
  return page;
}

}  // namespace banyan
