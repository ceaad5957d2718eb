// The MetaSchedule action space: the design space, a sample, a mutator, features, and how long
// chains of random mutators live.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "schedule/mutator_steps.h"
#include "tvm/meta_compiler.h"
#include "tvm/target.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

constexpr const char* kSpecs[] = {"attention", "conv", "mlp", "moe"};

std::unique_ptr<Compiler> Make(const char* spec) {
  const auto workload = MakeBuiltinWorkload(*ParseWorkloadSpec(spec));
  const auto target = DetectTarget(1);
  if (!workload.ok() || !target.ok()) std::abort();
  auto compiler = MakeMetaScheduleCompiler(*workload, *target);
  if (!compiler.ok()) std::abort();
  return std::move(*compiler);
}

Candidate FirstSample(Compiler* compiler, uint64_t from) {
  for (uint64_t sample = from;; ++sample) {
    auto made = compiler->Apply({{DesignSpaceStep(sample)}});
    if (made.ok()) return *made;
  }
}

void BM_DesignSpace(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Make(kSpecs[state.range(0)]));
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_DesignSpace)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

void BM_Sample(benchmark::State& state) {
  const auto compiler = Make(kSpecs[state.range(0)]);
  uint64_t sample = 0;
  double applied = 0;
  for (auto _ : state) applied += compiler->Apply({{DesignSpaceStep(sample++)}}).ok() ? 1 : 0;
  state.counters["applied"] = applied / static_cast<double>(state.iterations());
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Sample)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

void BM_Mutate(benchmark::State& state) {
  const auto compiler = Make(kSpecs[state.range(0)]);
  const Candidate sample = FirstSample(compiler.get(), 0);
  const std::string& mutator = MutatorNames()[static_cast<size_t>(state.range(1))];
  uint64_t draw = 0;
  double applied = 0;
  for (auto _ : state)
    applied += compiler->Extend(sample, {MutateStep(mutator, draw++)}).ok() ? 1 : 0;
  state.counters["applied"] = applied / static_cast<double>(state.iterations());
  state.SetLabel(std::string(kSpecs[state.range(0)]) + " " + mutator);
}
BENCHMARK(BM_Mutate)->ArgsProduct({{0, 1, 2, 3}, {0, 1, 2, 3}})->Unit(benchmark::kMillisecond);

void BM_Features(benchmark::State& state) {
  const auto compiler = Make(kSpecs[state.range(0)]);
  const Candidate sample = FirstSample(compiler.get(), 0);
  for (auto _ : state) benchmark::DoNotOptimize(compiler->Features(sample));
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Features)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

// Uniformly random mutators from a sample until one fails, as the baselines' rollouts do.
void BM_Chain(benchmark::State& state) {
  const auto compiler = Make(kSpecs[state.range(0)]);
  Rng rng(1);
  std::vector<double> lengths;
  double steps = 0;
  for (auto _ : state) {
    Candidate at = FirstSample(compiler.get(), 1000 * lengths.size());
    double length = 0;
    while (length < 500) {
      auto next =
          compiler->Extend(at, {MutateStep(rng.Pick(MutatorNames()), rng.Below(kMutatorDraws))});
      ++steps;
      if (!next.ok()) break;
      at = *next;
      ++length;
    }
    lengths.push_back(length);
  }
  std::sort(lengths.begin(), lengths.end());
  double sum = 0;
  for (const double length : lengths) sum += length;
  const auto count = static_cast<double>(lengths.size());
  state.counters["mean_length"] = sum / count;
  state.counters["median_length"] = lengths[lengths.size() / 2];
  state.counters["longest"] = lengths.back();
  state.counters["steps"] = benchmark::Counter(steps, benchmark::Counter::kIsRate);
  state.SetLabel(kSpecs[state.range(0)]);
}
BENCHMARK(BM_Chain)->DenseRange(0, 3)->Iterations(50)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
