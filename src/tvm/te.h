#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tvm/ffi.h"

namespace banyan::te {

// A small language over TVM's tensor expressions, so that a workload reads like its definition.
// Internal to the room (tvm-ffi shows). Everything throws ffi::Error: use within TryTvm.

// A scalar expression, with its element type (indices are "int32").
class Expr {
 public:
  Expr(int64_t value);  // NOLINT(google-explicit-constructor): an index constant
  Expr(ffi::ObjectRef node, std::string dtype) : node_(std::move(node)), dtype_(std::move(dtype)) {}

  const ffi::ObjectRef& node() const { return node_; }
  const std::string& dtype() const { return dtype_; }

 private:
  ffi::ObjectRef node_;
  std::string dtype_;
};

Expr operator+(const Expr& a, const Expr& b);
Expr operator-(const Expr& a, const Expr& b);
Expr operator*(const Expr& a, const Expr& b);
Expr operator/(const Expr& a, const Expr& b);  // of floats
Expr operator>=(const Expr& a, const Expr& b);
Expr operator<(const Expr& a, const Expr& b);
Expr operator&&(const Expr& a, const Expr& b);

Expr Constant(double value, const std::string& dtype);
Expr Exp(const Expr& x);
Expr Sqrt(const Expr& x);
// Evaluates only the chosen side.
Expr IfThenElse(const Expr& condition, const Expr& then, const Expr& otherwise);

// A reduction axis over [0, extent).
class ReduceAxis {
 public:
  ReduceAxis(const std::string& name, int64_t extent);

  operator Expr() const { return var_; }  // NOLINT(google-explicit-constructor)
  const ffi::ObjectRef& iter() const { return iter_; }

 private:
  Expr var_;
  ffi::ObjectRef iter_;
};

Expr operator+(const Expr& a, const ReduceAxis& b);

Expr Sum(const Expr& body, const std::vector<ReduceAxis>& axes);
Expr Max(const Expr& body, const std::vector<ReduceAxis>& axes);

class Tensor {
 public:
  Tensor(ffi::ObjectRef node, std::string dtype)
      : node_(std::move(node)), dtype_(std::move(dtype)) {}

  template <typename... Indices>
  Expr operator()(const Indices&... indices) const {
    return Load({static_cast<Expr>(indices)...});
  }
  Expr Load(const std::vector<Expr>& indices) const;

  const ffi::ObjectRef& node() const { return node_; }
  const std::string& dtype() const { return dtype_; }

 private:
  ffi::ObjectRef node_;
  std::string dtype_;
};

Tensor Input(const std::string& name, const std::vector<int64_t>& shape, const std::string& dtype);

struct Dim {
  const char* name;
  int64_t extent;
};

// One stage: name[dims...] = body(dims...).
Tensor Compute(const std::string& name, const std::vector<Dim>& dims,
               const std::function<Expr(const std::vector<Expr>&)>& body);

// The IRModule with one function, "main", of these parameters (inputs, then outputs).
ffi::ObjectRef MakeModule(const std::vector<Tensor>& parameters);

}  // namespace banyan::te
