#include "app/wiring.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <xgboost/c_api.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "app/commit.h"
#include "app/machine.h"
#include "app/version.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "base/strings.h"
#include "cost/warmup.h"
#include "cost/xgboost_model.h"
#include "model/pool.h"
#include "schedule/mutator_steps.h"
#include "schedule/workload.h"
#include "search/strategy.h"
#include "store/history.h"
#include "store/replay_model.h"
#include "store/simulated_measurer.h"
#include "study/study_file.h"
#include "tvm/cpu_speed.h"
#include "tvm/live_schedule.h"
#include "tvm/meta_compiler.h"
#include "tvm/version.h"
#include "tvm/workloads.h"

namespace banyan {
namespace {

// Of this very program, also if its file is replaced meanwhile.
std::vector<std::string> WorkerCommand() {
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  return {failure ? std::string("/proc/self/exe") : program.string(), "worker"};
}

MeasureOptions MakeMeasureOptions(const MachineOptions& machine) {
  MeasureOptions measure;
  measure.timing = machine.timing;
  return measure;
}

// TVM's own search is none of ours: it has no fields to set and asks no models.
Status SetStrategyAndPool(const TuneOptions& options, RunConfig* config) {
  if (options.strategy == kTvmEvolutionary) {
    if (!options.set.empty()) return InvalidArgument("TVM's own search has no fields to set");
    config->strategy = PeerStrategy();
    return Ok{};
  }
  auto strategy = FindStrategy(options.strategy);
  if (!strategy.ok()) {
    std::vector<std::string> names;
    for (const StrategyConfig& known : AllStrategies()) names.push_back(known.name);
    names.emplace_back(kTvmEvolutionary);
    return NotFound(fmt::format("unknown strategy '{}'{}; there are: {}", options.strategy,
                                DidYouMean(options.strategy, names), fmt::join(names, ", ")));
  }
  config->strategy = *std::move(strategy);
  for (const std::string& setting : options.set) {
    const size_t mark = setting.find('=');
    if (mark == std::string::npos) {
      return InvalidArgument(fmt::format("--set '{}': write FIELD=VALUE", setting));
    }
    BANYAN_RETURN_IF_ERROR(
        SetStrategyField(&config->strategy, setting.substr(0, mark), setting.substr(mark + 1)));
  }
  BANYAN_RETURN_IF_ERROR(CheckStrategy(config->strategy));
  BANYAN_ASSIGN_OR_RETURN(config->pool, LoadPool(options.pool));
  for (const PoolEntry& entry : config->pool) BANYAN_RETURN_IF_ERROR(CheckUsable(entry));
  return Ok{};
}

}  // namespace

std::vector<Model*> Workbench::pool() const {
  std::vector<Model*> pool;
  for (const auto& model : models) pool.push_back(model.get());
  return pool;
}

Result<RunConfig> MakeRunConfig(const TuneOptions& options) {
  RunConfig config;
  config.workload_text = options.workload;
  config.target_text = options.machine.target;
  config.cores = options.machine.cores;
  config.seed = options.seed;
  if (options.trials) config.budget.trials = *options.trials;
  if (options.calls) config.budget.calls = *options.calls;
  if (options.strong_calls) config.budget.strong_calls = *options.strong_calls;
  if (options.tokens) config.budget.tokens = *options.tokens;
  if (options.cost_usd) config.budget.cost_usd = *options.cost_usd;
  if (options.seconds) config.budget.seconds = *options.seconds;
  BANYAN_RETURN_IF_ERROR(CheckBudget(config.budget));
  BANYAN_RETURN_IF_ERROR(SetStrategyAndPool(options, &config));
  config.measure = MakeMeasureOptions(options.machine);
  config.simulate = options.simulate;
  config.snapshot = options.snapshot;
  if (options.no_transfer) {
    if (!options.snapshot.empty()) {
      return InvalidArgument("--snapshot says what to learn from, --no-transfer to learn nothing");
    }
    config.strategy.transfer = false;
  }
  return config;
}

RunConfig MakeApplyConfig(const ApplyOptions& options) {
  RunConfig config;
  config.workload_text = options.workload;
  config.target_text = options.machine.target;
  config.cores = options.machine.cores;
  config.seed = options.seed;
  config.budget.trials = static_cast<int64_t>(options.plans.size());
  config.budget.calls = 0;
  config.strategy.name = "apply";
  config.measure = MakeMeasureOptions(options.machine);
  config.measure.workers = 1;
  return config;
}

Status CheckWorkloadText(const std::string& text) {
  const bool names_file = text.find('/') != std::string::npos ||
                          text.find(".py") != std::string::npos ||
                          text.find(".json") != std::string::npos;
  if (names_file) return Ok{};  // the import says what is wrong with it
  BANYAN_ASSIGN_OR_RETURN(const WorkloadSpec spec, ParseWorkloadSpec(text));
  std::vector<std::string> names;
  for (const WorkloadFamily& family : BuiltinWorkloads()) {
    if (family.name == spec.name) return Ok{};
    names.push_back(family.name);
  }
  return NotFound(
      fmt::format("unknown workload '{}'{}; `banyan workloads` lists the built-in ones, a "
                  "program of your own is a .json or .py file",
                  spec.name, DidYouMean(spec.name, names)));
}

Result<std::unique_ptr<Compiler>> MakeCompiler(const Workload& workload, const Target& target,
                                               const std::string& action_space) {
  if (action_space == ActionSpaceName(ActionSpace::kMutators)) {
    return MakeMetaScheduleCompiler(workload, target);
  }
  BANYAN_ASSIGN_OR_RETURN(auto root, MakeLiveSchedule(workload.module_json, workload.entry));
  return MakeScheduleCompiler(workload, target, std::move(root));
}

const char* ActionSpaceOf(const Plan& plan) {
  const bool mutators = !plan.steps.empty() && IsDesignSpaceStep(plan.steps.front());
  return ActionSpaceName(mutators ? ActionSpace::kMutators : ActionSpace::kPlan);
}

Result<Compiler*> PlanCompilers::For(const Plan& plan) {
  const std::string space = ActionSpaceOf(plan);
  std::unique_ptr<Compiler>& compiler = compilers_[space];
  if (compiler == nullptr) {
    BANYAN_ASSIGN_OR_RETURN(compiler, MakeCompiler(*workload_, *target_, space));
  }
  return compiler.get();
}

std::unique_ptr<Measurer> MakeMeasurer(const MeasureOptions& options) {
  return MakeWorkerPool(WorkerCommand(), options);
}

Result<Workbench> MakeWorkbench(const RunConfig& config, const Workload& workload,
                                const Target& target) {
  Workbench bench;
  BANYAN_ASSIGN_OR_RETURN(bench.compiler,
                          MakeCompiler(workload, target, config.strategy.action_space));
  for (const PoolEntry& entry : config.pool) {
    BANYAN_ASSIGN_OR_RETURN(auto model,
                            entry.provider == "replay" ? MakeReplayModel(entry) : MakeModel(entry));
    bench.models.push_back(std::move(model));
  }
  if (config.strategy.cost_model == "xgboost") {
    BANYAN_ASSIGN_OR_RETURN(auto model,
                            MakeXgboostModel({.seed = ChildSeed(config.seed, "cost model", 0)}));
    const auto warmup = static_cast<size_t>(config.strategy.cost_model_warmup);
    bench.cost_model = WithRandomWarmup(std::move(model), warmup, config.seed);
  }
  if (config.simulate.empty()) {
    bench.measurer = MakeMeasurer(config.measure);
    return bench;
  }
  BANYAN_ASSIGN_OR_RETURN(auto simulation, MakeSimulatedMeasurer(config.simulate, workload, target,
                                                                 config.measure.workers));
  bench.clock = simulation->clock();
  bench.measurer = std::move(simulation);
  return bench;
}

Result<std::unique_ptr<History>> MakeHistory(const RunConfig& config, const Store* own,
                                             const std::string& run_id) {
  if (!config.strategy.transfer) return std::unique_ptr<History>();
  if (!config.snapshot.empty()) return OpenSnapshot(config.snapshot);
  return MakeStoreHistory(own, run_id);
}

int RunCpu(const MeasureOptions& options) {
  const auto split = SplitCpus(ProcessCpus(), options.run_cpu, 1);
  return split.ok() ? split->run.front() : ProcessCpus().back();
}

Result<double> PeakGflopsOfRunCore(const MeasureOptions& options) {
  const bool pinned = PinThread(0, {RunCpu(options)}).ok();
  const double gflops = MeasurePeakGflops();
  if (pinned) (void)PinThread(0, ProcessCpus());
  return gflops;
}

Json ToolVersions() {
#ifdef __clang__
  const std::string compiler = "Clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  int major = 0;
  int minor = 0;
  int patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return {{"banyan", kVersion},
          {"commit", BuildCommit()},
          {"compiler", compiler},
          {"tvm", TvmVersion()},
          {"llvm", TvmLlvmVersion()},
          {"xgboost", fmt::format("{}.{}.{}", major, minor, patch)},
          {"sqlite", sqlite3_libversion()},
          {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
          {"os", OperatingSystem()}};
}

}  // namespace banyan
