#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"

namespace banyan {

// Rows of all candidates, one candidate (a pack) after the other; NaN: a value is missing.
struct PackedRows {
  size_t columns = 0;
  std::vector<float> values;   // row-major
  std::vector<size_t> starts;  // first row of each pack, and behind them the number of rows

  size_t packs() const { return starts.empty() ? 0 : starts.size() - 1; }
  size_t rows() const { return starts.empty() ? 0 : starts.back(); }
};

// As libxgboost means them; see XgboostOptions.
struct BoosterOptions {
  int trees = 0;
  int depth = 0;
  double learning_rate = 0;
  double column_share = 1;
  int bins = 0;
  double min_split_gain = 0;
  double min_child_weight = 0;
  double l2 = 0;
  uint64_t seed = 0;
};

// Gradient-boosted trees by libxgboost's C API, on one thread, so that equal calls give equal
// answers bit by bit. What is predicted of a pack is the sum of the trees' outputs over its rows,
// as TVM's cost model does ("pack-sum"). Calls of one object come from one thread at a time;
// several objects may be trained at once. Failures are those of libxgboost.
class Booster {
 public:
  // Least squares over packs, boosted with
  //   gradient = prediction - target,  hessian = number of the pack's rows
  // for each of its rows. The hessian bounds that of the sum from above (Cauchy-Schwarz), so that a
  // step never overshoots where all rows of a pack fall into one leaf.
  // Columns that never vary are left out. At least one row; one target a pack.
  static Result<std::unique_ptr<Booster>> Train(const PackedRows& rows,
                                                const std::vector<double>& targets,
                                                const BoosterOptions& options);
  ~Booster();
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  // One number a pack. The columns are those of the training.
  Result<std::vector<double>> Predict(const PackedRows& rows) const;

 private:
  Booster(void* handle, std::vector<size_t> columns)
      : handle_(handle), columns_(std::move(columns)) {}

  void* handle_;                 // a BoosterHandle, owned
  std::vector<size_t> columns_;  // that the trees see, of those given
};

}  // namespace banyan
