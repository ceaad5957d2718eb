// What a candidate costs before it is built: a copy, a primitive, the picture, the hash, the
// features.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>

#include "tvm/live_schedule.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

std::unique_ptr<LiveSchedule> Make(const char* spec) {
  const auto workload = MakeBuiltinWorkload(*ParseWorkloadSpec(spec));
  if (!workload.ok()) std::abort();
  auto schedule = MakeLiveSchedule(workload->module_json, workload->entry);
  if (!schedule.ok()) std::abort();
  return std::move(*schedule);
}

constexpr const char* kSpecs[] = {"attention", "conv", "mlp", "moe", "layernorm"};

void BM_Copy(benchmark::State& state) {
  const auto schedule = Make(kSpecs[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(schedule->Copy());
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Copy)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);

// A change of a loop's kind empties the picture; taking it again is what is timed.
void BM_Program(benchmark::State& state) {
  const auto schedule = Make(kSpecs[state.range(0)]);
  const std::string loop = (*schedule->Program())->loops.front().name;
  for (auto _ : state) {
    state.PauseTiming();
    const auto copy = schedule->Copy();
    if (!copy->SetLoopKind(loop, LoopKind::kUnrolled).ok()) std::abort();
    state.ResumeTiming();
    benchmark::DoNotOptimize(copy->Program());
  }
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Program)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);

void BM_CopyAndSplit(benchmark::State& state) {
  const auto schedule = Make(kSpecs[state.range(0)]);
  const std::string loop = (*schedule->Program())->loops.front().name;
  for (auto _ : state) {
    const auto copy = schedule->Copy();
    if (!copy->Split(loop, {0, 1}, {loop + ".0", loop + ".1"}).ok()) std::abort();
  }
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_CopyAndSplit)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);

void BM_Hash(benchmark::State& state) {
  const auto schedule = Make(kSpecs[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(schedule->ProgramHash());
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Hash)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);

void BM_Features(benchmark::State& state) {
  const auto schedule = Make(kSpecs[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(schedule->Features());
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Features)->DenseRange(0, 4)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
