// What a child of the tree costs on real TVM, and how much of that is TVM's own time: free moves
// from the analytic expert's best plan, as the search makes them between calls.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "app/wiring.h"
#include "search/free_moves.h"
#include "tvm/target.h"
#include "tvm/version.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

constexpr const char* kSpecs[] = {"attention", "conv", "mlp", "moe", "matmul:M=256,N=256,K=256"};

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) std::abort();
  return std::move(result).value();
}

double WallS() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Counters in ms a child: `tvm_ms` inside TVM, `own_ms` the rest (legality, names, pictures,
// bookkeeping, moves that did not apply).
void BM_Child(benchmark::State& state) {
  const char* const spec = kSpecs[state.range(0)];
  const Workload workload = Must(MakeBuiltinWorkload(Must(ParseWorkloadSpec(spec))));
  const Target target = Must(ParseTarget("host", 1));
  const auto compiler = Must(MakeCompiler(workload, target));
  ModelRequest request;
  request.workload = std::make_shared<Workload>(workload);
  request.target = std::make_shared<Target>(target);
  request.root = request.leaf = Must(compiler->Root());
  const auto expert = Must(MakeBuiltinModel("builtin:analytic"));
  const Plan plan{expert->Propose(request).proposals.at(0).steps};
  (void)Must(compiler->Apply(plan));
  MoveMaker moves(compiler.get(), [](const Candidate&) { return false; });
  Rng rng(0);
  int64_t children = 0;
  const size_t steps_before = compiler->counters().steps_applied;
  double wall_s = 0;
  double tvm_s = 0;
  for (auto _ : state) {
    bool exhausted = false;
    const double tvm_before = TvmSeconds();
    const double before = WallS();
    if (const auto move = moves.Mutate(plan, rng, &exhausted)) ++children;
    wall_s += WallS() - before;
    tvm_s += TvmSeconds() - tvm_before;
  }
  const auto made = static_cast<double>(children > 0 ? children : 1);
  state.counters["children"] = static_cast<double>(children);
  state.counters["steps"] =
      static_cast<double>(compiler->counters().steps_applied - steps_before) / made;
  state.counters["tvm_ms"] = 1e3 * tvm_s / made;
  state.counters["own_ms"] = 1e3 * (wall_s - tvm_s) / made;
  state.SetLabel(spec);
}
BENCHMARK(BM_Child)->DenseRange(0, 4)->Iterations(40)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
