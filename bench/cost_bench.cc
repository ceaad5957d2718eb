// The cost model: what a training and a prediction cost, and, on measured plans, how well it ranks.
//
// The ranking needs stores of runs: BANYAN_COST_STORES=a.db:b.db. What it found is in
// docs/cost_model.md.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
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

using Runs = std::map<std::string, std::vector<CostSample>>;  // "mlp random": in order of trials

void Load(const std::string& path, Runs* runs) {
  const auto store = Must(Store::Open(path, Store::Mode::kRead));
  for (const RunSummary& summary : Must(store->ListRuns())) {
    const StoredRun run = Must(store->LoadRun(summary.run_id));
    const auto compiler = Must(
        MakeCompiler(run.start.workload, run.start.target, run.start.config.strategy.action_space));
    auto& samples = (*runs)[run.start.workload.family + " " + run.start.config.strategy.name];
    for (const TrialRecord& trial : Must(store->LoadTrials(summary.run_id))) {
      if (!trial.finished || !trial.outcome.ok()) continue;
      const auto candidate = compiler->Apply(Must(ParsePlan(trial.plan)));
      if (!candidate.ok()) continue;
      auto features = compiler->Features(*candidate);
      if (!features.ok()) continue;
      samples.push_back({.features = std::move(features).value(),
                         .log_speedup = -std::log(RankingLatencyMs(trial.outcome.samples_ms)),
                         .group = CostGroup(run.start.workload, run.start.target),
                         .failed = false});
    }
  }
}

const Runs& Stored() {
  static const Runs* const kRuns = [] {
    auto* runs = new Runs;
    if (const char* stores = std::getenv("BANYAN_COST_STORES")) {
      std::stringstream paths(stores);
      for (std::string path; std::getline(paths, path, ':');) Load(path, runs);
    }
    return runs;
  }();
  return *kRuns;
}

double TauOf(CostModel* model, const std::vector<CostSample>& asked) {
  std::vector<Features> features;
  std::vector<double> measured;
  for (const CostSample& sample : asked) {
    features.push_back(sample.features);
    measured.push_back(sample.log_speedup);
  }
  const double tau = KendallTauB(model->Predict(features), measured);
  return std::isnan(tau) ? 0 : tau;
}

// All plans of a workload, split at random: n are learnt, up to 60 others ranked.
void Split(benchmark::State& state, std::vector<CostSample> samples) {
  constexpr int kSplits = 10;
  constexpr size_t kAsked = 60;
  Rng rng(0);
  for (auto _ : state) {
    for (const size_t count : {8, 16, 32, 64, 110}) {
      double sum = 0;
      for (int split = 0; split < kSplits; ++split) {
        rng.Shuffle(samples);
        XgboostOptions options;
        options.first_training = static_cast<int>(count);
        const auto learner = Must(MakeXgboostModel(options));
        for (size_t i = 0; i < count; ++i) learner->Update(samples[i]);
        const size_t end = std::min(samples.size(), count + kAsked);
        if (end <= count) continue;
        sum += TauOf(learner.get(), {samples.begin() + static_cast<std::ptrdiff_t>(count),
                                     samples.begin() + static_cast<std::ptrdiff_t>(end)});
      }
      state.counters["tau_" + std::to_string(count)] = sum / kSplits;
    }
  }
}

// One run in its own order, cold and after all runs of other workloads: what it says of the next 24
// trials, on average, and the trust it ends with.
void InOrder(benchmark::State& state, const std::string& name) {
  constexpr size_t kNext = 24;
  const std::vector<CostSample>& samples = Stored().at(name);
  std::vector<CostSample> earlier;
  for (const auto& [other, more] : Stored()) {
    if (more.empty() || more[0].group == samples[0].group) continue;
    earlier.insert(earlier.end(), more.begin(), more.end());
  }
  for (auto _ : state) {
    for (const bool pretrained : {false, true}) {
      const auto model = Must(MakeXgboostModel());
      if (pretrained) model->Pretrain(earlier);
      double sum = 0;
      double count = 0;
      for (size_t i = 0; i < samples.size(); ++i) {
        model->Update(samples[i]);
        if (i + 1 < 8 || i + kNext >= samples.size()) continue;
        sum += TauOf(model.get(), {samples.begin() + static_cast<std::ptrdiff_t>(i + 1),
                                   samples.begin() + static_cast<std::ptrdiff_t>(i + 1 + kNext)});
        ++count;
      }
      const std::string suffix = pretrained ? "_pretrained" : "_cold";
      state.counters["tau_next" + suffix] = count > 0 ? sum / count : 0;
      state.counters["trust" + suffix] = model->trust();
    }
  }
}

void RegisterRankings() {
  std::map<uint64_t, std::pair<std::string, std::vector<CostSample>>> workloads;
  for (const auto& [name, samples] : Stored()) {
    if (samples.empty()) continue;
    auto& [workload, all] = workloads[samples[0].group];
    workload = name.substr(0, name.find(' '));
    all.insert(all.end(), samples.begin(), samples.end());
    benchmark::RegisterBenchmark(("InOrder/" + name).c_str(),
                                 [name = name](benchmark::State& state) { InOrder(state, name); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
  for (const auto& [group, workload] : workloads) {
    benchmark::RegisterBenchmark(
        ("Split/" + workload.first).c_str(),
        [samples = workload.second](benchmark::State& state) { Split(state, samples); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace
}  // namespace banyan

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  banyan::RegisterRankings();
  benchmark::RunSpecifiedBenchmarks();
}
