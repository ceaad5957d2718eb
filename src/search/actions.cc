#include "search/actions.h"

#include <utility>

#include "schedule/mutator_steps.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

constexpr int kSampleSteps = 8;  // of a random plan
constexpr int kSampleTries = 16;

class MutatorActions final : public Actions {
 public:
  MutatorActions(Compiler* compiler, std::vector<std::string> names)
      : compiler_(compiler), names_(std::move(names)) {}

  std::vector<std::string> Names() const override { return names_; }

  Result<Candidate> Sample(const Candidate& root, Rng& rng) override {
    return compiler_->Extend(root, {DesignSpaceStep(rng.Below(kMutatorDraws))});
  }

  Result<Candidate> Random(const Candidate& from, Rng& rng) override {
    const std::string& name = names_[rng.Below(names_.size())];
    return Mutate(from, name, rng);
  }

  ActionOutcome Apply(const Candidate& from, const ModelReply& reply, const ActionRules& rules,
                      Rng& rng) override {
    ActionOutcome outcome{.candidate = from, .applied = 0, .reasons = {}};
    for (const std::string& name : reply.mutators) {
      Result<Candidate> next = Mutate(outcome.candidate, name, rng);
      for (int i = 1; i < rules.tries && !next.ok(); ++i) {
        next = Mutate(outcome.candidate, name, rng);
      }
      if (next.ok()) {
        outcome.candidate = *std::move(next);
        ++outcome.applied;
        continue;
      }
      outcome.reasons.push_back(name + ": " + next.error().message);
      if (rules.stop_at_failure) break;
    }
    return outcome;
  }

 private:
  Result<Candidate> Mutate(const Candidate& from, const std::string& name, Rng& rng) {
    return compiler_->Extend(from, {MutateStep(name, rng.Below(kMutatorDraws))});
  }

  Compiler* compiler_;
  const std::vector<std::string> names_;
};

class PlanActions final : public Actions {
 public:
  explicit PlanActions(Compiler* compiler) : compiler_(compiler) {}

  std::vector<std::string> Names() const override { return {}; }

  // A chain of random legal steps.
  Result<Candidate> Sample(const Candidate& root, Rng& rng) override {
    const auto steps = static_cast<int>(rng.Between(1, kSampleSteps));
    Candidate at = root;
    for (int made = 0, tries = 0; made < steps && tries < kSampleTries; ++tries) {
      auto next = Random(at, rng);
      if (!next.ok()) continue;
      at = *std::move(next);
      ++made;
    }
    if (at.plan.steps.empty()) return IllegalStep("no random step applies to the program");
    return at;
  }

  Result<Candidate> Random(const Candidate& from, Rng& rng) override {
    const Transformation* transformation = rng.Pick(AllTransformations());
    const auto step = transformation->Sample(*from.program, compiler_->target(), rng);
    if (!step) {
      return IllegalStep("there is no place for " + std::string(transformation->name()));
    }
    return compiler_->Extend(from, {*step});
  }

  // The reply's best proposal, step by step; parameters are given, so one try each.
  ActionOutcome Apply(const Candidate& from, const ModelReply& reply, const ActionRules& rules,
                      Rng&) override {
    ActionOutcome outcome{.candidate = from, .applied = 0, .reasons = {}};
    if (reply.proposals.empty()) return outcome;
    const Proposal& proposal = reply.proposals.front();
    const size_t keep = proposal.keep_steps;
    if (keep < from.plan.steps.size()) {  // a revision takes steps back first
      Plan kept = from.plan;
      kept.steps.resize(keep);
      auto base = compiler_->Apply(kept);
      if (!base.ok()) {
        outcome.reasons.push_back(base.error().message);
        return outcome;
      }
      outcome.candidate = *std::move(base);
    }
    for (const Step& step : proposal.steps) {
      auto next = compiler_->Extend(outcome.candidate, {step});
      if (next.ok()) {
        outcome.candidate = *std::move(next);
        ++outcome.applied;
        continue;
      }
      outcome.reasons.push_back(next.error().message);
      if (rules.stop_at_failure) break;
    }
    if (outcome.applied == 0) outcome.candidate = from;
    return outcome;
  }

 private:
  Compiler* compiler_;
};

}  // namespace

std::unique_ptr<Actions> MakeActions(ActionSpace space, Compiler* compiler,
                                     std::vector<std::string> mutators) {
  if (space == ActionSpace::kPlan) return std::make_unique<PlanActions>(compiler);
  return std::make_unique<MutatorActions>(compiler, std::move(mutators));
}

}  // namespace banyan
