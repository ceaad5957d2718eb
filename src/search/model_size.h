#pragma once

#include <cstddef>
#include <vector>

#include "model/model.h"

namespace banyan {

// phi of each model (LiteCoOp/COLT, arXiv 2602.01935): (ln Pmax - ln P) / (ln Pmax - ln Pmin) over
// parameter counts, 0 for the largest, 1 for the smallest. Where sizes are not known: 0 for strong
// models, 1 for light ones.
std::vector<double> ModelPhi(const std::vector<ModelInfo>& pool);

// Index of the model with most parameters; where sizes are not known the first strong one, else the
// first. 0 for an empty pool.
size_t LargestModel(const std::vector<ModelInfo>& pool);

}  // namespace banyan
