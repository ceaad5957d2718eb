#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// Whose Python draws, and with what; empty: the environment's BANYAN_PYTHON and
// BANYAN_FIGURES_HELPER, else those of the build.
struct FigureOptions {
  std::string python;
  std::string helper;
  double timeout_s = 300;
};

// Draws a page's data (docs/report.md) as SVG and PNG into `folder`, which is made, and returns the
// files. Blocks for seconds. kEnvironment where Python or matplotlib is missing.
Result<std::vector<std::string>> DrawFigures(const Json& data, const std::string& folder,
                                             const FigureOptions& options = {});

}  // namespace banyan
