// Cost of the search itself: selections, expansions, memory of nodes. The compiler is a fake (some
// 20 microseconds a step), so what remains is tree and bookkeeping.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "base/rng.h"
#include "search/selection.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "search/tree.h"

namespace banyan {
namespace {

// A plan of 20 steps with the weight of real ones.
Plan TypicalPlan(int number) {
  Plan plan;
  for (int i = 0; i < 20; ++i) {
    plan.steps.push_back({"tile",
                          {{"block", "O"},
                           {"factors", {{"i", {8, number}}, {"j", {16}}}},
                           {"order", {"i.0", "j.0", "k.0", "i.1", "j.1", "k.1"}}}});
  }
  return plan;
}

void BM_Puct(benchmark::State& state) {
  std::vector<Arm> arms;
  Rng rng(0);
  for (int i = 0; i < state.range(0); ++i) {
    arms.push_back({i, rng.Uniform(), rng.Uniform(), static_cast<int64_t>(rng.Below(9)), 0});
  }
  for (auto _ : state) {
    double best = 0;
    for (const Arm& arm : arms) best = std::max(best, PuctScore(arm, 100, 0.8, 0.1));
    benchmark::DoNotOptimize(best);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Puct)->Arg(8)->Arg(64);

// One more child and its backup in a tree of that many nodes.
void BM_AddAndBackup(benchmark::State& state) {
  Rng rng(0);
  Tree tree(0, 0);
  tree.SetRootValue(0, true);
  const Plan plan = TypicalPlan(1);
  uint64_t hash = 1;
  const auto add = [&] {
    const auto parent = static_cast<NodeId>(rng.Below(std::min<uint64_t>(tree.size(), 512)));
    const NodeId child = tree.Add(parent, plan, hash, hash, 0.5);
    ++hash;
    tree.SetMeasured(child, rng.Normal());
    tree.Backup(tree.PathTo(child));
  };
  for (int i = 0; i < state.range(0); ++i) add();
  for (auto _ : state) add();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_AddAndBackup)->Arg(100)->Arg(10000)->Iterations(1000);

void BM_NodesPerGb(benchmark::State& state) {
  constexpr int kNodes = 2000;
  double bytes = 0;
  for (auto _ : state) {
    const auto before = static_cast<double>(mallinfo2().uordblks);
    Tree tree(0, 0);
    for (int i = 0; i < kNodes; ++i) {
      tree.Add(kRoot, TypicalPlan(i), static_cast<uint64_t>(i) + 1, static_cast<uint64_t>(i) + 1,
               0.5);
    }
    bytes = static_cast<double>(mallinfo2().uordblks) - before;
  }
  state.counters["bytes_per_node"] = bytes / kNodes;
  state.counters["nodes_per_GB"] = 1e9 * kNodes / bytes;
}
BENCHMARK(BM_NodesPerGb)->Iterations(3)->Unit(benchmark::kMillisecond);

// A whole run in simulated time: selection, mutation, two backups, finals; the time of one trial.
void BM_Trial(benchmark::State& state) {
  FakeModel strong("strong", ModelRole::kStrong, ProposeTiles);
  FakeModel light("light", ModelRole::kLight, ProposeSteps);
  int64_t trials = 0;
  for (auto _ : state) {
    Simulation run(TestConfig(state.range(0), 8), {&strong, &light});
    run.Run();
    trials += run.search().Summary().trials;
  }
  state.SetItemsProcessed(trials);
}
BENCHMARK(BM_Trial)->Arg(32)->Arg(256)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace banyan

BENCHMARK_MAIN();
