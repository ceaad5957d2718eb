#include "tvm/cpu_speed.h"

// A debug build must measure the machine, not the lack of optimisation.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include <algorithm>
#include <chrono>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace banyan {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

volatile float g_sink;  // keeps results alive

// Each returns the floating-point operations of `rounds` rounds: 12 chains hide the latency of two
// units (4 cycles each, with room).
constexpr int kChains = 12;
// The chains must live in registers, at any optimisation level that unrolls at all.
#define BANYAN_UNROLLED _Pragma("GCC unroll 12")

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double Work512(int rounds) {
  __m512 acc[kChains];
  for (__m512& chain : acc) chain = _mm512_set1_ps(1.0f);
  const __m512 x = _mm512_set1_ps(0.999f);
  const __m512 y = _mm512_set1_ps(0.001f);
  for (int r = 0; r < rounds; ++r) {
    BANYAN_UNROLLED for (int c = 0; c < kChains; ++c) acc[c] = _mm512_fmadd_ps(acc[c], x, y);
  }
  __m512 sum = acc[0];
  for (int c = 1; c < kChains; ++c) sum = _mm512_add_ps(sum, acc[c]);
  g_sink = _mm512_cvtss_f32(sum);
  return 2.0 * 16 * kChains * rounds;
}

__attribute__((target("avx2,fma"))) double Work256(int rounds) {
  __m256 acc[kChains];
  for (__m256& chain : acc) chain = _mm256_set1_ps(1.0f);
  const __m256 x = _mm256_set1_ps(0.999f);
  const __m256 y = _mm256_set1_ps(0.001f);
  for (int r = 0; r < rounds; ++r) {
    BANYAN_UNROLLED for (int c = 0; c < kChains; ++c) acc[c] = _mm256_fmadd_ps(acc[c], x, y);
  }
  __m256 sum = acc[0];
  for (int c = 1; c < kChains; ++c) sum = _mm256_add_ps(sum, acc[c]);
  g_sink = _mm256_cvtss_f32(sum);
  return 2.0 * 8 * kChains * rounds;
}
#endif

typedef float Vector4 __attribute__((vector_size(16)));

double WorkPortable(int rounds) {
  Vector4 acc[kChains];
  for (Vector4& chain : acc) chain = Vector4{1, 1, 1, 1};
  const Vector4 x = {0.999f, 0.999f, 0.999f, 0.999f};
  const Vector4 y = {0.001f, 0.001f, 0.001f, 0.001f};
  for (int r = 0; r < rounds; ++r) {
    BANYAN_UNROLLED for (int c = 0; c < kChains; ++c) acc[c] = acc[c] * x + y;
  }
  Vector4 sum = acc[0];
  for (int c = 1; c < kChains; ++c) sum += acc[c];
  g_sink = sum[0];
  return 2.0 * 4 * kChains * rounds;
}

double Rate(double (*work)(int), int rounds) {
  work(rounds);  // wakes the vector units up: wide ones start slowly
  double best = 0;
  for (int i = 0; i < 10; ++i) {
    const auto start = Clock::now();
    const double operations = work(rounds);
    best = std::max(best, operations / SecondsSince(start) * 1e-9);
  }
  return best;
}

}  // namespace

double MeasurePeakGflops() {
  constexpr int kRounds = 100000;
  double best = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) best = std::max(best, Rate(Work512, kRounds));
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    best = std::max(best, Rate(Work256, kRounds));
  }
#endif
  if (best == 0) best = Rate(WorkPortable, kRounds);
  return best;
}

double MeasureDriftKernelMs() {
  constexpr int kElements = 64 << 10;
  constexpr int kPasses = 100;
  constexpr int kRuns = 7;
  static thread_local std::vector<float> data(kElements, 1.0f);
  std::vector<double> times;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    for (int pass = 0; pass < kPasses; ++pass) {
      float* values = data.data();
      for (int i = 0; i < kElements; ++i) values[i] = values[i] * 0.999f + 0.001f;
      g_sink = values[pass];
    }
    times.push_back(SecondsSince(start) * 1e3);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace banyan
