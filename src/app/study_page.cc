#include "app/study_page.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "app/run_scripts.h"
#include "base/files.h"
#include "report/figures.h"
#include "report/packed.h"
#include "report/page.h"
#include "report/run_data.h"
#include "report/study_data.h"
#include "store/store.h"

namespace banyan {
namespace {

// A study's page is to open at once, and to be sent by mail.
constexpr size_t kPageBytes = 4'900'000;
constexpr int kMostHalvings = 7;

// The limits of one run's tree, halved again and again until the page is small enough.
RunDataLimits TreeLimits(int halvings) {
  const auto at_least = [halvings](size_t most, size_t least) {
    return std::max(least, most >> halvings);
  };
  RunDataLimits limits;
  limits.nodes = limits.trials = at_least(1000, 30);
  limits.calls = at_least(200, 8);
  limits.points = 60;
  limits.text_bytes = at_least(400'000, 4'000);
  limits.one_text_bytes = at_least(4'000, 500);
  return limits;
}

// The trees of a study's runs, as far as the store is here and holds them.
class TreeMaker {
 public:
  TreeMaker(const std::string& store_path, const Json& runs) {
    std::error_code failure;
    if (runs.empty() || !std::filesystem::exists(store_path, failure)) return;
    const auto store = Store::Open(store_path, Store::Mode::kRead);
    if (!store.ok()) return;
    for (const Json& run : runs) {
      const auto id = run.find("run_id");
      if (id == run.end() || !id->is_string() || id->get<std::string>().empty()) continue;
      auto records = LoadRunRecords(**store, id->get<std::string>());
      if (!records.ok()) continue;
      auto scripts = ProgramScripts(*records, 2);
      runs_.push_back({*id, std::move(records).value(), std::move(scripts)});
    }
  }

  Json Trees(const RunDataLimits& limits) const {
    Json trees = Json::object();
    for (const Run& run : runs_) trees[run.id] = RunData(run.records, run.scripts, limits);
    return trees;
  }

 private:
  struct Run {
    std::string id;
    RunRecords records;
    std::map<int64_t, std::string> scripts;
  };
  std::vector<Run> runs_;
};

std::string PageOf(const Json& data) {
  const std::string name = data["study"].get<std::string>();
  return MakePage((name.empty() ? "Study" : name) + ": Banyan report", PackTrees(data));
}

}  // namespace

std::string AbsolutePath(const std::string& path) {
  std::error_code failure;
  return std::filesystem::absolute(path, failure).lexically_normal().string();
}

Result<StudyContent> ReadStudy(const std::string& folder, const std::string& store_path) {
  StudyContent content;
  BANYAN_ASSIGN_OR_RETURN(content.data, LoadStudyData(folder));
  const TreeMaker maker(store_path, content.data["runs"]);
  for (int halvings = 0; halvings <= kMostHalvings; ++halvings) {
    content.data["trees"] = maker.Trees(TreeLimits(halvings));
    content.page = PageOf(content.data);
    if (content.page.size() <= kPageBytes) return content;
  }
  // More runs than a page can hold: without trees, each run still has a page of its own.
  content.data["trees"] = Json::object();
  content.page = PageOf(content.data);
  return content;
}

Result<StudyPage> WriteStudyPage(const std::string& folder, const std::string& store_path) {
  BANYAN_ASSIGN_OR_RETURN(const StudyContent content, ReadStudy(folder, store_path));
  StudyPage page;
  page.file = folder + "/report.html";
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(page.file, content.page));
  auto figures = DrawFigures(content.data, folder + "/figures");
  if (figures.ok()) {
    page.figures = figures->size();
  } else {
    page.no_figures = figures.error().message;
  }
  return page;
}

}  // namespace banyan
