#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// What the page and the figures of a study's folder are made of: docs/report.md. Trees of those
// runs that the store at `store_path` holds; no store, no trees.
Result<Json> StudyPageData(const std::string& folder, const std::string& store_path);

struct StudyPage {
  std::string file;
  size_t figures = 0;      // files in FOLDER/figures
  std::string no_figures;  // why there are none, in a line: the page is whole without them
};

// report.html and figures/ beside the tables that `banyan study` wrote into `folder`.
Result<StudyPage> WriteStudyPage(const std::string& folder, const std::string& store_path);

std::string AbsolutePath(const std::string& path);

}  // namespace banyan
