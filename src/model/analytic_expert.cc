#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/experts.h"
#include "model/program_sketch.h"

namespace banyan {
namespace {

constexpr size_t kStyles = 64;
constexpr size_t kNeighbours = 48;
constexpr size_t kRounds =
    6;  // how many decisions away from a style a measured plan is found again

struct Known {
  SketchChoice choice;
  Plan plan;
  uint64_t hash = 0;
  size_t style = 0;
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

}  // namespace

const std::string& AnalyticExpert::name() const {
  static const std::string kName = "builtin:analytic";
  return kName;
}

ModelReply AnalyticExpert::Propose(const ModelRequest& request) {
  ModelReply reply;
  if (!request.root.program || !request.target) {
    reply.error = "the request carries no program";
    return reply;
  }
  const ProgramSketch sketch(*request.root.program, *request.target);
  const std::unordered_set<uint64_t> tried(request.tried_plans.begin(), request.tried_plans.end());
  KnownPlans known(sketch);
  std::vector<size_t> styles;
  for (const SketchChoice& choice : sketch.Styles(kStyles)) styles.push_back(known.Add(choice));

  // Find the measured plans that are this expert's own, walking outward from the best of them.
  std::vector<size_t> centres;
  for (size_t round = 0; round < kRounds; ++round) {
    centres.clear();
    for (const MeasuredPlan& measured : request.best) {
      const size_t index = known.Find(PlanHash(measured.plan));
      if (index != std::string::npos) centres.push_back(index);
      if (centres.size() == 2) break;
    }
    for (const size_t centre : centres) {
      for (const SketchChoice& next : sketch.Neighbours(known.at(centre).choice, kNeighbours))
        known.Add(next);
    }
  }

  const auto propose = [&](size_t index, double confidence) {
    const Known& plan = known.at(index);
    if (plan.plan.steps.empty() || tried.count(plan.hash) != 0) return;
    for (const Proposal& other : reply.proposals) {
      if (other.steps == plan.plan.steps) return;
    }
    reply.proposals.push_back({0, plan.plan.steps, confidence, sketch.Describe(plan.choice)});
  };
  // Styles and refinements of the best in turn; before anything is measured, styles alone.
  std::vector<size_t> refinements;
  for (const size_t centre : centres) {
    for (const SketchChoice& next : sketch.Neighbours(known.at(centre).choice, kNeighbours))
      refinements.push_back(known.Add(next));
  }
  size_t s = 0;
  size_t r = 0;
  while (reply.proposals.size() < request.max_proposals &&
         (s < styles.size() || r < refinements.size())) {
    if (s < styles.size()) {
      const double time = sketch.RelativeTime(known.at(styles[s]).choice);
      propose(styles[s], std::clamp(0.9 / time, 0.05, 0.95));
      ++s;
    }
    if (r < refinements.size() && reply.proposals.size() < request.max_proposals) {
      const double time = sketch.RelativeTime(known.at(refinements[r]).choice);
      propose(refinements[r], std::clamp(0.8 / time, 0.05, 0.9));
      ++r;
    }
  }
  return reply;
}

}  // namespace banyan
