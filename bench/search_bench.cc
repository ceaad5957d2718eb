// Cost of the search itself: selections, expansions, memory of nodes. The compiler is a fake (some
// 20 microseconds a step), so what remains is tree and bookkeeping.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <limits>
#include <utility>

#include "base/rng.h"
#include "search/selection.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"
#include "search/tree.h"

namespace banyan {
namespace {

Step TypicalStep(int block, int i, int j) {
  const std::string name = "block" + std::to_string(block);
  return {"tile",
          {{"block", name},
           {"factors", {{"i", {8, i}}, {"j", {j}}}},
           {"order", {"i.0", "j.0", "k.0", "i.1", "j.1", "k.1"}}}};
}

// Twenty steps with the weight of real ones.
Plan TypicalPlan() {
  Plan plan;
  for (int block = 0; block < 20; ++block) plan.steps.push_back(TypicalStep(block, 4, 16));
  return plan;
}

// Grows a bushy tree: each node in turn gets eight children, each with one step of other numbers.
class Grower {
 public:
  Grower() : tree_(0, 0) {
    tree_.SetRootValue(0, true);
    plan_ = TypicalPlan();
  }

  void Add() {
    if (tree_.node(parent_).edges.size() >= 8) plan_ = tree_.PlanOf(++parent_);
    const auto changed = static_cast<size_t>(rng_.Below(plan_.steps.size()));
    const auto i = static_cast<int>(1 + rng_.Below(64));
    const auto j = static_cast<int>(1 + rng_.Below(64));
    plan_.steps[changed] = TypicalStep(static_cast<int>(changed), i, j);
    ++hash_;
    const NodeId child = tree_.Add(parent_, plan_, hash_, hash_, 0.5);
    tree_.SetMeasured(child, rng_.Normal());
    tree_.Backup(tree_.PathTo(child));
  }

  const Tree& tree() const { return tree_; }

 private:
  Rng rng_{0};
  Tree tree_;
  NodeId parent_ = kRoot;  // of the next child
  Plan plan_;
  uint64_t hash_ = 1;
};

// A fixed loop of additions and look-ups: what bench/compare.py takes the machine's own speed from.
void BM_Machine(benchmark::State& state) {
  std::vector<uint32_t> next(1 << 16);
  for (size_t i = 0; i < next.size(); ++i) next[i] = static_cast<uint32_t>(i * 40503 + 1) & 0xFFFF;
  uint32_t at = 0;
  for (auto _ : state) {
    for (int i = 0; i < 10000; ++i) at = next[at ^ static_cast<uint32_t>(i & 7)];
    benchmark::DoNotOptimize(at);
  }
}
BENCHMARK(BM_Machine)->Unit(benchmark::kMicrosecond);

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
  Grower grower;
  for (int i = 0; i < state.range(0); ++i) grower.Add();
  for (auto _ : state) grower.Add();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_AddAndBackup)->Arg(100)->Arg(10000)->Arg(100000)->Iterations(1000);

// From the root to a leaf, always to the child of the highest score.
void BM_Select(benchmark::State& state) {
  Grower grower;
  for (int i = 0; i < state.range(0); ++i) grower.Add();
  int64_t steps = 0;
  for (auto _ : state) {
    NodeId at = kRoot;
    while (!grower.tree().node(at).edges.empty()) {
      const Node& node = grower.tree().node(at);
      double best = -std::numeric_limits<double>::infinity();
      for (const Edge& edge : node.edges) {
        const Value& value = grower.tree().node(edge.child).value;
        const Arm arm{edge.child, value.sum / value.measured, edge.prior, edge.visits,
                      edge.in_flight};
        const double score = PuctScore(arm, node.visits, 0.8, 0.1);
        if (score <= best) continue;
        best = score;
        at = edge.child;
      }
      ++steps;
    }
    benchmark::DoNotOptimize(at);
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["depth"] = static_cast<double>(steps) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_Select)->Arg(100)->Arg(10000)->Arg(100000);

void BM_TreeMemory(benchmark::State& state) {
  double bytes = 0;
  for (auto _ : state) {
    const auto before = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd);
    Grower grower;
    for (int i = 0; i < state.range(0); ++i) grower.Add();
    bytes = static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd) - before;
  }
  state.counters["bytes_per_node"] = bytes / static_cast<double>(state.range(0));
  state.counters["MB"] = bytes * 1e-6;
}
BENCHMARK(BM_TreeMemory)
    ->Arg(100000)
    ->Arg(1000000)
    ->Iterations(1)
    ->Repetitions(1)  // a minute, and the same each time
    ->Unit(benchmark::kSecond);

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
