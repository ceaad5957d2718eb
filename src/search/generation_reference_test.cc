// GenerationSearch against a slow, obvious reference of the published methods' loop
// (testing/reference_generations.h): the same trees, calls and trials on random strategies, pools,
// replies and predictions; and the invariants that hold between any two events.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/hash.h"
#include "schedule/mutator_steps.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transformation.h"
#include "search/generation_search.h"
#include "search/strategy.h"
#include "search/testing/fake_model.h"
#include "search/testing/fake_mutator_compiler.h"
#include "search/testing/reference_generations.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

// What a random problem is made of.
struct Problem {
  RunConfig config;
  std::vector<ModelInfo> pool;
  bool nan_scores = false;  // some predictions are missing
  bool coarse_scores = false;
  bool warming_up = false;  // many are equal
};

template <typename T>
T OneOf(Rng& rng, const std::vector<T>& values) {
  return rng.Pick(values);
}

Problem RandomProblem(const std::string& strategy, uint64_t seed) {
  Rng rng(seed, "problem");
  Problem problem;
  problem.config = TestConfig(rng.Between(1, 30), rng.Between(0, 24), seed);
  StrategyConfig& config = problem.config.strategy;
  config = *FindStrategy(strategy);
  if (rng.Chance(0.3)) {
    problem.config.budget.strong_calls = static_cast<double>(rng.Between(0, 3));
  }
  // A quarter runs the preset as it is.
  if (!rng.Chance(0.25)) {
    config.phi_weight = OneOf<double>(rng, {0, 0, 0.3, 0.9});
    config.uct_c = OneOf<double>(rng, {0.05, 0.5, 1.41});
    config.generations = static_cast<int>(rng.Between(1, 3));
    config.expansions = static_cast<int>(rng.Between(1, 4));
    config.failures = static_cast<int>(rng.Between(1, 3));
    config.root_samples = static_cast<int>(rng.Between(1, 4));
    config.max_children = static_cast<int>(rng.Between(1, 3));
    config.ask_depth = static_cast<int>(rng.Between(0, 3));
    config.terminal_failures = OneOf<int>(rng, {1, 2, 5});
    config.action_tries = static_cast<int>(rng.Between(1, 3));
    config.stop_at_failure = rng.Chance(0.5);
    config.duplicate_on_failure = rng.Chance(0.3);
    config.charge_failed_calls = rng.Chance(0.7);
    config.course_alteration = rng.Chance(0.8);
    config.alteration_every = static_cast<int>(rng.Between(1, 3));
    config.trials_per_round = static_cast<int>(rng.Between(1, 9));
    config.random_share = OneOf<double>(rng, {0.05, 0.5, 1});
    if (rng.Chance(0.5)) config.routing = rng.Chance(0.5) ? "joint" : "strongest";
  }
  config.rollout_depth = static_cast<int>(rng.Between(0, 4));  // long ones cost time
  const auto models = rng.Between(1, 4);
  const bool unknown_sizes = rng.Chance(0.2);
  for (int64_t i = 0; i < models; ++i) {
    problem.pool.push_back({.name = "m" + std::to_string(i),
                            .role = rng.Chance(0.4) ? ModelRole::kStrong : ModelRole::kLight,
                            .repeatable = true,
                            .parameters_b = OneOf<double>(rng, {1, 8, 8, 70, 400})});
    if (unknown_sizes && rng.Chance(0.5)) problem.pool.back().parameters_b = 0;
  }
  problem.nan_scores = rng.Chance(0.3);
  problem.coarse_scores = rng.Chance(0.3);
  // While the cost model warms up its scores do not depend on the program, and the search leaves
  // out the chains of random actions, which the reference makes all the same.
  problem.warming_up = rng.Chance(0.4);
  if (!problem.warming_up) config.cost_model_warmup = 0;
  return problem;
}

// Depends on the program and, as a model that learns does, on when it is asked.
ScoresEvent RandomScores(const Problem& problem, const ScoreCandidates& question) {
  ScoresEvent event{.ticket = question.ticket, .scores = {}, .trust = 0};
  if (problem.warming_up) {
    Rng rng(question.ticket, "score", problem.config.seed);
    for (size_t i = 0; i < question.candidates.size(); ++i) event.scores.push_back(rng.Uniform());
    return event;
  }
  for (const Candidate& candidate : question.candidates) {
    Rng own(candidate.program_hash, "score", problem.config.seed);
    Rng now(candidate.program_hash, "score now", question.ticket);
    double score = own.Uniform() + 0.3 * now.Uniform() - 0.2;
    if (problem.coarse_scores) score = std::floor(4 * score) / 4;
    if (problem.nan_scores && now.Chance(0.15)) score = std::numeric_limits<double>::quiet_NaN();
    event.scores.push_back(score);
  }
  return event;
}

ModelReply RandomReply(const Problem& problem, uint64_t call_id, const Candidate& leaf) {
  Rng rng(problem.config.seed, "scripted reply", call_id);
  ModelReply reply;
  const double kind = rng.Uniform();
  if (kind < 0.1) {
    reply.failure = CallFailure::kUnusable;
    reply.error = "no answer";
  }
  if (rng.Chance(0.7)) {
    reply.next_model = problem.pool[rng.Below(problem.pool.size())].name;
  } else if (rng.Chance(0.5)) {
    reply.next_model = "nobody";
  }
  if (kind < 0.15) return reply;  // an error, or empty
  if (problem.config.strategy.action_space == "mutators") {
    const auto count = rng.Between(1, 4);
    for (int64_t i = 0; i < count; ++i) reply.mutators.push_back(rng.Pick(MutatorNames()));
    return reply;
  }
  Proposal proposal;
  proposal.keep_steps = leaf.plan.steps.size();
  if (rng.Chance(0.2) && proposal.keep_steps > 0) proposal.keep_steps -= 1;
  if (rng.Chance(0.05)) proposal.keep_steps += 2;
  const auto count = rng.Between(0, 3);
  for (int64_t i = 0; i < count; ++i) {
    if (rng.Chance(0.3)) {
      proposal.steps.push_back({"vectorize", {{"loop", "nowhere.i"}}});
      continue;
    }
    const auto step = rng.Pick(AllTransformations())->Sample(*leaf.program, FakeTarget(), rng);
    if (step) proposal.steps.push_back(*step);
  }
  reply.proposals.push_back(std::move(proposal));
  return reply;
}

std::unique_ptr<Compiler> CompilerOf(const Problem& problem) {
  return problem.config.strategy.action_space == "mutators" ? MakeFakeMutatorCompiler()
                                                            : MakeFakeCompiler();
}

// The real search on the problem, in simulated time.
class Real {
 public:
  explicit Real(const Problem& problem) : problem_(problem) {
    for (const ModelInfo& info : problem.pool) {
      models_.push_back(std::make_unique<FakeModel>(info, [this](const ModelRequest& request) {
        return RandomReply(problem_, request.call_id, request.leaf);
      }));
    }
    std::vector<Model*> pool;
    for (const auto& model : models_) pool.push_back(model.get());
    SimulationOptions options;
    options.compiler = [this] { return CompilerOf(problem_); };
    options.score = [this](const ScoreCandidates& question) {
      return RandomScores(problem_, question);
    };
    options.measure = [](const SubmitTrial& trial) { return MeasureByHash(trial, 0.1); };
    simulation_ = std::make_unique<Simulation>(problem.config, pool, options);
  }

  Simulation& simulation() { return *simulation_; }
  const GenerationSearch& search() {
    return dynamic_cast<const GenerationSearch&>(simulation_->search());
  }

 private:
  const Problem& problem_;
  std::vector<std::unique_ptr<FakeModel>> models_;
  std::unique_ptr<Simulation> simulation_;
};

// Counters over all problems, so that the test shows that it went everywhere.
struct Coverage {
  int64_t nodes = 0, calls = 0, alterations = 0, given_back = 0, terminal = 0;
};

void Compare(const Problem& problem, Coverage* coverage) {
  Real real(problem);
  real.simulation().Run();
  const auto compiler = CompilerOf(problem);
  const ReferenceTree want = RunReferenceGenerations(
      {.config = problem.config,
       .pool = problem.pool,
       .compiler = compiler.get(),
       .reply = [&](uint64_t call_id, size_t,
                    const Candidate& leaf) { return RandomReply(problem, call_id, leaf); },
       .score = [&](const ScoreCandidates& question) { return RandomScores(problem, question); }});
  const GenerationSearch& search = real.search();
  const Tree& tree = search.tree();

  // Calls first: where trees differ, they say when it began.
  const auto& sent = real.simulation().sent();
  ASSERT_EQ(sent.size(), want.calls.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    SCOPED_TRACE("call " + std::to_string(i + 1));
    EXPECT_EQ(sent[i].model, want.calls[i].model);
    EXPECT_EQ(sent[i].request->leaf.plan_hash, want.nodes[want.calls[i].leaf].candidate.plan_hash);
    EXPECT_EQ(sent[i].request->review.has_value(), want.calls[i].alteration);
    coverage->alterations += want.calls[i].alteration ? 1 : 0;
    coverage->given_back += want.calls[i].given_back ? 1 : 0;
  }
  ASSERT_EQ(tree.size(), want.nodes.size());
  for (size_t i = 0; i < want.nodes.size(); ++i) {
    SCOPED_TRACE("node " + std::to_string(i));
    const auto id = static_cast<NodeId>(i);
    const ReferenceNode& node = want.nodes[i];
    const GenerationSearch::Stat& stat = search.stat(id);
    ASSERT_EQ(tree.node(id).plan_hash, node.candidate.plan_hash);
    ASSERT_EQ(tree.node(id).program_hash, node.candidate.program_hash);
    ASSERT_EQ(tree.node(id).parent, i == 0 ? kNoNode : static_cast<NodeId>(node.parent));
    EXPECT_EQ(stat.visits, node.visits);
    EXPECT_EQ(stat.value_sum, node.value_sum);
    EXPECT_EQ(stat.failures, node.failures);
    EXPECT_EQ(stat.terminal, node.terminal);
    EXPECT_EQ(stat.model, node.model);
    if (std::isnan(node.score)) {
      EXPECT_TRUE(std::isnan(stat.score));
    } else {
      EXPECT_EQ(stat.score, node.score);
    }
    coverage->terminal += node.terminal ? 1 : 0;
  }
  const auto& submitted = real.simulation().submitted();
  ASSERT_EQ(submitted.size(), want.measured.size());
  for (size_t i = 0; i < submitted.size(); ++i) {
    EXPECT_EQ(submitted[i].candidate.program_hash, want.measured[i]) << "trial " << i + 1;
  }
  EXPECT_EQ(search.streak(), want.streak);
  const std::string dump = search.DumpTree();
  for (size_t i = 0; i < problem.pool.size(); ++i) {
    const std::string line = "hits " + problem.pool[i].name + " " + std::to_string(want.hits[i]) +
                             "/" + std::to_string(want.rated[i]) + "\n";
    EXPECT_NE(dump.find(line), std::string::npos) << line << "in\n" << dump;
  }
  // Every call is charged to its model, whether it brought anything or not.
  const SearchResult result = search.Summary();
  std::map<std::string, int64_t> calls;
  for (const ReferenceCall& call : want.calls) ++calls[problem.pool[call.model].name];
  for (const ModelInfo& info : problem.pool) {
    EXPECT_EQ(result.models.at(info.name).calls, calls[info.name]) << info.name;
  }
  coverage->nodes += static_cast<int64_t>(want.nodes.size());
  coverage->calls += static_cast<int64_t>(want.calls.size());
}

class GenerationReference : public testing::TestWithParam<const char*> {};

TEST_P(GenerationReference, GrowsTheSameTrees) {
  Coverage coverage;
  const bool plans = std::string(GetParam()).find("plan") != std::string::npos;
  const uint64_t problems = plans ? 60 : 120;  // those on plans take longer
  for (uint64_t seed = 0; seed < problems; ++seed) {
    SCOPED_TRACE(std::string(GetParam()) + " seed " + std::to_string(seed));
    const Problem problem = RandomProblem(GetParam(), seed);
    Compare(problem, &coverage);
    if (testing::Test::HasFailure()) return;  // one is enough to read
  }
  EXPECT_GT(coverage.nodes, 1000);
  EXPECT_GT(coverage.calls, 200);
  EXPECT_GT(coverage.alterations, 5);
  EXPECT_GT(coverage.given_back, 5);
  EXPECT_GT(coverage.terminal, 10);
}

INSTANTIATE_TEST_SUITE_P(Strategies, GenerationReference,
                         testing::Values("colt", "reasoning", "colt-plan", "reasoning-plan"),
                         [](const testing::TestParamInfo<const char*>& strategy) {
                           std::string name = strategy.param;
                           for (char& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace banyan
