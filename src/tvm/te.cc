#include "tvm/te.h"

#include <tvm/ffi/dtype.h>

#include <limits>

namespace banyan::te {
namespace {

using Refs = ffi::Array<ffi::ObjectRef>;

constexpr int kDataParallel = 0;  // TVM's IterVarType
constexpr int kCommReduce = 2;

DLDataType Dtype(const std::string& text) { return ffi::StringToDLDataType(text); }

ffi::ObjectRef Const(double value, const std::string& dtype) {
  if (dtype.rfind("float", 0) == 0 || dtype.rfind("bfloat", 0) == 0) {
    return CallTvm<ffi::ObjectRef>("ir.FloatImm", Dtype(dtype), value, nullptr);
  }
  return CallTvm<ffi::ObjectRef>("ir.IntImm", Dtype(dtype), static_cast<int64_t>(value), nullptr);
}

Expr Binary(const char* op, const Expr& a, const Expr& b, std::string dtype) {
  return Expr(CallTvm<ffi::ObjectRef>(op, a.node(), b.node(), nullptr), std::move(dtype));
}

Expr Var(const std::string& name, const std::string& dtype) {
  const auto type = CallTvm<ffi::ObjectRef>("ir.PrimType", Dtype(dtype));
  return Expr(CallTvm<ffi::ObjectRef>("ir.Var", name, type, nullptr), dtype);
}

ffi::ObjectRef IterVar(const Expr& var, int64_t extent, int kind) {
  const auto range =
      CallTvm<ffi::ObjectRef>("ir.Range", Expr(0).node(), Expr(extent).node(), nullptr);
  return CallTvm<ffi::ObjectRef>("tirx.IterVar", range, var.node(), kind, "", nullptr);
}

Expr Intrinsic(const char* op, const Expr& x) {
  const auto type = CallTvm<ffi::ObjectRef>("ir.PrimType", Dtype(x.dtype()));
  const auto callee = CallTvm<ffi::ObjectRef>("ir.GetOp", op);
  return Expr(
      CallTvm<ffi::ObjectRef>("ir.Call", type, callee, Refs{x.node()}, nullptr, Refs{}, nullptr),
      x.dtype());
}

Expr Reduce(const char* combine, ffi::ObjectRef identity, const Expr& body,
            const std::vector<ReduceAxis>& axes) {
  const Expr x = Var("x", body.dtype());
  const Expr y = Var("y", body.dtype());
  const auto combiner = CallTvm<ffi::ObjectRef>("te.CommReducer", Refs{x.node()}, Refs{y.node()},
                                                Refs{Binary(combine, x, y, x.dtype()).node()},
                                                Refs{std::move(identity)}, nullptr);
  Refs iters;
  for (const ReduceAxis& axis : axes) iters.push_back(axis.iter());
  const auto always = CallTvm<ffi::ObjectRef>("ir.IntImm", Dtype("bool"), int64_t{1}, nullptr);
  return Expr(CallTvm<ffi::ObjectRef>("te.Reduce", combiner, Refs{body.node()}, iters, always, 0,
                                      Refs{}, nullptr),
              body.dtype());
}

}  // namespace

Expr::Expr(int64_t value) : node_(Const(static_cast<double>(value), "int32")), dtype_("int32") {}

Expr operator+(const Expr& a, const Expr& b) { return Binary("prim._OpAdd", a, b, a.dtype()); }
Expr operator-(const Expr& a, const Expr& b) { return Binary("prim._OpSub", a, b, a.dtype()); }
Expr operator*(const Expr& a, const Expr& b) { return Binary("prim._OpMul", a, b, a.dtype()); }
Expr operator/(const Expr& a, const Expr& b) { return Binary("prim._OpDiv", a, b, a.dtype()); }
Expr operator>=(const Expr& a, const Expr& b) { return Binary("prim._OpGE", a, b, "bool"); }
Expr operator<(const Expr& a, const Expr& b) { return Binary("prim._OpLT", a, b, "bool"); }
Expr operator&&(const Expr& a, const Expr& b) { return Binary("prim._OpAnd", a, b, "bool"); }
Expr operator+(const Expr& a, const ReduceAxis& b) { return a + static_cast<Expr>(b); }

Expr Constant(double value, const std::string& dtype) { return Expr(Const(value, dtype), dtype); }
Expr Exp(const Expr& x) { return Intrinsic("tirx.exp", x); }
Expr Sqrt(const Expr& x) { return Intrinsic("tirx.sqrt", x); }

Expr IfThenElse(const Expr& condition, const Expr& then, const Expr& otherwise) {
  return Expr(CallTvm<ffi::ObjectRef>("prim._OpIfThenElse", condition.node(), then.node(),
                                      otherwise.node(), nullptr),
              then.dtype());
}

ReduceAxis::ReduceAxis(const std::string& name, int64_t extent)
    : var_(Var(name, "int32")), iter_(IterVar(var_, extent, kCommReduce)) {}

Expr Sum(const Expr& body, const std::vector<ReduceAxis>& axes) {
  return Reduce("prim._OpAdd", Const(0, body.dtype()), body, axes);
}

Expr Max(const Expr& body, const std::vector<ReduceAxis>& axes) {
  const auto type = CallTvm<ffi::ObjectRef>("ir.PrimType", Dtype(body.dtype()));
  return Reduce("prim._OpMax", CallTvm<ffi::ObjectRef>("prim.min_value", type, nullptr), body,
                axes);
}

Expr Tensor::Load(const std::vector<Expr>& indices) const {
  Refs refs;
  for (const Expr& index : indices) refs.push_back(index.node());
  return Expr(CallTvm<ffi::ObjectRef>("te.TensorLoad", node_, refs), dtype_);
}

Tensor Input(const std::string& name, const std::vector<int64_t>& shape, const std::string& dtype) {
  Refs extents;
  for (int64_t extent : shape) extents.push_back(Expr(extent).node());
  const auto type = CallTvm<ffi::ObjectRef>("ir.PrimType", Dtype(dtype));
  return Tensor(CallTvm<ffi::ObjectRef>("te.Placeholder", extents, type, name), dtype);
}

Tensor Compute(const std::string& name, const std::vector<Dim>& dims,
               const std::function<Expr(const std::vector<Expr>&)>& body) {
  Refs iters;
  std::vector<Expr> vars;
  for (const Dim& dim : dims) {
    vars.push_back(Var(dim.name, "int32"));
    iters.push_back(IterVar(vars.back(), dim.extent, kDataParallel));
  }
  const Expr value = body(vars);
  const auto op =
      CallTvm<ffi::ObjectRef>("te.ComputeOp", name, "", nullptr, iters, Refs{value.node()});
  return Tensor(CallTvm<ffi::ObjectRef>("te.OpGetOutput", op, 0), value.dtype());
}

ffi::ObjectRef MakeModule(const std::vector<Tensor>& parameters) {
  Refs args;
  for (const Tensor& tensor : parameters) args.push_back(tensor.node());
  const auto function = CallTvm<ffi::ObjectRef>("te.CreatePrimFunc", args, nullptr);
  return CallTvm<ffi::ObjectRef>("ir.Module_FromExpr", function,
                                 ffi::Map<ffi::ObjectRef, ffi::ObjectRef>());
}

}  // namespace banyan::te
