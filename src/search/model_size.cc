#include "search/model_size.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace banyan {

std::vector<double> ModelPhi(const std::vector<ModelInfo>& pool) {
  std::vector<double> phi;
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const ModelInfo& info : pool) {
    least = std::min(least, info.parameters_b);
    most = std::max(most, info.parameters_b);
  }
  for (const ModelInfo& info : pool) {
    if (!(least > 0)) {  // of some model the size is not known
      phi.push_back(info.role == ModelRole::kStrong ? 0 : 1);
    } else {
      phi.push_back(most > least ? std::log(most / info.parameters_b) / std::log(most / least) : 0);
    }
  }
  return phi;
}

size_t LargestModel(const std::vector<ModelInfo>& pool) {
  const std::vector<double> phi = ModelPhi(pool);
  return phi.empty() ? 0
                     : static_cast<size_t>(std::min_element(phi.begin(), phi.end()) - phi.begin());
}

}  // namespace banyan
