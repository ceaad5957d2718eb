// The workloads as a user would call OpenBLAS and oneDNN for them, behind one C interface for
// peers.py.
//
// All tensors are float32, row-major, 64-byte aligned; inputs come first, the output last, in the
// order of `banyan workloads`. Whatever a library wants of other layouts is done inside a call. One
// thread each.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using Kernel = std::function<void(float* const* tensors)>;

// Sizes of a workload, in the order in which peers.py hands them over.
struct Matmul {
  int64_t m, n, k;
};
struct Mlp {
  int64_t t, h, i;
};
struct Attention {
  int64_t b, h, t, d;
};
struct Moe {
  int64_t t, e, h, i;
};
struct Conv {
  int64_t n, c, o, h, w, r, stride, pad;
  int64_t out_h() const { return (h + 2 * pad - r) / stride + 1; }
  int64_t out_w() const { return (w + 2 * pad - r) / stride + 1; }
};
constexpr float kConvScale = 1.0001F;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// Kept between calls, as a user's workspace would be.
std::shared_ptr<float[]> Scratch(int64_t elements) {
  const size_t bytes = (static_cast<size_t>(elements) * sizeof(float) + 63) / 64 * 64;
  return std::shared_ptr<float[]>(static_cast<float*>(std::aligned_alloc(64, bytes)), Free());
}

void Gemm(CBLAS_TRANSPOSE transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
          const float* b, float* c) {
  const auto ld_b = static_cast<blasint>(transpose_b == CblasTrans ? k : n);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose_b, static_cast<blasint>(m),
              static_cast<blasint>(n), static_cast<blasint>(k), 1, a, static_cast<blasint>(k), b,
              ld_b, 0, c, static_cast<blasint>(n));
}

void Multiply(int64_t count, const float* left, float* right) {
  for (int64_t i = 0; i < count; ++i) right[i] *= left[i];
}

// out[t,h] = sum_e parts[e,t,h] * routing[t,e]
void Combine(const Moe& s, const float* parts, const float* routing, float* out) {
  for (int64_t t = 0; t < s.t; ++t) {
    float* row = out + t * s.h;
    for (int64_t e = 0; e < s.e; ++e) {
      const float weight = routing[t * s.e + e];
      const float* part = parts + (e * s.t + t) * s.h;
      if (e == 0) {
        for (int64_t h = 0; h < s.h; ++h) row[h] = part[h] * weight;
      } else {
        for (int64_t h = 0; h < s.h; ++h) row[h] += part[h] * weight;
      }
    }
  }
}

// ---- OpenBLAS

Kernel OpenBlas(const Matmul& s) {
  return [s](float* const* t) { Gemm(CblasNoTrans, s.m, s.n, s.k, t[0], t[1], t[2]); };
}

Kernel OpenBlas(const Mlp& s) {
  const auto gate = Scratch(s.t * s.i);
  const auto up = Scratch(s.t * s.i);
  return [s, gate, up](float* const* t) {
    Gemm(CblasNoTrans, s.t, s.i, s.h, t[0], t[1], gate.get());
    Gemm(CblasNoTrans, s.t, s.i, s.h, t[0], t[2], up.get());
    Multiply(s.t * s.i, gate.get(), up.get());
    Gemm(CblasNoTrans, s.t, s.h, s.i, up.get(), t[3], t[4]);
  };
}

Kernel OpenBlas(const Attention& s) {
  const auto scores = Scratch(s.t * s.t);  // of one head: stays in cache
  return [s, scores](float* const* t) {
    for (int64_t head = 0; head < s.b * s.h; ++head) {
      const int64_t at = head * s.t * s.d;
      Gemm(CblasTrans, s.t, s.t, s.d, t[0] + at, t[1] + at, scores.get());
      Gemm(CblasNoTrans, s.t, s.d, s.t, scores.get(), t[2] + at, t[3] + at);
    }
  };
}

Kernel OpenBlas(const Moe& s) {
  const auto hidden = Scratch(s.t * s.i);
  const auto parts = Scratch(s.e * s.t * s.h);
  return [s, hidden, parts](float* const* t) {
    for (int64_t e = 0; e < s.e; ++e) {
      Gemm(CblasNoTrans, s.t, s.i, s.h, t[0], t[2] + e * s.h * s.i, hidden.get());
      Gemm(CblasNoTrans, s.t, s.h, s.i, hidden.get(), t[3] + e * s.i * s.h,
           parts.get() + e * s.t * s.h);
    }
    Combine(s, parts.get(), t[1], t[4]);
  };
}

// Convolution as a product: rows of `columns` are (channel, ry, rx), columns the output's pixels.
void Im2Col(const Conv& s, const float* image, float* columns) {
  const int64_t out_w = s.out_w();
  for (int64_t c = 0; c < s.c; ++c) {
    for (int64_t ry = 0; ry < s.r; ++ry) {
      for (int64_t rx = 0; rx < s.r; ++rx) {
        for (int64_t y = 0; y < s.out_h(); ++y, columns += out_w) {
          const int64_t row = y * s.stride + ry - s.pad;
          if (row < 0 || row >= s.h) {
            std::fill_n(columns, out_w, 0.F);
            continue;
          }
          const float* line = image + (c * s.h + row) * s.w;
          if (s.stride == 1) {
            const int64_t first = std::clamp<int64_t>(s.pad - rx, 0, out_w);
            const int64_t last = std::clamp<int64_t>(s.w + s.pad - rx, first, out_w);
            std::fill_n(columns, first, 0.F);
            std::memcpy(columns + first, line + first + rx - s.pad,
                        static_cast<size_t>(last - first) * sizeof(float));
            std::fill_n(columns + last, out_w - last, 0.F);
            continue;
          }
          for (int64_t x = 0; x < out_w; ++x) {
            const int64_t column = x * s.stride + rx - s.pad;
            columns[x] = column >= 0 && column < s.w ? line[column] : 0;
          }
        }
      }
    }
  }
}

Kernel OpenBlas(const Conv& s) {
  const int64_t pixels = s.out_h() * s.out_w();
  const int64_t depth = s.c * s.r * s.r;
  const auto columns = Scratch(depth * pixels);
  return [s, pixels, depth, columns](float* const* t) {
    for (int64_t n = 0; n < s.n; ++n) {
      Im2Col(s, t[0] + n * s.c * s.h * s.w, columns.get());
      float* out = t[2] + n * s.o * pixels;
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(s.o),
                  static_cast<blasint>(pixels), static_cast<blasint>(depth), kConvScale, t[1],
                  static_cast<blasint>(depth), columns.get(), static_cast<blasint>(pixels), 0, out,
                  static_cast<blasint>(pixels));
    }
  };
}

// ---- oneDNN

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

memory::desc Plain(const Dims& dims, const Dims& strides) {
  return {dims, memory::data_type::f32, strides};
}
memory::desc Plain(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  return {dims, memory::data_type::f32, strides};
}
memory::desc Any(const memory::desc& plain) {
  return {plain.dims(), memory::data_type::f32, Tag::any};
}

// One primitive with its operands: where it wants another layout than the user's, reorders run with
// it.
class Stage {
 public:
  Stage(std::shared_ptr<OneDnn> dnn, dnnl::primitive primitive)
      : dnn_(std::move(dnn)), primitive_(std::move(primitive)) {}

  // Operand `argument` is at hand as `user`, wanted as `wanted`. Data is set at each run.
  void Input(int argument, const memory::desc& user, const memory::desc& wanted) {
    operands_.push_back(Make(argument, user, wanted, /*is_output=*/false));
  }
  void Output(const memory::desc& user, const memory::desc& made) {
    operands_.push_back(Make(DNNL_ARG_DST, user, made, /*is_output=*/true));
  }
  // Pointers in the order in which operands were declared.
  void Run(const std::vector<float*>& data) {
    for (size_t i = 0; i < operands_.size(); ++i) {
      Operand& operand = operands_[i];
      operand.user.set_data_handle(data[i]);
      if (operand.reordered && !operand.is_output)
        operand.reorder.execute(dnn_->stream, operand.user, operand.own);
    }
    primitive_.execute(dnn_->stream, arguments_);
    for (Operand& operand : operands_) {
      if (operand.reordered && operand.is_output)
        operand.reorder.execute(dnn_->stream, operand.own, operand.user);
    }
    dnn_->stream.wait();
  }

 private:
  struct Operand {
    memory user;
    memory own;
    dnnl::reorder reorder;
    bool reordered = false;
    bool is_output = false;
  };

  Operand Make(int argument, const memory::desc& user, const memory::desc& wanted, bool is_output) {
    Operand operand;
    operand.user = memory(user, dnn_->engine, nullptr);
    operand.is_output = is_output;
    operand.reordered = user != wanted;
    if (operand.reordered) {
      operand.own = memory(wanted, dnn_->engine);
      operand.reorder = is_output ? dnnl::reorder(operand.own, operand.user)
                                  : dnnl::reorder(operand.user, operand.own);
    }
    arguments_[argument] = operand.reordered ? operand.own : operand.user;
    return operand;
  }

  std::shared_ptr<OneDnn> dnn_;
  dnnl::primitive primitive_;
  std::vector<Operand> operands_;
  std::unordered_map<int, memory> arguments_;
};

std::shared_ptr<Stage> Product(const std::shared_ptr<OneDnn>& dnn, bool blocked,
                               const memory::desc& a, const memory::desc& b, const memory::desc& c,
                               bool times_another = false) {
  dnnl::primitive_attr attributes;
  if (times_another) {
    dnnl::post_ops then;
    then.append_binary(dnnl::algorithm::binary_mul, c);
    attributes.set_post_ops(then);
  }
  const dnnl::matmul::desc what(a, blocked ? Any(b) : b, c);
  const dnnl::matmul::primitive_desc how(what, attributes, dnn->engine);
  auto stage = std::make_shared<Stage>(dnn, dnnl::matmul(how));
  stage->Input(DNNL_ARG_SRC, a, how.src_desc());
  stage->Input(DNNL_ARG_WEIGHTS, b, how.weights_desc());
  stage->Output(c, how.dst_desc());
  if (times_another) stage->Input(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, c, c);
  return stage;
}

Kernel OneDnnKernel(const Matmul& s, bool blocked) {
  const auto dnn = std::make_shared<OneDnn>();
  const auto product =
      Product(dnn, blocked, Plain({s.m, s.k}), Plain({s.k, s.n}), Plain({s.m, s.n}));
  return [product](float* const* t) { product->Run({t[0], t[1], t[2]}); };
}

Kernel OneDnnKernel(const Mlp& s, bool blocked) {
  const auto dnn = std::make_shared<OneDnn>();
  const auto x = Plain({s.t, s.h});
  const auto hidden = Plain({s.t, s.i});
  const auto gate = Product(dnn, blocked, x, Plain({s.h, s.i}), hidden);
  const auto up = Product(dnn, blocked, x, Plain({s.h, s.i}), hidden, /*times_another=*/true);
  const auto down = Product(dnn, blocked, hidden, Plain({s.i, s.h}), x);
  const auto gates = Scratch(s.t * s.i);
  const auto gated = Scratch(s.t * s.i);
  return [=](float* const* t) {
    gate->Run({t[0], t[1], gates.get()});
    up->Run({t[0], t[2], gated.get(), gates.get()});
    down->Run({gated.get(), t[3], t[4]});
  };
}

Kernel OneDnnKernel(const Attention& s, bool blocked) {
  const auto dnn = std::make_shared<OneDnn>();
  const int64_t heads = s.b * s.h;
  const auto rows = Plain({heads, s.t, s.d});
  const auto transposed = Plain({heads, s.d, s.t}, {s.t * s.d, 1, s.d});
  const auto square = Plain({heads, s.t, s.t});
  const auto scores = Product(dnn, blocked, rows, transposed, square);
  const auto mix = Product(dnn, blocked, square, rows, rows);
  const auto between = Scratch(heads * s.t * s.t);
  return [=](float* const* t) {
    scores->Run({t[0], t[1], between.get()});
    mix->Run({between.get(), t[2], t[3]});
  };
}

Kernel OneDnnKernel(const Moe& s, bool blocked) {
  const auto dnn = std::make_shared<OneDnn>();
  const auto x = Plain({s.t, s.h});
  const auto hidden = Plain({s.t, s.i});
  const auto up = Product(dnn, blocked, x, Plain({s.h, s.i}), hidden);
  const auto down = Product(dnn, blocked, hidden, Plain({s.i, s.h}), x);
  const auto between = Scratch(s.t * s.i);
  const auto parts = Scratch(s.e * s.t * s.h);
  return [=](float* const* t) {
    for (int64_t e = 0; e < s.e; ++e) {
      up->Run({t[0], t[2] + e * s.h * s.i, between.get()});
      down->Run({between.get(), t[3] + e * s.i * s.h, parts.get() + e * s.t * s.h});
    }
    Combine(s, parts.get(), t[1], t[4]);
  };
}

Kernel OneDnnKernel(const Conv& s, bool blocked) {
  const auto dnn = std::make_shared<OneDnn>();
  const auto data = Plain({s.n, s.c, s.h, s.w});
  const auto weight = Plain({s.o, s.c, s.r, s.r});
  const auto out = Plain({s.n, s.o, s.out_h(), s.out_w()});
  dnnl::post_ops then;
  then.append_eltwise(1.F, dnnl::algorithm::eltwise_linear, kConvScale, 0.F);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(then);
  const dnnl::convolution_forward::desc what(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      blocked ? Any(data) : data, blocked ? Any(weight) : weight, blocked ? Any(out) : out,
      {s.stride, s.stride}, {s.pad, s.pad}, {s.pad, s.pad});
  const dnnl::convolution_forward::primitive_desc how(what, attributes, dnn->engine);
  const auto stage = std::make_shared<Stage>(dnn, dnnl::convolution_forward(how));
  stage->Input(DNNL_ARG_SRC, data, how.src_desc());
  stage->Input(DNNL_ARG_WEIGHTS, weight, how.weights_desc());
  stage->Output(out, how.dst_desc());
  return [stage](float* const* t) { stage->Run({t[0], t[1], t[2]}); };
}

template <typename Sizes>
Kernel By(const std::string& library, const Sizes& sizes) {
  if (library == "openblas") return OpenBlas(sizes);
  if (library == "onednn-plain") return OneDnnKernel(sizes, /*blocked=*/false);
  if (library == "onednn-blocked") return OneDnnKernel(sizes, /*blocked=*/true);
  return nullptr;
}

Kernel Make(const std::string& library, const std::string& family, const int64_t* s) {
  if (family == "matmul") return By(library, Matmul{s[0], s[1], s[2]});
  if (family == "mlp") return By(library, Mlp{s[0], s[1], s[2]});
  if (family == "attention") return By(library, Attention{s[0], s[1], s[2], s[3]});
  if (family == "moe") return By(library, Moe{s[0], s[1], s[2], s[3]});
  if (family == "conv") return By(library, Conv{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]});
  return nullptr;
}

thread_local std::string last_error;

}  // namespace

extern "C" {

const char* vendor_error() { return last_error.c_str(); }

const char* vendor_versions() {
  static const std::string text = [] {
    const dnnl::version_t* dnn = dnnl::version();
    return std::string(openblas_get_config()) + "; oneDNN " + std::to_string(dnn->major) + "." +
           std::to_string(dnn->minor) + "." + std::to_string(dnn->patch);
  }();
  return text.c_str();
}

// A kernel of `library` ("openblas", "onednn-plain", "onednn-blocked") for the family with these
// sizes; null: see vendor_error(). Never freed: a process makes a handful.
void* vendor_make(const char* library, const char* family, const int64_t* sizes) {
  try {
    openblas_set_num_threads(1);
    Kernel kernel = Make(library, family, sizes);
    if (kernel) return new Kernel(std::move(kernel));
    last_error = std::string("no ") + family + " by " + library;
  } catch (const std::exception& failure) {
    last_error = failure.what();
  }
  return nullptr;
}

// 0, or 1 with vendor_error().
int vendor_run(void* kernel, float* const* tensors) {
  try {
    (*static_cast<Kernel*>(kernel))(tensors);
    return 0;
  } catch (const std::exception& failure) {
    last_error = failure.what();
    return 1;
  }
}

// Mean milliseconds of calls that fill `least_ms`, at least one; `run(context, tensors)` is any
// kernel.
double time_calls(int (*run)(void*, float* const*), void* context, float* const* tensors,
                  double least_ms) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  int64_t calls = 0;
  int64_t batch = 1;
  double elapsed_ms = 0;
  while (elapsed_ms < least_ms) {
    for (int64_t i = 0; i < batch; ++i) run(context, tensors);
    calls += batch;
    elapsed_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    // The clock is read rarely for short kernels.
    const double each_ms = elapsed_ms / static_cast<double>(calls);
    batch = std::clamp<int64_t>(
        static_cast<int64_t>((least_ms - elapsed_ms) / std::max(each_ms, 1e-6)), 1, calls * 4);
  }
  return elapsed_ms / static_cast<double>(calls);
}

}  // extern "C"
