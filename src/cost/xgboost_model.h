#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "cost/cost_model.h"

namespace banyan {

// Defaults are what predicted best on measured plans of four workloads (docs/cost_model.md).
struct XgboostOptions {
  int trees = 40;                // boosting rounds, [1, 2000]
  int depth = 3;                 // of a tree, [1, 16]
  double learning_rate = 0.2;    // (0, 1]
  double column_share = 0.3;     // of the columns, drawn for each tree, (0, 1]
  int bins = 32;                 // of a column's values, [2, 256]
  double min_split_gain = 1e-3;  // of the loss, >= 0
  double min_child_weight = 1;   // sum of hessians in a leaf, >= 0
  double l2 = 1;                 // on the leaves' values, >= 0
  int first_training = 8;        // measurements of this run before the first training, [2, 1e6]
  double growth = 1.25;          // trained again when there are so many times as many, [1, 100]
  int max_samples = 2000;        // of one training, [16, 1e6]
  uint64_t seed = 0;
};

// kInvalidArgument names the first field out of its range.
Status CheckXgboostOptions(const XgboostOptions& options);

// Gradient-boosted trees over TVM's per-store features; the objective, the training schedule and
// the limits are described in docs/cost_model.md. A prediction is exp(p - b), p the predicted
// log-speedup and b the best one of the group's measurements when the model was trained: about the
// share of the best speed, in (0, 1] or so, as TVM's own. Candidates without features, all of them
// before the first training: NaN. Fails as CheckXgboostOptions does.
Result<std::unique_ptr<CostModel>> MakeXgboostModel(const XgboostOptions& options = {});

}  // namespace banyan
