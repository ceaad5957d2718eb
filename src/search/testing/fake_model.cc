#include "search/testing/fake_model.h"

#include "base/rng.h"
#include "schedule/transformation.h"

namespace banyan {

ModelReply ProposeTiles(const ModelRequest& request) {
  Rng rng(request.seed, "tiles");
  const auto factor = [&rng](int64_t low, int64_t high) {
    return int64_t{1} << rng.Between(low, high);
  };
  ModelReply reply;
  for (size_t i = 0; i < request.max_proposals; ++i) {
    const std::string block = request.root.program->blocks.front().name;
    Proposal proposal;
    proposal.keep_steps = 0;
    proposal.confidence = 0.2 + 0.6 * rng.Uniform();
    proposal.reason = "a register tile";
    proposal.steps.push_back({"tile",
                              {{"block", block},
                               {"factors",
                                {{"i", Json::array({factor(0, 4)})},
                                 {"j", Json::array({factor(1, 6)})},
                                 {"k", Json::array({factor(0, 3)})}}},
                               {"order", {"i.0", "j.0", "k.0", "k.1", "i.1", "j.1"}}}});
    proposal.steps.push_back({"vectorize", {{"loop", block + ".j.1"}}});
    if (rng.Chance(0.7)) proposal.steps.push_back({"unroll", {{"loop", block + ".i.1"}}});
    if (rng.Chance(0.5)) proposal.steps.push_back({"unroll", {{"loop", block + ".k.1"}}});
    if (rng.Chance(0.5)) {
      proposal.steps.push_back({"accumulate", {{"block", block}, {"init", block + ".k.0"}}});
    }
    reply.proposals.push_back(std::move(proposal));
  }
  reply.usage.tokens_in = 100;
  return reply;
}

ModelReply ProposeSteps(const ModelRequest& request) {
  Rng rng(request.seed, "steps");
  ModelReply reply;
  for (size_t tries = 0; reply.proposals.size() < request.max_proposals && tries < 64; ++tries) {
    const auto step =
        rng.Pick(AllTransformations())->Sample(*request.leaf.program, *request.target, rng);
    if (!step) continue;
    Proposal proposal;
    proposal.keep_steps = request.leaf.plan.steps.size();
    proposal.steps = {*step};
    proposal.confidence = 0.2;
    reply.proposals.push_back(std::move(proposal));
  }
  return reply;
}

ModelReply ProposeNonsense(const ModelRequest& request) {
  ModelReply reply;
  const size_t size = request.leaf.plan.steps.size();
  reply.proposals.push_back({size, {{"vectorize", {{"loop", "nowhere.i"}}}}, 0.9, "a guess"});
  reply.proposals.push_back({size + 3, {{"vectorize", {{"loop", "nowhere.i"}}}}, 0.9, "a guess"});
  reply.proposals.push_back({size, {}, 0.9, "nothing"});
  return reply;
}

}  // namespace banyan
