// What a kernel written by hand (intrinsics, 6 x 16 register tile, panels of B) reaches of the
// core's multiply-add peak on the products of the seed workloads. The peak is measured in turn with
// it, call by call, so that what a neighbour takes from the core is taken from both: `of_peak` is a
// ratio within one run. What a schedule reaches is to be read against it; it is no upper bound.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>

namespace banyan {
namespace {

constexpr int64_t kRows = 6;
constexpr int64_t kVectors = 2;
constexpr int64_t kLanes = 8;
constexpr int64_t kColumns = kVectors * kLanes;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Twelve chains of multiply-adds in registers; returns the operations.
__attribute__((target("avx2,fma"))) double PeakWork(int64_t rounds) {
  constexpr int kChains = 12;
  __m256 sums[kChains];
  for (__m256& sum : sums) sum = _mm256_set1_ps(1);
  const __m256 x = _mm256_set1_ps(0.999F);
  const __m256 y = _mm256_set1_ps(0.001F);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, x, y);
  }
  for (__m256& sum : sums) benchmark::DoNotOptimize(sum);
  return 2.0 * kLanes * kChains * static_cast<double>(rounds);
}

// C[6][16] (+)= A[6][depth] * panel[depth][16]
__attribute__((target("avx2,fma"), noinline)) void Tile(const float* a, int64_t a_stride,
                                                        const float* panel, int64_t depth, float* c,
                                                        int64_t c_stride, bool add) {
  __m256 sums[kRows][kVectors];
#pragma GCC unroll 6
  for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) {
      sums[r][v] = add ? _mm256_loadu_ps(c + r * c_stride + v * kLanes) : _mm256_setzero_ps();
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    const __m256 left = _mm256_loadu_ps(panel + k * kColumns);
    const __m256 right = _mm256_loadu_ps(panel + k * kColumns + kLanes);
#pragma GCC unroll 6
    for (int64_t r = 0; r < kRows; ++r) {
      const __m256 factor = _mm256_broadcast_ss(a + r * a_stride + k);
      sums[r][0] = _mm256_fmadd_ps(factor, left, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(factor, right, sums[r][1]);
    }
  }
#pragma GCC unroll 6
  for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < kVectors; ++v) {
      _mm256_storeu_ps(c + r * c_stride + v * kLanes, sums[r][v]);
    }
  }
}

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};
using Matrix = std::unique_ptr<float, Free>;

// In whole cache lines: a vector load that crosses lines takes twice the time.
Matrix Filled(int64_t elements, float value) {
  constexpr size_t kLine = 64;
  const size_t bytes = (static_cast<size_t>(elements) * sizeof(float) + kLine - 1) / kLine * kLine;
  Matrix matrix(static_cast<float*>(std::aligned_alloc(kLine, bytes)));
  std::fill_n(matrix.get(), elements, value);
  return matrix;
}

struct Product {
  int64_t m, n, k;
  int64_t depth;  // of a panel: k is cut into pieces of this
  bool packed;    // beforehand, outside the measured time
  Matrix a = Filled(m * k, 0.5F);
  Matrix b = Filled(k * n, 0.25F);
  Matrix panels = Filled(k * n, 0.25F);
  Matrix c = Filled(m * n, 0);

  double flops() const {
    return 2.0 * static_cast<double>(m / kRows * kRows) * static_cast<double>(n) *
           static_cast<double>(k);
  }

  __attribute__((target("avx2,fma"))) void Run() {
    for (int64_t j = 0; j < n; j += kColumns) {
      for (int64_t k0 = 0; k0 < k; k0 += depth) {
        float* panel = panels.get() + (packed ? j * k + k0 * kColumns : 0);
        for (int64_t p = 0; p < depth && !packed; ++p) {
          const float* row = b.get() + (k0 + p) * n + j;
          _mm256_storeu_ps(panel + p * kColumns, _mm256_loadu_ps(row));
          _mm256_storeu_ps(panel + p * kColumns + kLanes, _mm256_loadu_ps(row + kLanes));
        }
        // Rows that fill no tile are left out, of the operations too.
        for (int64_t i = 0; i + kRows <= m; i += kRows) {
          Tile(a.get() + i * k + k0, k, panel, depth, c.get() + i * n + j, n, k0 > 0);
        }
      }
    }
    benchmark::DoNotOptimize(c.get());
    benchmark::ClobberMemory();
  }
};

void BM_Product(benchmark::State& state) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    state.SkipWithError("this CPU has no AVX2 with multiply-add");
    return;
  }
  Product product{.m = state.range(0),
                  .n = state.range(1),
                  .k = state.range(2),
                  .depth = state.range(3),
                  .packed = state.range(4) != 0};
  const auto rounds = static_cast<int64_t>(product.flops() / (2.0 * kLanes * 12));
  product.Run();
  std::vector<double> shares;
  for (auto _ : state) {
    const auto peak_start = Clock::now();
    const double peak_rate = PeakWork(rounds) / SecondsSince(peak_start);
    const auto start = Clock::now();
    product.Run();
    const double seconds = SecondsSince(start);
    state.SetIterationTime(seconds);
    shares.push_back(product.flops() / seconds / peak_rate);
  }
  std::sort(shares.begin(), shares.end());
  const auto at = [&](double part) {
    return shares[static_cast<size_t>(part * static_cast<double>(shares.size() - 1))];
  };
  state.counters["of_peak"] = at(0.5);
  state.counters["low"] = at(0.1);
  state.counters["high"] = at(0.9);
  state.SetLabel(product.packed ? "packed beforehand" : "packing timed");
}
// mlp: gate and up, down; moe: hidden, output.
BENCHMARK(BM_Product)
    ->ArgNames({"M", "N", "K", "depth", "packed"})
    ->ArgsProduct({{128}, {2048}, {512}, {128, 256, 512}, {0, 1}})
    ->ArgsProduct({{128}, {512}, {2048}, {256, 512, 2048}, {0, 1}})
    ->ArgsProduct({{64}, {1024}, {512}, {128, 256, 512}, {0, 1}})
    ->ArgsProduct({{64}, {512}, {1024}, {256, 512, 1024}, {0, 1}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace banyan
#endif  // __x86_64__

BENCHMARK_MAIN();
