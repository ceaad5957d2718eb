#include "store/testing/fake_run.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/hash.h"
#include "measure/testing/fake_measurer.h"
#include "schedule/structure.h"
#include "schedule/testing/fake_compiler.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

constexpr const char* kKilled = "killed";

// Dies as a process does: what was buffered is gone.
class MortalJournal final : public Journal {
 public:
  MortalJournal(Journal* inner, int64_t kill_at) : inner_(inner), kill_at_(kill_at) {}

  Status Append(const Event& event) override {
    if (event.index == kill_at_) return Internal(kKilled);
    return inner_->Append(event);
  }
  Status Record(const NodeRecord& node) override { return inner_->Record(node); }
  Status Record(const TrialRecord& trial) override { return inner_->Record(trial); }
  Status Record(const CallRecord& call) override { return inner_->Record(call); }
  Status Record(const PoolRecord& pool) override { return inner_->Record(pool); }
  Status Record(const RequestRecord& request) override { return inner_->Record(request); }
  Status Record(const FeatureRecord& features) override { return inner_->Record(features); }
  Status Record(const TreeRecord& tree) override { return inner_->Record(tree); }
  Status Flush() override { return inner_->Flush(); }
  Status Finish(const Json& result) override { return inner_->Finish(result); }

 private:
  Journal* const inner_;
  const int64_t kill_at_;
};

// Notes the latency of every program that is handed out, for the fake workers.
class NotingCompiler final : public Compiler {
 public:
  explicit NotingCompiler(const MatmulSizes& sizes) : inner_(MakeMatmulCompiler(sizes)) {}

  const Workload& workload() const override { return inner_->workload(); }
  const Target& target() const override { return inner_->target(); }
  Result<Candidate> Root() override { return inner_->Root(); }
  Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) override {
    return inner_->Extend(parent, steps);
  }
  Result<Candidate> Apply(const Plan& plan) override { return inner_->Apply(plan); }
  Result<std::string> ModuleJson(const Candidate& candidate) override {
    latency_ms_[candidate.program_hash] = FakeLatencyMs(candidate);
    return std::string("{}");
  }
  Result<std::string> Script(const Candidate& candidate) override {
    return inner_->Script(candidate);
  }
  Result<std::string> TracePython(const Candidate& candidate) override {
    return inner_->TracePython(candidate);
  }
  Result<Json> TraceJson(const Candidate& candidate) override {
    return inner_->TraceJson(candidate);
  }
  // Enough to learn from: what the fake latency is made of, and more than one row.
  Result<std::vector<std::vector<float>>> Features(const Candidate& candidate) override {
    const auto latency = static_cast<float>(FakeLatencyMs(candidate));
    return std::vector<std::vector<float>>{{latency, 1.0F},
                                           {static_cast<float>(candidate.plan.steps.size()), 2}};
  }

  double LatencyMs(uint64_t program_hash) const { return latency_ms_.at(program_hash); }

 private:
  std::unique_ptr<Compiler> inner_;
  std::map<uint64_t, double> latency_ms_;
};

}  // namespace

Workload MatmulWorkload(const MatmulSizes& sizes) {
  Workload workload = FakeWorkload();
  workload.id = fmt::format("matmul:M={},N={},K={}", sizes.m, sizes.n, sizes.k);
  workload.family = "matmul";
  workload.hash = Hash64(workload.id);
  workload.flops = 2.0 * static_cast<double>(sizes.m * sizes.n * sizes.k);
  workload.structure = ProgramStructure(FakeMatmulProgram(sizes.m, sizes.n, sizes.k));
  return workload;
}

std::unique_ptr<Compiler> MakeMatmulCompiler(const MatmulSizes& sizes) {
  return MakeScheduleCompiler(
      MatmulWorkload(sizes), FakeTarget(),
      std::make_unique<FakeLiveSchedule>(FakeMatmulProgram(sizes.m, sizes.n, sizes.k)));
}

Result<std::string> RunIntoStore(Store* store, FakeRun* run) {
  NotingCompiler compiler(run->sizes);
  FakeClock clock;
  BANYAN_ASSIGN_OR_RETURN(const Candidate root, compiler.Root());
  const double default_ms = FakeLatencyMs(root);
  FakeMeasurerOptions options;
  options.clock = &clock;
  options.noise = 0.01;
  options.reference = {.default_latency_ms = default_ms, .samples_ms = {default_ms}};
  FakeMeasurer measurer(
      [&compiler](const TrialRequest& request) {
        return FakeTrial{.latency_ms = compiler.LatencyMs(request.program_hash)};
      },
      options);

  std::string run_id = run->resume;
  std::vector<Event> history;
  if (run_id.empty()) {
    RunStart start{.config = run->config, .workload = compiler.workload(), .target = FakeTarget()};
    BANYAN_ASSIGN_OR_RETURN(run_id, store->BeginRun(start));
  } else {
    BANYAN_RETURN_IF_ERROR(store->ContinueRun(run_id, run->config));
    BANYAN_ASSIGN_OR_RETURN(history, store->LoadEvents(run_id));
  }
  BANYAN_ASSIGN_OR_RETURN(const auto stored, store->MakeJournal(run_id));
  MortalJournal journal(stored.get(), run->kill_at);
  RunDependencies deps;
  deps.compiler = &compiler;
  deps.measurer = run->measurer != nullptr ? run->measurer : &measurer;
  deps.pool = run->pool;
  deps.cost_model = run->cost_model;
  deps.history = run->history;
  deps.journal = &journal;
  deps.clock = run->clock != nullptr ? run->clock : &clock;
  auto result = RunSearch(run->config, history, deps);
  if (!result.ok()) {
    if (result.error().message == kKilled) return run_id;
    return result.error();
  }
  run->result = *std::move(result);
  BANYAN_RETURN_IF_ERROR(journal.Finish({{"best_latency_ms", run->result.best_latency_ms}}));
  return run_id;
}

}  // namespace banyan
