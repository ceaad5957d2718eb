#include "search/testing/fake_mutator_compiler.h"

#include "base/hash.h"
#include "base/rng.h"
#include "schedule/mutator_steps.h"
#include "schedule/testing/fake_programs.h"

namespace banyan {
namespace {

constexpr uint64_t kSamples = 9;   // different programs of the design space
constexpr uint64_t kDraws = 6;     // different outcomes of a mutator
constexpr uint64_t kOutcomes = 5;  // one fails, one changes nothing

class FakeMutatorCompiler final : public Compiler {
 public:
  FakeMutatorCompiler()
      : workload_(FakeWorkload()),
        target_(FakeTarget()),
        picture_(std::make_shared<const ProgramView>(FakeMatmulProgram(64, 64, 64))) {}

  const Workload& workload() const override { return workload_; }
  const Target& target() const override { return target_; }

  Result<Candidate> Root() override { return Make({}, Hash64("root")); }

  Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) override {
    Plan plan = parent.plan;
    uint64_t program = parent.program_hash;
    for (const Step& step : steps) {
      const bool first = plan.steps.empty();
      if (IsDesignSpaceStep(step) != first) return IllegalStep("design_space comes first");
      if (first) {
        program = HashCombine(program, DrawOf(step) % kSamples);
      } else {
        const uint64_t next = HashCombine(
            HashCombine(program, Hash64(step.args.value("mutator", ""))), DrawOf(step) % kDraws);
        if (next % kOutcomes == 0) return IllegalStep("nothing to change here");
        if (next % kOutcomes != 1) program = next;
      }
      plan.steps.push_back(step);
    }
    return Make(std::move(plan), program);
  }

  Result<Candidate> Apply(const Plan& plan) override {
    BANYAN_ASSIGN_OR_RETURN(const Candidate root, Root());
    return Extend(root, plan.steps);
  }

  Result<std::string> ModuleJson(const Candidate&) override { return std::string("{}"); }
  Result<std::string> Script(const Candidate&) override { return std::string("script"); }
  Result<std::string> TracePython(const Candidate&) override { return std::string("trace"); }
  Result<Json> TraceJson(const Candidate&) override { return Json::array(); }
  Result<std::vector<std::vector<float>>> Features(const Candidate&) override {
    return NotFound("no features");
  }

 private:
  Result<Candidate> Make(Plan plan, uint64_t program) const {
    Candidate candidate{
        .plan = std::move(plan), .plan_hash = 0, .program_hash = program, .program = picture_};
    candidate.plan_hash = PlanHash(candidate.plan);
    return candidate;
  }

  const Workload workload_;
  const Target target_;
  const std::shared_ptr<const ProgramView> picture_;
};

}  // namespace

TrialOutcome MeasureByHash(const SubmitTrial& trial, double failing) {
  Rng rng(trial.candidate.program_hash, "latency");
  if (rng.Chance(failing)) return FailedTrial(trial.trial_id, FailureKind::kBuildError, "no");
  TrialOutcome outcome;
  outcome.trial_id = trial.trial_id;
  outcome.samples_ms = {1 + rng.Uniform()};
  return outcome;
}

std::unique_ptr<Compiler> MakeFakeMutatorCompiler() {
  return std::make_unique<FakeMutatorCompiler>();
}

}  // namespace banyan
