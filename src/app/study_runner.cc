#include "app/study_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "app/commit.h"
#include "app/machine.h"
#include "app/peer_run.h"
#include "app/run_one.h"
#include "app/wiring.h"
#include "schedule/step.h"
#include "tvm/version.h"

namespace banyan {
namespace {

bool IsPeer(const StudyArm& arm) { return arm.strategy == kTvmEvolutionary; }

Result<RunConfig> ConfigOf(const StudyConfig& study, const StudyCell& cell, const StudyArm& arm) {
  TuneOptions options;
  options.workload = cell.workload;
  options.seed = cell.seed + arm.seed_offset;
  options.strategy = arm.strategy;
  if (!arm.pool.empty()) options.pool = arm.pool;
  options.machine = {.target = study.target, .cores = study.cores, .timing = study.timing};
  BANYAN_ASSIGN_OR_RETURN(RunConfig config, MakeRunConfig(options));
  BANYAN_ASSIGN_OR_RETURN(config.strategy, ArmStrategy(arm));
  config.budget = cell.budget;
  config.snapshot = study.snapshot;
  // What one run taught must not reach the next: the order of runs would matter.
  if (study.snapshot.empty()) config.strategy.transfer = false;
  config.measure.final_timing = study.final_timing;
  return config;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// The best program of a run's result, ready to be built again.
Result<TrialRequest> FinalOf(const Json& result, uint64_t number, PlanCompilers* compilers) {
  TrialRequest request;
  request.trial_id = number;
  if (const auto module = result.find("module_json"); module != result.end()) {
    request.module_json = module->is_string() ? module->get<std::string>() : std::string();
    return request;
  }
  const auto text = result.find("plan");
  if (text == result.end() || !text->is_string()) return NotFound("the run has no best plan");
  BANYAN_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(text->get<std::string>()));
  BANYAN_ASSIGN_OR_RETURN(Compiler* const compiler, compilers->For(plan));
  BANYAN_ASSIGN_OR_RETURN(const Candidate candidate, compiler->Apply(plan));
  BANYAN_ASSIGN_OR_RETURN(request.module_json, compiler->ModuleJson(candidate));
  request.program_hash = candidate.program_hash;
  return request;
}

// A run that found nothing is a failed one.
Status CheckMeasured(const Json& result) {
  const auto best = result.find("best_latency_ms");
  if (best != result.end() && best->is_number()) return Ok{};
  const auto failed = result.find("failed_trials");
  return NotFound(fmt::format("no candidate could be measured{}",
                              failed == result.end() ? "" : ": " + failed->dump()));
}

class ProgramRunner final : public RunRunner {
 public:
  ProgramRunner(Store* store, const std::atomic<bool>* cancel, std::string store_path,
                std::string out_folder)
      : store_(store),
        cancel_(cancel),
        store_path_(std::move(store_path)),
        out_folder_(std::move(out_folder)) {}

  Result<Json> Configuration(const StudyRunRequest& request) override {
    BANYAN_ASSIGN_OR_RETURN(const RunConfig config,
                            ConfigOf(*request.study, request.cell, request.arm()));
    return ToJson(config);
  }

  Status Run(const StudyRunRequest& request, const std::string& resume,
             const std::function<void(const std::string& run_id)>& on_begun,
             const std::function<void(const RunProgress&)>& on_progress) override {
    if (IsPeer(request.arm())) {
      BANYAN_ASSIGN_OR_RETURN(const RunConfig config,
                              ConfigOf(*request.study, request.cell, request.arm()));
      return RunPeer(*store_, config, resume, cancel_, on_begun);
    }
    PreparedRun run;
    if (resume.empty()) {
      BANYAN_ASSIGN_OR_RETURN(RunConfig config,
                              ConfigOf(*request.study, request.cell, request.arm()));
      run = PrepareNewRun(std::move(config));
    } else {
      BANYAN_ASSIGN_OR_RETURN(run, PrepareStoredRun(*store_, resume));
      // Killed between its end and the study's record.
      if (!run.finished.is_null()) return CheckMeasured(run.finished);
    }
    RunOneHooks hooks;
    hooks.cancel = cancel_;
    hooks.on_begun = on_begun;
    hooks.on_progress = on_progress;
    auto finished = RunOne(*store_, &run, hooks);
    if (!resume.empty() && !finished.ok() && finished.error().code == ErrorCode::kCorrupt) {
      // Cut off under a version that searches differently: the cell is made anew.
      BANYAN_ASSIGN_OR_RETURN(RunConfig config,
                              ConfigOf(*request.study, request.cell, request.arm()));
      run = PrepareNewRun(std::move(config));
      finished = RunOne(*store_, &run, hooks);
    }
    if (!finished.ok()) return finished.error();
    if (!finished->saved.ok()) return finished->saved.error();
    if (finished->result.cancelled) return Error{ErrorCode::kCancelled, "cancelled", {}};
    return CheckMeasured(finished->object);
  }

  Json Facts(const StudyRunRequest& request) override {
    const auto config = ConfigOf(*request.study, request.cell, request.arm());
    bool needs_key = false;
    if (config.ok()) {
      for (const PoolEntry& entry : config->pool) needs_key |= !entry.key_env.empty();
    }
    return {{"repo_commit", BuildCommit()},
            {"machine", MachineFacts()},
            // A pool without its keys is refused before anything runs.
            {"api_key_presence_only", needs_key ? "yes" : "not needed"},
            {"env_LD_LIBRARY_PATH", Variable("LD_LIBRARY_PATH")},
            {"env_PYTHONPATH", Variable("PYTHONPATH")},
            {"env_TVM_HOME", Variable("TVM_HOME")},
            {"env_TVM_LIBRARY_PATH", Variable("TVM_LIBRARY_PATH")},
            {"tvm_file", TvmLibraryFile()},
            {"work_dir", out_folder_},
            {"_raw_json", store_path_},
            {"log_path", store_path_}};
  }

  Result<std::vector<FinalOutcome>> Finals(const StudyConfig& study,
                                           const std::vector<std::string>& run_ids) override {
    if (run_ids.empty()) return std::vector<FinalOutcome>();
    BANYAN_ASSIGN_OR_RETURN(const StoredRun first, store_->LoadRun(run_ids.front()));
    const RunStart& start = first.start;  // workload and target are those of all
    PlanCompilers compilers(&start.workload, &start.target);
    std::vector<TrialRequest> requests;
    for (const std::string& run_id : run_ids) {
      BANYAN_ASSIGN_OR_RETURN(const StoredRun run, store_->LoadRun(run_id));
      BANYAN_ASSIGN_OR_RETURN(TrialRequest request,
                              FinalOf(run.result, requests.size() + 1, &compilers));
      request.timing = study.final_timing;
      requests.push_back(std::move(request));
    }
    MeasureOptions options = start.config.measure;
    options.workers = 1;  // nothing builds beside them
    options.final_timing = study.final_timing;
    options.cancel = cancel_;
    const auto measurer = MakeMeasurer(options);
    BANYAN_ASSIGN_OR_RETURN(const ReferenceOutcome reference,
                            measurer->Prepare(start.workload, start.target, start.config.seed));
    return measurer->Finals(requests);
  }

 private:
  Store* const store_;
  const std::atomic<bool>* const cancel_;
  const std::string store_path_;
  const std::string out_folder_;
};

}  // namespace

std::unique_ptr<RunRunner> MakeRunRunner(Store* store, const std::atomic<bool>* cancel,
                                         std::string store_path, std::string out_folder) {
  return std::make_unique<ProgramRunner>(store, cancel, std::move(store_path),
                                         std::move(out_folder));
}

StudyChecks MakeStudyChecks() {
  StudyChecks checks;
  checks.workload = CheckWorkloadText;
  checks.arm = [](const StudyArm& arm) -> Status {
    TuneOptions options;
    options.workload = "any";
    options.strategy = arm.strategy;
    if (!arm.pool.empty()) options.pool = arm.pool;
    const auto config = MakeRunConfig(options);
    return config.ok() ? Status(Ok{}) : Status(config.error());
  };
  return checks;
}

}  // namespace banyan
