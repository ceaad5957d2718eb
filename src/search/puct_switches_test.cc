// The tree's parts that ablations switch: action space, reward, course alteration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "schedule/mutator_steps.h"
#include "search/puct_search.h"
#include "search/strategy.h"
#include "search/testing/fake_model.h"
#include "search/testing/fake_mutator_compiler.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

FakeModel Naming(const std::string& name, ModelRole role) {
  return {name, role, [](const ModelRequest& request) {
            EXPECT_EQ(request.action_space, ActionSpace::kMutators);
            EXPECT_EQ(request.mutators, MutatorNames());
            EXPECT_GE(request.depth, 1) << "mutators act on a sample of the design space";
            Rng rng(request.seed);
            ModelReply reply;
            reply.mutators = {rng.Pick(MutatorNames()), rng.Pick(MutatorNames())};
            return reply;
          }};
}

SimulationOptions OnMutators() {
  SimulationOptions options;
  options.compiler = [] { return MakeFakeMutatorCompiler(); };
  options.measure = [](const SubmitTrial& trial) { return MeasureByHash(trial, 0.1); };
  return options;
}

RunConfig MutatorConfig(int64_t trials, int64_t calls, uint64_t seed) {
  RunConfig config = TestConfig(trials, calls, seed);
  EXPECT_TRUE(SetStrategyField(&config.strategy, "action_space", "mutators").ok());
  return config;
}

TEST(PuctSwitches, TheTreeGrowsOnMutatorsAsWell) {
  FakeModel strong = Naming("builtin:strong", ModelRole::kStrong);
  FakeModel light = Naming("builtin:light", ModelRole::kLight);
  Simulation run(MutatorConfig(40, 4, 0), {&strong, &light}, OnMutators());
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_EQ(result.stop_reason, "trials spent");
  EXPECT_EQ(result.trials, 40);
  EXPECT_EQ(result.calls, 4);
  std::map<std::string, int> origins;
  for (const Row& row : run.search().TakeRows()) {
    const auto* node = std::get_if<NodeRecord>(&row);
    if (node == nullptr || node->node_id == kRoot) continue;
    ++origins[node->origin];
    EXPECT_EQ(node->parent_id == kRoot, node->origin == "sample") << node->node_id;
    if (node->call_id > 0) {
      EXPECT_THAT(node->reason, testing::HasSubstr(", ")) << "the mutators";
    }
  }
  EXPECT_GE(origins["sample"], 3);
  EXPECT_GT(origins["mutation"], 3);
  // A reply's mutators are drawn several times.
  EXPECT_GT(origins["builtin:strong"] + origins["builtin:light"], 8);
  EXPECT_EQ(origins["crossover"] + origins["tiling"] + origins["transfer"], 0);
}

TEST(PuctSwitches, MutatorRunsResumeAndReplayFromEveryEvent) {
  FakeModel strong = Naming("builtin:strong", ModelRole::kStrong);
  FakeModel light = Naming("builtin:light", ModelRole::kLight);
  const RunConfig config = MutatorConfig(12, 3, 4);
  Simulation whole(config, {&strong, &light}, OnMutators());
  whole.Run();
  for (size_t cut = 1; cut < whole.events().size(); ++cut) {
    const std::vector<Event> history(whole.events().begin(),
                                     whole.events().begin() + static_cast<std::ptrdiff_t>(cut));
    Simulation after(config, {&strong, &light}, OnMutators());
    after.Resume(history);
    EXPECT_EQ(after.search().Summary().trials, 12) << "cut at " << cut;
    EXPECT_LE(after.search().Summary().calls, 3);
    Simulation replay(config, {&strong, &light}, OnMutators());
    for (const Event& event : after.events()) (void)replay.search().Advance(event);
    EXPECT_EQ(replay.search().DumpTree(), after.search().DumpTree()) << "cut at " << cut;
  }
}

TEST(PuctSwitches, MutatorsEndWhereMostSamplesFail) {
  size_t calls = 0;
  for (const char* selection : {"puct", "uniform"}) {
    for (uint64_t seed = 0; seed < 6; ++seed) {
      FakeModel strong = Naming("builtin:strong", ModelRole::kStrong);
      RunConfig config = MutatorConfig(24, 4, seed);
      config.strategy.selection = selection;
      SimulationOptions options = OnMutators();
      options.measure = [](const SubmitTrial& trial) { return MeasureByHash(trial, 0.7); };
      Simulation run(config, {&strong}, options);
      run.Run();
      EXPECT_TRUE(run.search().stopped()) << selection << seed;
      const Tree& tree = run.search().tree();
      for (const SendCall& call : run.sent()) {
        const NodeId leaf = tree.FindPlan(call.request->leaf.plan_hash);
        EXPECT_EQ(tree.node(leaf).state, NodeState::kMeasured) << selection << seed;
      }
      calls += run.sent().size();
    }
  }
  EXPECT_GT(calls, 12U) << "some sample runs nearly always";
}

TEST(PuctSwitches, APredictedRewardIsThePredictionAndNotTheSpeed) {
  FakeModel strong("strong", ModelRole::kStrong, ProposeTiles);
  FakeModel light("light", ModelRole::kLight, ProposeSteps);
  for (const char* reward : {"measured", "predicted"}) {
    RunConfig config = TestConfig(32, 6, 1);
    config.strategy = *FindStrategy("banyan");
    ASSERT_TRUE(SetStrategyField(&config.strategy, "reward", reward).ok());
    std::map<uint64_t, double> predicted;  // the first time that a plan was asked about
    SimulationOptions options;
    options.score = [&predicted](const ScoreCandidates& question) {
      ScoresEvent event = ScoreFake(question);
      for (size_t i = 0; i < event.scores.size(); ++i) {
        predicted.emplace(question.candidates[i].plan_hash, event.scores[i]);
      }
      return event;
    };
    Simulation run(config, {&strong, &light}, options);
    run.Run();
    const Tree& tree = run.search().tree();
    int same = 0;
    int measured = 0;
    std::set<double> rewards;
    for (size_t i = 1; i < tree.size(); ++i) {
      const Node& node = tree.node(static_cast<NodeId>(i));
      if (node.state != NodeState::kMeasured) continue;
      ++measured;
      same += node.reward == node.log_speedup ? 1 : 0;
      if (std::string(reward) == "predicted") {
        ASSERT_TRUE(predicted.contains(node.plan_hash)) << "node " << i << " was not asked about";
        EXPECT_EQ(node.reward, predicted[node.plan_hash]);
        rewards.insert(node.reward);
      }
    }
    EXPECT_GT(measured, 20);
    if (std::string(reward) == "measured") {
      EXPECT_EQ(same, measured);
    } else {
      EXPECT_LT(same, 2);
      EXPECT_GT(rewards.size(), 5U) << "nodes are told apart";
    }
    // The winner is the fastest all the same.
    EXPECT_LT(run.search().Summary().best_latency_ms, 2);
  }
}

TEST(PuctSwitches, OnlyATrustedModelIsAskedAboutPlans) {
  FakeModel strong("strong", ModelRole::kStrong, ProposeTiles);
  FakeModel light("light", ModelRole::kLight, ProposeSteps);
  for (const size_t trusted_from : {SIZE_MAX, size_t{0}, size_t{5}}) {
    RunConfig config = TestConfig(32, 6, 1);
    config.strategy = *FindStrategy("banyan");
    std::vector<size_t> asked;  // candidates of each question
    SimulationOptions options;
    options.score = [&](const ScoreCandidates& question) {
      ScoresEvent event = ScoreFake(question);
      event.trust = asked.size() < trusted_from ? 0 : 0.5;
      asked.push_back(question.candidates.size());
      return event;
    };
    Simulation run(config, {&strong, &light}, options);
    run.Run();
    ASSERT_GT(asked.size(), 8U);
    EXPECT_LE(asked.size(), 64U);
    EXPECT_GT(run.search().Summary().trials, 30);
    for (size_t i = 0; i < asked.size(); ++i) {
      EXPECT_EQ(asked[i] > 0, i > trusted_from) << "question " << i << " of " << trusted_from;
    }
  }
}

TEST(PuctSwitches, TheLargestModelRedoesWhatLighterOnesMadeWorse) {
  std::vector<Review> reviews;
  FakeModel strong("strong", ModelRole::kStrong, [&](const ModelRequest& request) {
    if (request.review) reviews.push_back(*request.review);
    return ProposeTiles(request);
  });
  FakeModel light("light", ModelRole::kLight, ProposeSteps);
  for (const bool alteration : {false, true}) {
    reviews.clear();
    RunConfig config = TestConfig(64, 24, 2);
    config.strategy.routing = "round_robin";
    config.strategy.course_alteration = alteration;
    config.strategy.proposals_per_call = 1;  // so that all of them are measured
    config.strategy.mutation = config.strategy.crossover = false;
    SimulationOptions options;  // whatever is appended makes a plan worse, 10 ms without a step
    options.measure = [](const SubmitTrial& trial) {
      TrialOutcome outcome = MeasureFake(trial);
      const auto steps = static_cast<double>(trial.candidate.plan.steps.size());
      for (double& sample : outcome.samples_ms) sample = 10 + steps;
      return outcome;
    };
    Simulation run(config, {&strong, &light}, options);
    run.Run();
    const SearchResult result = run.search().Summary();
    EXPECT_LE(result.calls, 24);
    EXPECT_EQ(result.models.at("strong").alterations, static_cast<int64_t>(reviews.size()));
    if (!alteration) {
      EXPECT_TRUE(reviews.empty());
      continue;
    }
    EXPECT_GT(reviews.size(), 2U);
    for (const Review& review : reviews) {
      EXPECT_EQ(review.model, "light");
      EXPECT_TRUE(review.measured);
      // Leaf, what was taken back and what was added make the program that is shown.
      const Plan before = ParsePlan(review.parent.trace).value();
      Plan after = before;
      after.steps.resize(before.steps.size() - review.taken_back);
      EXPECT_EQ(PrintPlan(after.Then(review.steps)), review.child.trace);
      EXPECT_NE(review.child.trace, review.parent.trace);
      EXPECT_FALSE(review.child.score > review.parent.score) << "a regression";
    }
    for (const SendCall& call : run.sent()) {
      if (call.request->review) {
        EXPECT_EQ(call.request->model, "strong");
      }
    }
    Simulation replay(config, {&strong, &light});
    for (const Event& event : run.events()) (void)replay.search().Advance(event);
    EXPECT_EQ(run.search().DumpTree(), replay.search().DumpTree());
  }
}

TEST(PuctSwitches, AMuteModelWhoseCallsAreGivenBackEndsTheRunToo) {
  FakeModel mute("mute", ModelRole::kStrong, [](const ModelRequest&) {
    ModelReply reply;
    reply.failure = CallFailure::kUnusable;
    reply.error = "nothing usable";
    return reply;
  });
  FakeModel away("away", ModelRole::kStrong, [](const ModelRequest&) {
    ModelReply reply;
    reply.failure = CallFailure::kNetwork;
    reply.error = "no connection";
    return reply;
  });
  const auto calls = [](Model* model) {
    RunConfig config = TestConfig(16, 4, 0);
    config.strategy.charge_failed_calls = false;
    Simulation run(config, {model});
    run.Run();
    EXPECT_EQ(run.search().Summary().trials, 16);
    return run.sent().size();
  };
  EXPECT_EQ(calls(&mute), 8U) << "each of four calls is given back once";
  EXPECT_EQ(calls(&away), 4U) << "was not answered: charged";
}

TEST(PuctSwitches, WhatCannotBeCombinedIsRefused) {
  const auto error = [](std::vector<std::pair<std::string, std::string>> fields) {
    StrategyConfig config = *FindStrategy("banyan");
    Status status = Ok{};
    for (const auto& [field, text] : fields) {
      status = SetStrategyField(&config, field, text);
      if (!status.ok()) return status.error().message;
    }
    status = CheckStrategy(config);
    return status.ok() ? std::string("it was taken") : status.error().message;
  };
  using testing::HasSubstr;
  EXPECT_THAT(error({{"loop", "population"}, {"action_space", "mutators"}}),
              HasSubstr("only plans can be crossed"));
  EXPECT_THAT(error({{"loop", "population"}, {"reward", "predicted"}}), HasSubstr("population"));
  EXPECT_THAT(error({{"loop", "population"}, {"course_alteration", "true"}}),
              HasSubstr("course_alteration needs"));
  EXPECT_THAT(error({{"cost_model", "none"}, {"reward", "predicted"}}), HasSubstr("a cost_model"));
  EXPECT_THAT(error({{"reward", "guessed"}}), HasSubstr("measured"));
  EXPECT_EQ(error({{"action_space", "mutators"}, {"reward", "predicted"}}), "it was taken");
  // In whatever order they are set.
  EXPECT_EQ(error({{"reward", "predicted"}, {"cost_model", "none"}, {"reward", "measured"}}),
            "it was taken");
}

}  // namespace
}  // namespace banyan
