#include "cost/booster.h"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace banyan {
namespace {

constexpr const char* kPredictMargins =
    R"({"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0,
        "strict_shape": false})";
constexpr const char* kPredictForTraining =
    R"({"type": 1, "training": true, "iteration_begin": 0, "iteration_end": 0,
        "strict_shape": false})";

Error Failed(const char* what) {
  return Internal(fmt::format("libxgboost: {}: {}", what, XGBGetLastError()));
}

// A DMatrixHandle that is freed.
class Matrix {
 public:
  static Result<Matrix> Make(const PackedRows& rows) {
    DMatrixHandle handle = nullptr;
    if (XGDMatrixCreateFromMat_omp(rows.values.data(), rows.rows(), rows.columns,
                                   std::numeric_limits<float>::quiet_NaN(), &handle,
                                   /*nthread=*/1) != 0) {
      return Failed("matrix");
    }
    return Matrix(handle);
  }
  ~Matrix() {
    if (handle_ != nullptr) XGDMatrixFree(handle_);
  }
  Matrix(Matrix&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Matrix& operator=(Matrix&&) = delete;

  DMatrixHandle get() const { return handle_; }

 private:
  explicit Matrix(DMatrixHandle handle) : handle_(handle) {}

  DMatrixHandle handle_;
};

Result<std::vector<double>> PredictPacks(BoosterHandle booster, const Matrix& matrix,
                                         const PackedRows& rows, const char* config) {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* out = nullptr;
  if (XGBoosterPredictFromDMatrix(booster, matrix.get(), config, &shape, &dimensions, &out) != 0) {
    return Failed("predict");
  }
  std::vector<double> sums(rows.packs(), 0.0);
  for (size_t pack = 0; pack < rows.packs(); ++pack) {
    for (size_t row = rows.starts[pack]; row < rows.starts[pack + 1]; ++row) {
      sums[pack] += static_cast<double>(out[row]);
    }
  }
  return sums;
}

// Whether two values are told apart by a tree; missing is a value, too.
bool Differ(float a, float b) { return std::isnan(a) != std::isnan(b) || (a < b) || (b < a); }

std::vector<size_t> VaryingColumns(const PackedRows& rows) {
  std::vector<size_t> columns;
  for (size_t column = 0; column < rows.columns; ++column) {
    for (size_t row = 1; row < rows.rows(); ++row) {
      if (!Differ(rows.values[column], rows.values[row * rows.columns + column])) continue;
      columns.push_back(column);
      break;
    }
  }
  if (columns.empty() && rows.columns > 0) columns.push_back(0);
  return columns;
}

PackedRows Only(const PackedRows& rows, const std::vector<size_t>& columns) {
  PackedRows some{.columns = columns.size(), .values = {}, .starts = rows.starts};
  some.values.reserve(rows.rows() * columns.size());
  for (size_t row = 0; row < rows.rows(); ++row) {
    for (const size_t column : columns) {
      some.values.push_back(rows.values[row * rows.columns + column]);
    }
  }
  return some;
}

}  // namespace

Booster::~Booster() { XGBoosterFree(handle_); }

Result<std::unique_ptr<Booster>> Booster::Train(const PackedRows& all,
                                                const std::vector<double>& targets,
                                                const BoosterOptions& options) {
  std::vector<size_t> columns = VaryingColumns(all);
  const PackedRows rows = Only(all, columns);
  BANYAN_ASSIGN_OR_RETURN(const Matrix matrix, Matrix::Make(rows));
  BoosterHandle handle = nullptr;
  const DMatrixHandle cache[] = {matrix.get()};
  if (XGBoosterCreate(cache, 1, &handle) != 0) return Failed("create");
  std::unique_ptr<Booster> booster(new Booster(handle, std::move(columns)));
  const std::pair<const char*, std::string> parameters[] = {
      {"nthread", "1"},
      {"verbosity", "0"},
      {"tree_method", "hist"},
      {"base_score", "0"},
      {"max_bin", std::to_string(options.bins)},
      {"max_depth", std::to_string(options.depth)},
      {"eta", fmt::format("{}", options.learning_rate)},
      {"colsample_bytree", fmt::format("{}", options.column_share)},
      {"gamma", fmt::format("{}", options.min_split_gain)},
      {"min_child_weight", fmt::format("{}", options.min_child_weight)},
      {"lambda", fmt::format("{}", options.l2)},
      {"seed", std::to_string(options.seed % 2147483647)},
  };
  for (const auto& [name, value] : parameters) {
    if (XGBoosterSetParam(handle, name, value.c_str()) != 0) return Failed(name);
  }
  std::vector<float> gradient(rows.rows());
  std::vector<float> hessian(rows.rows());
  for (int tree = 0; tree < options.trees; ++tree) {
    std::vector<double> sums(rows.packs(), 0.0);
    if (tree > 0) {
      BANYAN_ASSIGN_OR_RETURN(sums, PredictPacks(handle, matrix, rows, kPredictForTraining));
    }
    for (size_t pack = 0; pack < rows.packs(); ++pack) {
      const size_t count = rows.starts[pack + 1] - rows.starts[pack];
      for (size_t row = rows.starts[pack]; row < rows.starts[pack + 1]; ++row) {
        gradient[row] = static_cast<float>(sums[pack] - targets[pack]);
        hessian[row] = static_cast<float>(count);
      }
    }
    if (XGBoosterBoostOneIter(handle, matrix.get(), gradient.data(), hessian.data(),
                              gradient.size()) != 0) {
      return Failed("train");
    }
  }
  return booster;
}

Result<std::vector<double>> Booster::Predict(const PackedRows& all) const {
  if (all.rows() == 0) return std::vector<double>(all.packs(), 0.0);
  const PackedRows rows = Only(all, columns_);
  BANYAN_ASSIGN_OR_RETURN(const Matrix matrix, Matrix::Make(rows));
  return PredictPacks(handle_, matrix, rows, kPredictMargins);
}

}  // namespace banyan
