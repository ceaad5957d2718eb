#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

struct StudyContent {
  Json data;  // what the figures are drawn from: docs/report.md
  std::string page;
};

// What a study's folder holds, with the trees of those runs that the store at `store_path` has; no
// store, no trees. Trees are cut until the page is below 5 MB.
Result<StudyContent> ReadStudy(const std::string& folder, const std::string& store_path);

struct StudyPage {
  std::string file;
  size_t figures = 0;      // files in FOLDER/figures
  std::string no_figures;  // why there are none, in a line: the page is whole without them
};

// report.html and figures/ beside the tables that `banyan study` wrote into `folder`.
Result<StudyPage> WriteStudyPage(const std::string& folder, const std::string& store_path);

std::string AbsolutePath(const std::string& path);

}  // namespace banyan
