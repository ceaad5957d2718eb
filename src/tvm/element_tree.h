#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/workload.h"

// The trees that ElementEvaluator walks: made in element_eval.cc, evaluated in element_walk.cc.
// Free of tvm-ffi.
namespace banyan::element {

enum class Op {
  kConstant,
  kIter,
  kLoad,
  kSelf,
  kCast,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kFloorDiv,
  kFloorMod,
  kMin,
  kMax,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kAnd,
  kOr,
  kNot,
  kSelect,
  kExp,
  kLog,
  kSqrt,
  kRsqrt,
  kTanh,
  kErf,
  kSigmoid,
  kPow,
  kAbs,
  kFloor,
  kCeil,
  kRound,
  kSin,
  kCos,
};

// How many bits an integer type keeps, and whether it is signed; floats and bool: 0.
struct Width {
  int bits = 0;
  bool is_signed = true;
};

struct Buffer;

// One node of an expression. `integer`: its value is an integer (or a truth value).
struct Expr {
  Op op = Op::kConstant;
  bool integer = false;
  Width width;
  double number = 0;
  int64_t whole = 0;       // constant, or the iterator's slot
  std::vector<Expr> args;  // of a load: the indices
  Buffer* buffer = nullptr;
  // Of a load whose index is linear in the innermost reduction: set before that loop.
  bool linear = false;
  mutable int64_t base = 0;
  mutable int64_t step = 0;
};

struct Stage;

struct Buffer {
  TensorSpec spec;
  std::vector<int64_t> strides;
  bool integer = false;
  Width width;
  const void* data = nullptr;  // an input
  Stage* stage = nullptr;      // the stage that writes it
  std::unordered_map<int64_t, double> floats;
  std::unordered_map<int64_t, int64_t> integers;
};

struct Stage {
  Buffer* output = nullptr;
  std::vector<int64_t> extents;   // of the iterators
  std::vector<int> output_iters;  // iterator of each output dimension, -1: a dimension of size 1
  std::vector<int> reductions;    // iterators, outermost first
  Expr init;
  bool has_init = false;
  Expr value;
  std::vector<const Expr*> loads;  // the linear ones of `value`
  std::vector<int64_t> iters;      // current values
  int64_t inner = 0;               // value of the innermost reduction, for linear loads
  double self_number = 0;
  int64_t self_whole = 0;
};

// Evaluates the trees, remembering elements of intermediate tensors. Stateless itself.
class Walker {
 public:
  double Number(const Stage& stage, const Expr& e);
  int64_t Whole(const Stage& stage, const Expr& e);
  double NumberAt(Buffer& buffer, int64_t flat);
  int64_t WholeAt(Buffer& buffer, int64_t flat);

 private:
  int64_t FlatIndex(const Stage& stage, const Expr& load);
  void Compute(Buffer& buffer, int64_t flat);
  void Reduce(Stage& stage, size_t depth);
  void Accumulate(Stage& stage);
};

}  // namespace banyan::element
