#include "tvm/workload_families.h"

namespace banyan {
namespace {

using te::Compute;
using te::Constant;
using te::Expr;
using te::Input;
using te::Max;
using te::ReduceAxis;
using te::Sum;
using te::Tensor;
using Indices = std::vector<Expr>;
using Tensors = std::vector<Tensor>;

const std::vector<std::string> kFloats = {"float32", "float64"};
const std::vector<std::string> kFloatsAndInts = {"float32", "float64", "int32", "int64"};

Tensors Attention(const WorkloadSizes& s) {
  const int64_t B = s["B"], H = s["H"], T = s["T"], D = s["D"];
  const Tensor Q = Input("Q", {B, H, T, D}, s.dtype);
  const Tensor K = Input("K", {B, H, T, D}, s.dtype);
  const Tensor V = Input("V", {B, H, T, D}, s.dtype);
  const ReduceAxis d("k", D), j("k", T);
  const Tensor scores = Compute(
      "scores", {{"b", B}, {"h", H}, {"i", T}, {"j", T}},
      [&](const Indices& x) { return Sum(Q(x[0], x[1], x[2], d) * K(x[0], x[1], x[3], d), {d}); });
  const Tensor O = Compute("O", {{"b", B}, {"h", H}, {"i", T}, {"d", D}}, [&](const Indices& x) {
    return Sum(scores(x[0], x[1], x[2], j) * V(x[0], x[1], j, x[3]), {j});
  });
  return {Q, K, V, O};
}

struct ConvShape {
  int64_t N, C, H, W, O, R, stride, pad, out_h, out_w;
};

ConvShape ConvShapeOf(const WorkloadSizes& s) {
  ConvShape c{s["N"], s["C"], s["H"], s["W"], s["O"], s["R"], s["stride"], s["pad"], 0, 0};
  c.out_h = (c.H + 2 * c.pad - c.R) / c.stride + 1;
  c.out_w = (c.W + 2 * c.pad - c.R) / c.stride + 1;
  return c;
}

std::string CheckConv(const WorkloadSizes& s) {
  if (s["H"] + 2 * s["pad"] >= s["R"] && s["W"] + 2 * s["pad"] >= s["R"]) return {};
  return "the window R=" + std::to_string(s["R"]) + " is larger than the padded data";
}

// The padded data and the convolution, block `name`.
Tensor Convolve(const ConvShape& c, const Tensor& data, const Tensor& weight, const char* name) {
  Tensor padded = data;
  if (c.pad > 0) {
    padded =
        Compute("pad", {{"n", c.N}, {"c", c.C}, {"h", c.H + 2 * c.pad}, {"w", c.W + 2 * c.pad}},
                [&](const Indices& x) {
                  const Expr inside =
                      x[2] >= c.pad && x[2] < c.H + c.pad && x[3] >= c.pad && x[3] < c.W + c.pad;
                  return te::IfThenElse(inside, data(x[0], x[1], x[2] - c.pad, x[3] - c.pad),
                                        Constant(0, data.dtype()));
                });
  }
  const ReduceAxis rc("rc", c.C), ry("ry", c.R), rx("rx", c.R);
  const auto at = [&](const Expr& x, const ReduceAxis& r) {
    return (c.stride == 1 ? x : x * c.stride) + r;
  };
  return Compute(
      name, {{"n", c.N}, {"oc", c.O}, {"y", c.out_h}, {"x", c.out_w}}, [&](const Indices& x) {
        return Sum(padded(x[0], rc, at(x[2], ry), at(x[3], rx)) * weight(x[1], rc, ry, rx),
                   {rc, ry, rx});
      });
}

Tensors Conv(const WorkloadSizes& s) {
  const ConvShape c = ConvShapeOf(s);
  const Tensor data = Input("data", {c.N, c.C, c.H, c.W}, s.dtype);
  const Tensor weight = Input("weight", {c.O, c.C, c.R, c.R}, s.dtype);
  const Tensor conv = Convolve(c, data, weight, "conv");
  const Tensor O =
      Compute("O", {{"n", c.N}, {"c", c.O}, {"h", c.out_h}, {"w", c.out_w}},
              [&](const Indices& x) { return conv.Load(x) * Constant(1.0001, s.dtype); });
  return {data, weight, O};
}

Tensors ConvSmall(const WorkloadSizes& s) {
  const ConvShape c = ConvShapeOf(s);
  const Tensor data = Input("data", {c.N, c.C, c.H, c.W}, s.dtype);
  const Tensor weight = Input("weight", {c.O, c.C, c.R, c.R}, s.dtype);
  return {data, weight, Convolve(c, data, weight, "O")};
}

Tensors Mlp(const WorkloadSizes& s) {
  const int64_t T = s["T"], H = s["H"], I = s["I"];
  const Tensor X = Input("X", {T, H}, s.dtype);
  const Tensor W_gate = Input("W_gate", {H, I}, s.dtype);
  const Tensor W_up = Input("W_up", {H, I}, s.dtype);
  const Tensor W_down = Input("W_down", {I, H}, s.dtype);
  const ReduceAxis k1("k", H), k2("k", H), k3("k", I);
  const Tensor gate = Compute("gate", {{"t", T}, {"i", I}}, [&](const Indices& x) {
    return Sum(X(x[0], k1) * W_gate(k1, x[1]), {k1});
  });
  const Tensor up = Compute("up", {{"t", T}, {"i", I}}, [&](const Indices& x) {
    return Sum(X(x[0], k2) * W_up(k2, x[1]), {k2});
  });
  const Tensor gated = Compute("gated", {{"t", T}, {"i", I}},
                               [&](const Indices& x) { return gate.Load(x) * up.Load(x); });
  const Tensor O = Compute("O", {{"t", T}, {"h", H}}, [&](const Indices& x) {
    return Sum(gated(x[0], k3) * W_down(k3, x[1]), {k3});
  });
  return {X, W_gate, W_up, W_down, O};
}

Tensors Moe(const WorkloadSizes& s) {
  const int64_t T = s["T"], E = s["E"], H = s["H"], I = s["I"];
  const Tensor X = Input("X", {T, H}, s.dtype);
  const Tensor routing = Input("routing", {T, E}, s.dtype);
  const Tensor W1 = Input("W1", {E, H, I}, s.dtype);
  const Tensor W2 = Input("W2", {E, I, H}, s.dtype);
  const ReduceAxis k1("k", H), k2("k", I), e("e", E);
  const Tensor hidden =
      Compute("expert_hidden", {{"t", T}, {"e", E}, {"i", I}},
              [&](const Indices& x) { return Sum(X(x[0], k1) * W1(x[1], k1, x[2]), {k1}); });
  const Tensor output = Compute(
      "expert_output", {{"t", T}, {"e", E}, {"h", H}},
      [&](const Indices& x) { return Sum(hidden(x[0], x[1], k2) * W2(x[1], k2, x[2]), {k2}); });
  const Tensor O = Compute("O", {{"t", T}, {"h", H}}, [&](const Indices& x) {
    return Sum(output(x[0], e, x[1]) * routing(x[0], e), {e});
  });
  return {X, routing, W1, W2, O};
}

Tensors Matmul(const WorkloadSizes& s) {
  const int64_t M = s["M"], N = s["N"], K = s["K"];
  const Tensor A = Input("A", {M, K}, s.dtype);
  const Tensor B = Input("B", {K, N}, s.dtype);
  const ReduceAxis k("k", K);
  const Tensor C = Compute("C", {{"i", M}, {"j", N}},
                           [&](const Indices& x) { return Sum(A(x[0], k) * B(k, x[1]), {k}); });
  return {A, B, C};
}

Tensors BatchMatmul(const WorkloadSizes& s) {
  const int64_t batch = s["B"], M = s["M"], N = s["N"], K = s["K"];
  const bool ta = s["ta"] != 0, tb = s["tb"] != 0;
  const Tensor A = Input("A", ta ? std::vector{batch, K, M} : std::vector{batch, M, K}, s.dtype);
  const Tensor B = Input("B", tb ? std::vector{batch, N, K} : std::vector{batch, K, N}, s.dtype);
  const ReduceAxis k("k", K);
  const Tensor C = Compute("C", {{"b", batch}, {"i", M}, {"j", N}}, [&](const Indices& x) {
    const Expr a = ta ? A(x[0], k, x[1]) : A(x[0], x[1], k);
    const Expr b = tb ? B(x[0], x[2], k) : B(x[0], k, x[2]);
    return Sum(a * b, {k});
  });
  return {A, B, C};
}

Tensors Gemv(const WorkloadSizes& s) {
  const int64_t M = s["M"], K = s["K"];
  const Tensor A = Input("A", {M, K}, s.dtype);
  const Tensor x = Input("x", {K}, s.dtype);
  const ReduceAxis k("k", K);
  const Tensor y =
      Compute("y", {{"i", M}}, [&](const Indices& i) { return Sum(A(i[0], k) * x(k), {k}); });
  return {A, x, y};
}

Tensors Softmax(const WorkloadSizes& s) {
  const int64_t R = s["rows"], C = s["cols"];
  const Tensor X = Input("X", {R, C}, s.dtype);
  const ReduceAxis k1("k", C), k2("k", C);
  const Tensor top =
      Compute("top", {{"i", R}}, [&](const Indices& x) { return Max(X(x[0], k1), {k1}); });
  const Tensor e = Compute("exponent", {{"i", R}, {"j", C}},
                           [&](const Indices& x) { return te::Exp(X.Load(x) - top(x[0])); });
  const Tensor total =
      Compute("total", {{"i", R}}, [&](const Indices& x) { return Sum(e(x[0], k2), {k2}); });
  const Tensor O =
      Compute("O", {{"i", R}, {"j", C}}, [&](const Indices& x) { return e.Load(x) / total(x[0]); });
  return {X, O};
}

Tensors LayerNorm(const WorkloadSizes& s) {
  const int64_t R = s["rows"], C = s["cols"];
  const Tensor X = Input("X", {R, C}, s.dtype);
  const Tensor gamma = Input("gamma", {C}, s.dtype);
  const Tensor beta = Input("beta", {C}, s.dtype);
  const ReduceAxis k1("k", C), k2("k", C);
  const Expr share = Constant(1.0 / static_cast<double>(C), s.dtype);
  const Tensor total =
      Compute("total", {{"i", R}}, [&](const Indices& x) { return Sum(X(x[0], k1), {k1}); });
  const Tensor centred = Compute("centred", {{"i", R}, {"j", C}},
                                 [&](const Indices& x) { return X.Load(x) - total(x[0]) * share; });
  const Tensor squares = Compute("squares", {{"i", R}}, [&](const Indices& x) {
    return Sum(centred(x[0], k2) * centred(x[0], k2), {k2});
  });
  const Tensor O = Compute("O", {{"i", R}, {"j", C}}, [&](const Indices& x) {
    const Expr deviation = te::Sqrt(squares(x[0]) * share + Constant(1e-5, s.dtype));
    return centred.Load(x) / deviation * gamma(x[1]) + beta(x[1]);
  });
  return {X, gamma, beta, O};
}

WorkloadParameter Size(const char* name, const char* summary, int64_t value, int64_t high = 65536) {
  return {name, summary, value, "", 1, high};
}

std::vector<WorkloadParameter> ConvParameters(int64_t channels, int64_t side) {
  return {Size("N", "images", 1, 4096),
          Size("C", "input channels", channels),
          {"O", "output channels", channels, "C", 1, 65536},
          Size("H", "height of the data", side),
          Size("W", "width of the data", side),
          Size("R", "height and width of the window", 3, 64),
          Size("stride", "step of the window", 1, 64),
          {"pad", "zeros added on each side", 1, "", 0, 64}};
}

}  // namespace

const std::vector<FamilyDefinition>& FamilyDefinitions() {
  static const std::vector<FamilyDefinition>& families = *new std::vector<FamilyDefinition>{
      {{"attention",
        "attention layer without softmax: two chained batched products",
        "scores[b,h,i,j] = sum_k Q[b,h,i,k]*K[b,h,j,k]; O[b,h,i,d] = sum_k "
        "scores[b,h,i,k]*V[b,h,k,d]",
        "4*B*H*T*T*D",
        {Size("B", "batch", 1, 4096), Size("H", "heads", 8, 4096), Size("T", "tokens", 128),
         Size("D", "size of a head", 64)},
        kFloatsAndInts},
       Attention,
       nullptr},
      {{"conv", "convolution layer (NCHW data, OIHW weight), then times 1.0001",
        "pad = data with zeros around; conv[n,oc,y,x] = sum_{rc,ry,rx} "
        "pad[n,rc,y*stride+ry,x*stride+rx]"
        "*weight[oc,rc,ry,rx]; O = conv*1.0001",
        "(2*C*R*R + 1)*N*O*OH*OW, OH = (H+2*pad-R)/stride+1", ConvParameters(128, 64), kFloats},
       Conv,
       CheckConv},
      {{"mlp",
        "gated MLP layer: three products and an elementwise one",
        "gate[t,i] = sum_k X[t,k]*W_gate[k,i]; up alike with W_up; gated = gate*up; "
        "O[t,h] = sum_k gated[t,k]*W_down[k,h]",
        "6*T*H*I + T*I",
        {Size("T", "tokens", 128), Size("H", "hidden size", 512),
         Size("I", "intermediate size", 2048)},
        kFloatsAndInts},
       Mlp,
       nullptr},
      {{"moe",
        "mixture of experts with dense routing",
        "expert_hidden[t,e,i] = sum_k X[t,k]*W1[e,k,i]; expert_output[t,e,h] = sum_k "
        "expert_hidden[t,e,k]*W2[e,k,h]; O[t,h] = sum_e expert_output[t,e,h]*routing[t,e]",
        "4*T*E*H*I + 2*T*E*H",
        {Size("T", "tokens", 64), Size("E", "experts", 4, 1024), Size("H", "hidden size", 512),
         Size("I", "intermediate size", 1024)},
        kFloatsAndInts},
       Moe,
       nullptr},
      {{"matmul",
        "matrix product",
        "C[i,j] = sum_k A[i,k]*B[k,j]",
        "2*M*N*K",
        {Size("M", "rows of C", 512), Size("N", "columns of C", 512),
         Size("K", "length of the sum", 512)},
        kFloatsAndInts},
       Matmul,
       nullptr},
      {{"batch-matmul",
        "batch of matrix products, either operand transposed if asked",
        "C[b,i,j] = sum_k A[b,i,k]*B[b,k,j]; ta=1: A is [b,k,i]; tb=1: B is [b,j,k]",
        "2*B*M*N*K",
        {Size("B", "batch", 8, 4096),
         Size("M", "rows of C", 256),
         Size("N", "columns of C", 256),
         Size("K", "length of the sum", 128),
         {"ta", "A is stored transposed", 0, "", 0, 1},
         {"tb", "B is stored transposed", 0, "", 0, 1}},
        kFloatsAndInts},
       BatchMatmul,
       nullptr},
      {{"conv-small", "plain convolution (NCHW data, OIHW weight)",
        "pad = data with zeros around; O[n,oc,y,x] = sum_{rc,ry,rx} "
        "pad[n,rc,y*stride+ry,x*stride+rx]"
        "*weight[oc,rc,ry,rx]",
        "2*C*R*R*N*O*OH*OW, OH = (H+2*pad-R)/stride+1", ConvParameters(32, 28), kFloatsAndInts},
       ConvSmall,
       CheckConv},
      {{"softmax",
        "softmax over the rows of a matrix",
        "top[i] = max_k X[i,k]; exponent[i,j] = exp(X[i,j]-top[i]); total[i] = sum_k "
        "exponent[i,k]; "
        "O[i,j] = exponent[i,j]/total[i]",
        "4*rows*cols (exp not counted)",
        {Size("rows", "rows", 1024), Size("cols", "columns", 1024)},
        kFloats},
       Softmax,
       nullptr},
      {{"layernorm",
        "layer normalisation of the rows of a matrix, with scale and shift",
        "total[i] = sum_k X[i,k]; centred[i,j] = X[i,j]-total[i]/cols; squares[i] = sum_k "
        "centred[i,k]^2; "
        "O[i,j] = centred[i,j]/sqrt(squares[i]/cols + 1e-5)*gamma[j] + beta[j]",
        "10*rows*cols (sqrt not counted)",
        {Size("rows", "rows", 1024), Size("cols", "columns", 1024)},
        kFloats},
       LayerNorm,
       nullptr},
      {{"gemv",
        "matrix times vector",
        "y[i] = sum_k A[i,k]*x[k]",
        "2*M*K",
        {Size("M", "rows", 2048), Size("K", "columns", 2048)},
        kFloatsAndInts},
       Gemv,
       nullptr},
  };
  return families;
}

}  // namespace banyan
