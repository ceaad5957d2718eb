// The cost model: what a training and a prediction cost, and, on measured plans, how well it ranks.
//
// The ranking needs stores of runs: BANYAN_COST_STORES=a.db:b.db. For each workload in them, its
// measured plans are split at random, the model learns n of them and ranks the others.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "app/wiring.h"
#include "base/rng.h"
#include "cost/trust.h"
#include "cost/xgboost_model.h"
#include "search/scorer.h"
#include "store/store.h"

namespace banyan {
namespace {

constexpr size_t kColumns = 164;  // of TVM's per-store features
constexpr int kStores = 6;        // of a typical scheduled program

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::abort();
  }
  return std::move(result).value();
}

CostSample Made(Rng& rng) {
  CostSample sample;
  for (int i = 0; i < kStores; ++i) {
    std::vector<float> row(kColumns);
    // Many of TVM's columns are zero or take few values.
    for (size_t c = 0; c < kColumns; ++c) {
      row[c] = c % 3 == 0 ? 0 : static_cast<float>(rng.Below(c % 2 == 0 ? 4 : 1000));
    }
    sample.log_speedup -= std::log1p(row[1] + row[5]);
    sample.features.push_back(std::move(row));
  }
  return sample;
}

// All trainings of a run of that many samples come out of Update; this is the last one alone.
void BM_Train(benchmark::State& state) {
  const auto count = static_cast<int>(state.range(0));
  Rng rng(0);
  std::vector<CostSample> samples;
  for (int i = 0; i < count; ++i) samples.push_back(Made(rng));
  for (auto _ : state) {
    const auto model = Must(MakeXgboostModel());
    for (CostSample& sample : samples) sample.group = 1;  // one group: no held-out trainings
    model->Pretrain(samples);
    benchmark::DoNotOptimize(model->trust());
  }
}
BENCHMARK(BM_Train)->Arg(8)->Arg(32)->Arg(256)->Arg(2000)->Unit(benchmark::kMillisecond);

void BM_Predict(benchmark::State& state) {
  Rng rng(0);
  const auto model = Must(MakeXgboostModel());
  for (int i = 0; i < 64; ++i) model->Update(Made(rng));
  std::vector<Features> asked;
  for (int i = 0; i < state.range(0); ++i) asked.push_back(Made(rng).features);
  for (auto _ : state) benchmark::DoNotOptimize(model->Predict(asked));
}
BENCHMARK(BM_Predict)->Arg(1)->Arg(32)->Arg(256)->Unit(benchmark::kMicrosecond);

// ---- ranking of measured plans

using Measured = std::map<std::string, std::vector<CostSample>>;  // by workload

void Load(const std::string& path, Measured* measured) {
  const auto store = Must(Store::Open(path, Store::Mode::kRead));
  for (const RunSummary& summary : Must(store->ListRuns())) {
    const StoredRun run = Must(store->LoadRun(summary.run_id));
    if (run.start.config.strategy.action_space != "plan") continue;
    const auto compiler = Must(MakeCompiler(run.start.workload, run.start.target));
    for (const TrialRecord& trial : Must(store->LoadTrials(summary.run_id))) {
      if (!trial.finished || !trial.outcome.ok()) continue;
      const auto candidate = compiler->Apply(Must(ParsePlan(trial.plan)));
      if (!candidate.ok()) continue;
      auto features = compiler->Features(*candidate);
      if (!features.ok()) continue;
      const double latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
      (*measured)[run.start.workload.family].push_back(
          {.features = std::move(features).value(),
           .log_speedup = -std::log(latency_ms),
           .group = CostGroup(run.start.workload, run.start.target),
           .failed = false});
    }
  }
}

void Dump(const Measured& measured, const std::string& path) {
  std::ofstream out(path);
  for (const auto& [workload, samples] : measured) {
    for (const CostSample& sample : samples) {
      out << Json{{"w", workload}, {"y", sample.log_speedup}, {"x", sample.features}}.dump()
          << "\n";
    }
  }
}

const Measured& Stored() {
  static const Measured* const kMeasured = [] {
    auto* measured = new Measured;
    if (const char* stores = std::getenv("BANYAN_COST_STORES")) {
      std::stringstream paths(stores);
      for (std::string path; std::getline(paths, path, ':');) Load(path, measured);
    }
    if (const char* dump = std::getenv("BANYAN_COST_DUMP")) Dump(*measured, dump);
    return measured;
  }();
  return *kMeasured;
}

}  // namespace
}  // namespace banyan

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  (void)banyan::Stored();
  benchmark::RunSpecifiedBenchmarks();
}
