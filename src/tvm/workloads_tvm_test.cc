#include "tvm/workloads.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "tvm/testing/run_program.h"

namespace banyan {
namespace {

using Vector = std::vector<double>;

Workload Make(const std::string& text) {
  const auto spec = ParseWorkloadSpec(text);
  EXPECT_TRUE(spec.ok()) << text;
  auto workload = MakeBuiltinWorkload(*spec);
  EXPECT_TRUE(workload.ok()) << workload.error().message << workload.error().context;
  return std::move(*workload);
}

// A plain computation of the definition: inputs in order, the output.
using Definition = std::function<Vector(const Values&)>;

void ExpectComputes(const std::string& text, double flops, const Definition& definition) {
  const Workload workload = Make(text);
  EXPECT_EQ(workload.flops, flops) << text;
  EXPECT_TRUE(workload.parameters.back().is_output);
  const Values inputs = ExactInputs(workload, 11);
  const auto outputs = RunProgram(workload, workload.module_json, inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().message;
  ASSERT_EQ(outputs->size(), 1u);
  const Vector expected = definition(inputs);
  ASSERT_EQ(outputs->front().size(), expected.size()) << text;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(outputs->front()[i], expected[i], 1e-5 * (1 + std::abs(expected[i])))
        << text << " at " << i;
  }
}

// C[i,j] = sum_k a(i,k)*b(k,j)
Vector Product(int M, int N, int K, const std::function<double(int, int)>& a,
               const std::function<double(int, int)>& b) {
  Vector c(static_cast<size_t>(M * N), 0.0);
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) {
      for (int k = 0; k < K; ++k) c[i * N + j] += a(i, k) * b(k, j);
    }
  }
  return c;
}

Vector PlainConv(const Values& in, int C, int O, int H, int W, int R, int stride, int pad,
                 double factor) {
  const int OH = (H + 2 * pad - R) / stride + 1;
  const int OW = (W + 2 * pad - R) / stride + 1;
  Vector out;
  for (int o = 0; o < O; ++o) {
    for (int y = 0; y < OH; ++y) {
      for (int x = 0; x < OW; ++x) {
        double sum = 0;
        for (int c = 0; c < C; ++c) {
          for (int ry = 0; ry < R; ++ry) {
            for (int rx = 0; rx < R; ++rx) {
              const int h = y * stride + ry - pad;
              const int w = x * stride + rx - pad;
              if (h < 0 || h >= H || w < 0 || w >= W) continue;
              sum += in[0][(c * H + h) * W + w] * in[1][((o * C + c) * R + ry) * R + rx];
            }
          }
        }
        out.push_back(sum * factor);
      }
    }
  }
  return out;
}

TEST(WorkloadsTest, Attention) {
  ExpectComputes("attention:B=2,H=3,T=5,D=4", 4 * 2 * 3 * 5 * 5 * 4, [](const Values& in) {
    Vector out;
    for (int bh = 0; bh < 6; ++bh) {
      const double* q = &in[0][bh * 20];
      const double* k = &in[1][bh * 20];
      const double* v = &in[2][bh * 20];
      const Vector scores = Product(
          5, 5, 4, [&](int i, int d) { return q[i * 4 + d]; },
          [&](int d, int j) { return k[j * 4 + d]; });
      const Vector o = Product(
          5, 4, 5, [&](int i, int j) { return scores[i * 5 + j]; },
          [&](int j, int d) { return v[j * 4 + d]; });
      out.insert(out.end(), o.begin(), o.end());
    }
    return out;
  });
}

TEST(WorkloadsTest, Conv) {
  ExpectComputes("conv:C=3,H=6,W=7", (2 * 3 * 9 + 1) * 3 * 6 * 7,
                 [](const Values& in) { return PlainConv(in, 3, 3, 6, 7, 3, 1, 1, 1.0001); });
  // With H=9 the LLVM inside TVM makes code for AVX2 that it then refuses itself.
  ExpectComputes("conv:C=2,O=4,H=11,W=8,R=2,stride=3,pad=0", (2 * 2 * 4 + 1) * 4 * 4 * 3,
                 [](const Values& in) { return PlainConv(in, 2, 4, 11, 8, 2, 3, 0, 1.0001); });
}

TEST(WorkloadsTest, ConvSmall) {
  ExpectComputes("conv-small:C=3,O=2,H=5,W=6,stride=2", 2 * 3 * 9 * 2 * 3 * 3,
                 [](const Values& in) { return PlainConv(in, 3, 2, 5, 6, 3, 2, 1, 1); });
  ExpectComputes("conv-small:C=3,O=2,H=5,W=6,dtype=int32", 2 * 3 * 9 * 2 * 5 * 6,
                 [](const Values& in) { return PlainConv(in, 3, 2, 5, 6, 3, 1, 1, 1); });
}

TEST(WorkloadsTest, Mlp) {
  ExpectComputes("mlp:T=3,H=4,I=6", 6 * 3 * 4 * 6 + 3 * 6, [](const Values& in) {
    const auto x = [&](int t, int k) { return in[0][t * 4 + k]; };
    const Vector gate = Product(3, 6, 4, x, [&](int k, int i) { return in[1][k * 6 + i]; });
    const Vector up = Product(3, 6, 4, x, [&](int k, int i) { return in[2][k * 6 + i]; });
    return Product(
        3, 4, 6, [&](int t, int i) { return gate[t * 6 + i] * up[t * 6 + i]; },
        [&](int i, int h) { return in[3][i * 4 + h]; });
  });
}

TEST(WorkloadsTest, Moe) {
  ExpectComputes("moe:T=3,E=2,H=4,I=5", 4 * 3 * 2 * 4 * 5 + 2 * 3 * 2 * 4, [](const Values& in) {
    Vector out(3 * 4, 0.0);
    for (int e = 0; e < 2; ++e) {
      const Vector hidden = Product(
          3, 5, 4, [&](int t, int k) { return in[0][t * 4 + k]; },
          [&](int k, int i) { return in[2][(e * 4 + k) * 5 + i]; });
      const Vector o = Product(
          3, 4, 5, [&](int t, int i) { return hidden[t * 5 + i]; },
          [&](int i, int h) { return in[3][(e * 5 + i) * 4 + h]; });
      for (int t = 0; t < 3; ++t) {
        for (int h = 0; h < 4; ++h) out[t * 4 + h] += o[t * 4 + h] * in[1][t * 2 + e];
      }
    }
    return out;
  });
}

TEST(WorkloadsTest, Matmul) {
  for (const char* dtype : {"float32", "float64", "int32", "int64"}) {
    ExpectComputes(std::string("matmul:M=3,N=5,K=7,dtype=") + dtype, 2 * 3 * 5 * 7,
                   [](const Values& in) {
                     return Product(
                         3, 5, 7, [&](int i, int k) { return in[0][i * 7 + k]; },
                         [&](int k, int j) { return in[1][k * 5 + j]; });
                   });
  }
}

TEST(WorkloadsTest, BatchMatmulEitherOperandTransposed) {
  for (const int ta : {0, 1}) {
    for (const int tb : {0, 1}) {
      const std::string text =
          "batch-matmul:B=2,M=3,N=5,K=4,ta=" + std::to_string(ta) + ",tb=" + std::to_string(tb);
      ExpectComputes(text, 2 * 2 * 3 * 5 * 4, [&](const Values& in) {
        Vector out;
        for (int b = 0; b < 2; ++b) {
          const Vector c = Product(
              3, 5, 4, [&](int i, int k) { return in[0][b * 12 + (ta ? k * 3 + i : i * 4 + k)]; },
              [&](int k, int j) { return in[1][b * 20 + (tb ? j * 4 + k : k * 5 + j)]; });
          out.insert(out.end(), c.begin(), c.end());
        }
        return out;
      });
    }
  }
}

TEST(WorkloadsTest, Gemv) {
  ExpectComputes("gemv:M=6,K=9", 2 * 6 * 9, [](const Values& in) {
    return Product(
        6, 1, 9, [&](int i, int k) { return in[0][i * 9 + k]; },
        [&](int k, int) { return in[1][k]; });
  });
}

TEST(WorkloadsTest, Softmax) {
  for (const char* dtype : {"float32", "float64"}) {
    ExpectComputes(std::string("softmax:rows=3,cols=8,dtype=") + dtype, 4 * 3 * 8,
                   [](const Values& in) {
                     Vector out;
                     for (int i = 0; i < 3; ++i) {
                       double total = 0;
                       for (int j = 0; j < 8; ++j) total += std::exp(in[0][i * 8 + j]);
                       for (int j = 0; j < 8; ++j)
                         out.push_back(std::exp(in[0][i * 8 + j]) / total);
                     }
                     return out;
                   });
  }
}

TEST(WorkloadsTest, LayerNorm) {
  ExpectComputes("layernorm:rows=3,cols=8", 10 * 3 * 8, [](const Values& in) {
    Vector out;
    for (int i = 0; i < 3; ++i) {
      double mean = 0;
      double variance = 0;
      for (int j = 0; j < 8; ++j) mean += in[0][i * 8 + j] / 8;
      for (int j = 0; j < 8; ++j) variance += std::pow(in[0][i * 8 + j] - mean, 2) / 8;
      for (int j = 0; j < 8; ++j) {
        out.push_back((in[0][i * 8 + j] - mean) / std::sqrt(variance + 1e-5) * in[1][j] + in[2][j]);
      }
    }
    return out;
  });
}

TEST(WorkloadsTest, EveryFamilyBuildsAtItsDefaultsUnderItsCanonicalName) {
  std::set<std::string> names;
  for (const WorkloadFamily& family : BuiltinWorkloads()) {
    names.insert(family.name);
    EXPECT_FALSE(family.summary.empty() || family.definition.empty() || family.flops.empty());
    const Workload workload = Make(family.name);
    EXPECT_EQ(workload.family, family.name);
    EXPECT_EQ(workload.entry, "main");
    EXPECT_GT(workload.flops, 0);
    EXPECT_GT(workload.reduction_length, 1);
    EXPECT_NE(workload.id.find(",dtype=" + family.dtypes.front()), std::string::npos);
    // The canonical name is itself a workload, and the same one.
    const Workload again = Make(workload.id);
    EXPECT_EQ(again.id, workload.id);
    EXPECT_EQ(again.hash, workload.hash);
    EXPECT_EQ(again.module_json, workload.module_json);
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"attention", "conv", "mlp", "moe", "matmul", "batch-matmul",
                                   "conv-small", "softmax", "layernorm", "gemv"}));
}

TEST(WorkloadsTest, TheStudysFlopsAndSizes) {
  EXPECT_EQ(Make("attention").flops, 33554432);
  EXPECT_EQ(Make("conv").flops, 1208483840);
  EXPECT_EQ(Make("mlp").flops, 805568512);
  EXPECT_NEAR(Make("moe").flops, 537e6, 1e6);
  EXPECT_EQ(Make("mlp").reduction_length, 512 + 2048);
  const Workload conv = Make("conv:C=96,H=56,W=56");
  EXPECT_EQ(conv.parameters[1].shape, (std::vector<int64_t>{96, 96, 3, 3}));
  EXPECT_NE(Make("mlp:T=96").hash, Make("mlp").hash);
}

TEST(WorkloadsTest, ErrorsNameWhatIsLegal) {
  const std::pair<const char*, const char*> cases[] = {
      {"nope", "built in: attention, conv, mlp"},
      {"mlp:Q=3", "no parameter 'Q'; it has: T, H, I, dtype"},
      {"mlp:T=0", "T=0 is not an integer in [1, 65536] (tokens)"},
      {"mlp:T=1x", "T=1x is not an integer"},
      {"mlp:T=99999999999999999999", "is not an integer in"},
      {"batch-matmul:ta=2", "[0, 1]"},
      {"softmax:dtype=int32", "one of: float32, float64"},
      {"matmul:dtype=float33", "one of: float32, float64, int32, int64"},
      {"conv:H=2,pad=0", "larger than the padded data"},
      {"matmul:M=65536,K=65536", "more than 2^31-1 elements"},
  };
  for (const auto& [text, reason] : cases) {
    const auto workload = MakeBuiltinWorkload(*ParseWorkloadSpec(text));
    ASSERT_FALSE(workload.ok()) << text;
    EXPECT_NE(workload.error().message.find(reason), std::string::npos) << workload.error().message;
    EXPECT_EQ(workload.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace banyan
