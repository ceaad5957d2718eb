#pragma once

#include <cstddef>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// Whether a path is the folder of a study: it holds runs.json and verdicts.json.
bool IsStudyFolder(const std::string& path);

// What `banyan study` wrote into a folder (docs/study.md), as one object for the page and the
// figures: docs/report.md describes it. Curves are thinned to at most `points` each. kNotFound
// names the file that lacks; kCorrupt the one that cannot be read.
Result<Json> LoadStudyData(const std::string& folder, size_t points = 200);

}  // namespace banyan
