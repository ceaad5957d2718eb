#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/rng.h"
#include "model/experts.h"
#include "model/mutator_expert.h"
#include "model/program_sketch.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

// Defaults: no packing, no padding, everything else as the tile ranking says.
SketchChoice PlainChoice(const ProgramSketch& sketch) {
  SketchChoice choice = sketch.Best();
  for (size_t b = 0; b < sketch.blocks(); ++b) {
    const auto& options = sketch.role(b).contractions;
    const auto plain = std::find_if(options.begin(), options.end(), [](const ContractionChoice& c) {
      return c.pack == PackMode::kNone && !c.pack_rows && c.row_blocks == RowBlocks::kNone &&
             c.tail != TailMode::kPad;
    });
    if (plain != options.end()) choice[b] = static_cast<int>(plain - options.begin());
  }
  return choice;
}

}  // namespace

const ModelInfo& HeuristicExpert::info() const {
  static const ModelInfo kInfo{
      .name = "builtin:heuristic", .role = ModelRole::kLight, .repeatable = true};
  return kInfo;
}

ModelReply HeuristicExpert::Propose(const ModelRequest& request) {
  if (request.action_space == ActionSpace::kMutators) return HeuristicMutators(request);
  ModelReply reply;
  if (!request.root.program || !request.leaf.program || !request.target) {
    reply.error = "the request carries no program";
    return reply;
  }
  const std::unordered_set<uint64_t> tried(request.tried_plans.begin(), request.tried_plans.end());
  const auto propose = [&](size_t keep, std::vector<Step> steps, double confidence,
                           std::string reason) {
    if (reply.proposals.size() >= request.max_proposals) return;
    Plan plan;
    plan.steps.assign(request.leaf.plan.steps.begin(),
                      request.leaf.plan.steps.begin() + static_cast<std::ptrdiff_t>(keep));
    plan = plan.Then(steps);
    if (plan.steps.empty() || tried.count(PlanHash(plan)) != 0) return;
    reply.proposals.push_back({keep, std::move(steps), confidence, std::move(reason)});
  };

  const std::vector<Step>& steps = request.leaf.plan.steps;
  if (steps.empty()) {
    const ProgramSketch sketch(*request.root.program, *request.target);
    const SketchChoice plain = PlainChoice(sketch);
    propose(0, sketch.MakePlan(plain).steps, 0.4, "defaults: " + sketch.Describe(plain));
    for (const SketchChoice& next : sketch.Neighbours(plain, 4 * request.max_proposals))
      propose(0, sketch.MakePlan(next).steps, 0.3, "near the defaults: " + sketch.Describe(next));
    if (reply.proposals.empty()) reply.error = "no untried default for this program";
    return reply;
  }
  // Small steps: one parameter of one step of the leaf's plan, the rest kept.
  Rng rng(request.seed, "heuristic expert", request.call_id);
  std::vector<size_t> order(steps.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.Shuffle(order);
  for (const size_t i : order) {
    std::vector<Step> variants = NeighbourSteps(*request.root.program, *request.target, steps[i]);
    if (variants.empty())
      variants = NeighbourSteps(*request.leaf.program, *request.target, steps[i]);
    rng.Shuffle(variants);
    if (variants.size() > 2) variants.resize(2);
    for (Step& variant : variants) {
      std::vector<Step> changed = {variant};
      changed.insert(changed.end(), steps.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                     steps.end());
      propose(i, std::move(changed), 0.25, fmt::format("a small step: {}", PrintStep(variant)));
    }
  }
  if (reply.proposals.empty()) reply.error = "no untried small step at this node";
  return reply;
}

}  // namespace banyan
