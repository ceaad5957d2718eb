#include <fmt/format.h>

#include "model/experts.h"
#include "model/model.h"

namespace banyan {

std::vector<std::string> BuiltinModelNames() {
  return {"builtin:analytic", "builtin:heuristic", "builtin:random"};
}

Result<std::unique_ptr<Model>> MakeBuiltinModel(const std::string& name) {
  if (name == "builtin:analytic") return std::unique_ptr<Model>(std::make_unique<AnalyticExpert>());
  if (name == "builtin:heuristic")
    return std::unique_ptr<Model>(std::make_unique<HeuristicExpert>());
  if (name == "builtin:random") return std::unique_ptr<Model>(std::make_unique<RandomExpert>());
  return NotFound(
      fmt::format("no model named '{}'; there are {}", name, fmt::join(BuiltinModelNames(), ", ")));
}

}  // namespace banyan
