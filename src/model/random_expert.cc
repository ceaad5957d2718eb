#include <algorithm>
#include <unordered_set>

#include "base/rng.h"
#include "model/experts.h"
#include "model/mutator_expert.h"
#include "schedule/transformation.h"

namespace banyan {

const ModelInfo& RandomExpert::info() const {
  static const ModelInfo kInfo{
      .name = "builtin:random", .role = ModelRole::kLight, .repeatable = true};
  return kInfo;
}

ModelReply RandomExpert::Propose(const ModelRequest& request) {
  if (request.action_space == ActionSpace::kMutators) return RandomMutators(request);
  ModelReply reply;
  if (!request.leaf.program || !request.target) {
    reply.error = "the request carries no program";
    return reply;
  }
  Rng rng(request.seed, "random expert", request.call_id);
  const std::unordered_set<uint64_t> tried(request.tried_plans.begin(), request.tried_plans.end());
  const auto& all = AllTransformations();
  for (size_t tries = 0;
       reply.proposals.size() < request.max_proposals && tries < 4 * request.max_proposals;
       ++tries) {
    const Transformation* transformation = rng.Pick(all);
    const std::optional<Step> step =
        transformation->Sample(*request.leaf.program, *request.target, rng);
    if (!step) continue;
    const bool repeated =
        std::any_of(reply.proposals.begin(), reply.proposals.end(),
                    [&](const Proposal& other) { return other.steps.front() == *step; });
    if (repeated || tried.count(PlanHash(request.leaf.plan.Then({*step}))) != 0) continue;
    reply.proposals.push_back(
        {request.leaf.plan.steps.size(), {*step}, 0.1, "drawn at random from the legal steps"});
  }
  if (reply.proposals.empty()) reply.error = "no untried legal step was found at this node";
  return reply;
}

}  // namespace banyan
