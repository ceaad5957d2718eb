#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/experts.h"
#include "model/mutator_expert.h"
#include "model/program_sketch.h"

namespace banyan {
namespace {

constexpr size_t kStyles = 96;
constexpr size_t kNeighbours = 24;
constexpr size_t kCentres = 2;
// How many decisions away from a style a measured plan is found again.
constexpr size_t kRounds = 6;

struct Known {
  SketchChoice choice;
  Plan plan;
  uint64_t hash = 0;
};

// Every plan of the sketch met so far, found by its hash.
class KnownPlans {
 public:
  explicit KnownPlans(const ProgramSketch& sketch) : sketch_(sketch) {}

  size_t Add(const SketchChoice& choice) {
    const auto [at, added] = by_choice_.try_emplace(choice, plans_.size());
    if (!added) return at->second;
    Known known;
    known.choice = choice;
    known.plan = sketch_.MakePlan(choice);
    known.hash = PlanHash(known.plan);
    by_hash_.try_emplace(known.hash, plans_.size());
    plans_.push_back(std::move(known));
    return plans_.size() - 1;
  }
  const Known& at(size_t index) const { return plans_[index]; }
  // Index of the plan, or npos.
  size_t Find(uint64_t hash) const {
    const auto found = by_hash_.find(hash);
    return found == by_hash_.end() ? std::string::npos : found->second;
  }

 private:
  const ProgramSketch& sketch_;
  std::vector<Known> plans_;
  std::map<SketchChoice, size_t> by_choice_;
  std::unordered_map<uint64_t, size_t> by_hash_;
};

// The texts of steps that failed: from "step 3, tile(...): reason".
std::unordered_set<std::string> FailedSteps(const std::vector<std::string>& failures) {
  std::unordered_set<std::string> steps;
  for (const std::string& failure : failures) {
    const size_t step = failure.find("step ");
    if (step == std::string::npos) continue;
    const size_t begin = failure.find(", ", step);
    const size_t end = failure.find("): ", step);
    if (begin == std::string::npos || end == std::string::npos || begin > end) continue;
    steps.insert(failure.substr(begin + 2, end + 1 - begin - 2));
  }
  return steps;
}

// One call: styles and refinements of the best own plans, untried ones only.
class Proposer {
 public:
  explicit Proposer(const ModelRequest& request)
      : request_(request),
        sketch_(*request.root.program, *request.target),
        known_(sketch_),
        styles_(sketch_.Styles(kStyles)),
        tried_(request.tried_plans.begin(), request.tried_plans.end()),
        failed_(FailedSteps(request.failures)) {}

  std::vector<Proposal> Run() {
    // The styles proposed so far are the first ones: meet them, and as many again.
    size_t untried = 0;
    for (const SketchChoice& style : styles_) {
      if (untried >= request_.max_proposals) break;
      const size_t index = known_.Add(style);
      style_plans_.push_back(index);
      untried += Allowed(index) ? 1 : 0;
    }
    const std::vector<size_t> refinements = Refinements();
    // Before anything is measured, styles alone; then both in turn.
    size_t s = 0;
    size_t r = 0;
    while (proposals_.size() < request_.max_proposals &&
           (s < style_plans_.size() || r < refinements.size())) {
      if (r < refinements.size()) Propose(refinements[r++], 0.35);
      if (r < refinements.size()) Propose(refinements[r++], 0.35);
      if (s < style_plans_.size()) Propose(style_plans_[s++], refinements.empty() ? 0.9 : 0.3);
    }
    return std::move(proposals_);
  }

 private:
  // Plans one decision away from the best measured ones of this expert, which are found again by
  // walking outward from the styles.
  std::vector<size_t> Refinements() {
    std::vector<size_t> centres;
    for (size_t round = 0; round < kRounds; ++round) {
      std::vector<size_t> found;
      for (const MeasuredPlan& measured : request_.best) {
        const size_t index = known_.Find(PlanHash(measured.plan));
        if (index != std::string::npos) found.push_back(index);
        if (found.size() == kCentres) break;
      }
      if (found == centres) break;
      centres = std::move(found);
      for (const size_t centre : centres) {
        const SketchChoice choice = known_.at(centre).choice;
        for (const SketchChoice& next : sketch_.Neighbours(choice, kNeighbours)) known_.Add(next);
      }
    }
    std::vector<size_t> refinements;
    for (const size_t centre : centres) {
      const SketchChoice choice = known_.at(centre).choice;
      for (const SketchChoice& next : sketch_.Neighbours(choice, kNeighbours)) {
        const size_t index = known_.Add(next);
        if (Allowed(index)) refinements.push_back(index);
      }
    }
    return refinements;
  }

  bool Allowed(size_t index) const {
    const Known& plan = known_.at(index);
    if (plan.plan.steps.empty() || tried_.count(plan.hash) != 0) return false;
    return failed_.empty() ||
           std::none_of(plan.plan.steps.begin(), plan.plan.steps.end(),
                        [&](const Step& step) { return failed_.count(PrintStep(step)) != 0; });
  }

  void Propose(size_t index, double chance) {
    const Known& plan = known_.at(index);
    if (proposals_.size() >= request_.max_proposals || !Allowed(index)) return;
    if (!proposed_.insert(plan.hash).second) return;
    const double time = sketch_.RelativeTime(plan.choice);
    proposals_.push_back(
        {0, plan.plan.steps, std::clamp(chance / time, 0.02, 0.95), sketch_.Describe(plan.choice)});
  }

  const ModelRequest& request_;
  const ProgramSketch sketch_;
  KnownPlans known_;
  const std::vector<SketchChoice> styles_;
  const std::unordered_set<uint64_t> tried_;
  const std::unordered_set<std::string> failed_;
  std::vector<size_t> style_plans_;
  std::unordered_set<uint64_t> proposed_;
  std::vector<Proposal> proposals_;
};

}  // namespace

const ModelInfo& AnalyticExpert::info() const {
  static const ModelInfo kInfo{
      .name = "builtin:analytic", .role = ModelRole::kStrong, .repeatable = true};
  return kInfo;
}

ModelReply AnalyticExpert::Propose(const ModelRequest& request) {
  if (request.action_space == ActionSpace::kMutators) return AnalyticMutators(request);
  ModelReply reply;
  if (!request.root.program || !request.target) {
    reply.error = "the request carries no program";
    return reply;
  }
  reply.proposals = Proposer(request).Run();
  if (reply.proposals.empty()) reply.error = "every plan of this expert was tried or is no change";
  return reply;
}

}  // namespace banyan
