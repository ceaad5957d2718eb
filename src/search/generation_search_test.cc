// The published methods: their formulas against hand-computed numbers, their rounds on the fake
// compiler, resumed and replayed at every event.
#include "search/generation_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "search/strategy.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

using Stat = GenerationSearch::Stat;

std::vector<ModelInfo> Sizes(std::initializer_list<double> sizes) {
  std::vector<ModelInfo> pool;
  for (const double size : sizes) {
    pool.push_back({.name = "m" + std::to_string(pool.size()), .parameters_b = size});
  }
  return pool;
}

TEST(GenerationFormulas, Phi) {
  // (ln 100 - ln 10) / (ln 100 - ln 1) = 1/2
  EXPECT_THAT(GenerationSearch::Phi(Sizes({100, 10, 1})),
              testing::ElementsAre(0, testing::DoubleNear(0.5, 1e-12), 1));
  EXPECT_THAT(GenerationSearch::Phi(Sizes({7, 7})), testing::ElementsAre(0, 0));
  std::vector<ModelInfo> unknown = Sizes({0, 8});
  unknown[0].role = ModelRole::kLight;
  EXPECT_THAT(GenerationSearch::Phi(unknown), testing::ElementsAre(1, 0));
  EXPECT_EQ(GenerationSearch::Largest(Sizes({3, 70, 8})), 1u);
  EXPECT_EQ(GenerationSearch::Largest(unknown), 1u);
}

TEST(GenerationFormulas, Score) {
  const Stat stat{.visits = 4, .value_sum = 2};
  // 2/4 + 1.41 sqrt(ln 9 / 4) = 0.5 + 1.41 * 0.741152 = 1.545025
  EXPECT_NEAR(GenerationSearch::Score(stat, 9, 0.7, 0, 1.41), 1.545025, 1e-6);
  // 0.8 * 0.5 + 0.2 * 0.7 + 1.41 * 0.741152
  EXPECT_NEAR(GenerationSearch::Score(stat, 9, 0.7, 0.2, 1.41), 1.585025, 1e-6);
  EXPECT_TRUE(std::isinf(GenerationSearch::Score(Stat(), 9, 0, 0, 1.41)));
}

RunConfig Config(const std::string& strategy, int64_t trials, int64_t calls, uint64_t seed = 0) {
  RunConfig config = TestConfig(trials, calls, seed);
  config.strategy = *FindStrategy(strategy);
  return config;
}

// One legal step, and advice.
FakeModel::Script Advising(std::string next) {
  return [next = std::move(next)](const ModelRequest& request) {
    ModelRequest one = request;
    one.max_proposals = 1;
    ModelReply reply = ProposeSteps(one);
    reply.next_model = next;
    return reply;
  };
}

ModelInfo Info(const char* name, ModelRole role, double parameters_b) {
  return {.name = name, .role = role, .repeatable = true, .parameters_b = parameters_b};
}

TEST(GenerationSearchTest, ColtSpendsItsBudgetsAndKeepsItsShape) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("small"));
  FakeModel small(Info("small", ModelRole::kLight, 5), Advising("large"));
  Simulation run(Config("colt-plan", 24, 6), {&large, &small});
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_EQ(result.trials, 24);
  EXPECT_LE(result.calls, 6);
  EXPECT_GE(result.calls, 4);
  EXPECT_EQ(result.stop_reason, "trials spent");
  const auto& search = dynamic_cast<const GenerationSearch&>(run.search());
  const Tree& tree = search.tree();
  EXPECT_EQ(tree.node(kRoot).edges.size(), 3u);
  for (size_t i = 1; i < tree.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    EXPECT_LE(tree.node(id).edges.size(), 2u);
    // One visit for itself, and those of its children and of failed expansions.
    int64_t below = 0;
    for (const Edge& edge : tree.node(id).edges) below += search.stat(edge.child).visits;
    EXPECT_GE(search.stat(id).visits, below);
    EXPECT_EQ(search.stat(id).depth, static_cast<int>(tree.PathTo(id).size()) - 1);
  }
  // Nobody is asked above depth 2, and the first call of the run goes to the largest.
  for (const SendCall& call : run.sent()) EXPECT_GE(call.request->depth, 2);
  ASSERT_FALSE(run.sent().empty());
  EXPECT_EQ(run.sent().front().request->model, "large");
  EXPECT_GT(result.models.at("small").calls, 0);  // its advice was taken
}

TEST(GenerationSearchTest, ReasoningAsksTheStrongModelAlone) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("small"));
  FakeModel small(Info("small", ModelRole::kLight, 5), Advising("small"));
  Simulation run(Config("reasoning-plan", 24, 5), {&small, &large});
  run.Run();
  EXPECT_EQ(run.search().Summary().models.at("small").calls, 0);
  EXPECT_GT(run.search().Summary().models.at("large").calls, 0);
}

TEST(GenerationSearchTest, MeasuredLatencyNeverEntersTheTree) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("large"));
  SimulationOptions slow;
  slow.measure = [](const SubmitTrial& trial) {
    TrialOutcome outcome = MeasureFake(trial);
    for (double& sample : outcome.samples_ms) sample = 3 + static_cast<double>(trial.trial_id);
    return outcome;
  };
  Simulation a(Config("reasoning-plan", 16, 3), {&large});
  Simulation b(Config("reasoning-plan", 16, 3), {&large}, slow);
  a.Run();
  b.Run();
  ASSERT_EQ(a.search().tree().size(), b.search().tree().size());
  for (size_t i = 1; i < a.search().tree().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    EXPECT_EQ(a.search().tree().node(id).plan_hash, b.search().tree().node(id).plan_hash);
    const auto& left = dynamic_cast<const GenerationSearch&>(a.search()).stat(id);
    const auto& right = dynamic_cast<const GenerationSearch&>(b.search()).stat(id);
    EXPECT_EQ(left.visits, right.visits);
    EXPECT_EQ(left.value_sum, right.value_sum);
  }
}

// Every child that the light model makes is predicted worse than its parent.
ScoresEvent EverWorse(const ScoreCandidates& question) {
  ScoresEvent event{.ticket = question.ticket, .scores = {}, .trust = 0};
  for (const Candidate& candidate : question.candidates) {
    event.scores.push_back(1 / (1.0 + static_cast<double>(candidate.plan.steps.size())));
  }
  return event;
}

TEST(GenerationSearchTest, EverySecondRegressionIsAltered) {
  int64_t reviews = 0;
  FakeModel large(Info("large", ModelRole::kStrong, 100), [&](const ModelRequest& request) {
    if (request.review) {
      ++reviews;
      EXPECT_EQ(request.review->model, "small");
      EXPECT_EQ(request.review->steps.size(), 1u);
      EXPECT_LT(request.review->child.score, request.review->parent.score);
    }
    return Advising("small")(request);
  });
  FakeModel small(Info("small", ModelRole::kLight, 5), Advising("small"));
  SimulationOptions options;
  options.score = EverWorse;
  Simulation run(Config("colt-plan", 64, 24, 3), {&large, &small}, options);
  run.Run();
  const SearchResult result = run.search().Summary();
  const int64_t light = result.models.at("small").calls;
  EXPECT_GT(light, 5);
  EXPECT_EQ(result.models.at("large").alterations, reviews);
  // A light call that ended in a random action does not count; each pair of the others costs one.
  EXPECT_GT(reviews, 0);
  EXPECT_LE(reviews, light / 2);
  EXPECT_LE(result.calls, 24);
  const auto& search = dynamic_cast<const GenerationSearch&>(run.search());
  EXPECT_GE(search.streak(), 2 * reviews);
}

TEST(GenerationSearchTest, AnUnusableReplyBecomesARandomActionAndIsCharged) {
  FakeModel mute(Info("mute", ModelRole::kStrong, 100), [](const ModelRequest&) {
    ModelReply reply;
    reply.failure = CallFailure::kUnusable;
    reply.error = "nothing usable";
    return reply;
  });
  Simulation run(Config("colt-plan", 24, 4), {&mute});
  run.Run();
  const SearchResult charged = run.search().Summary();
  EXPECT_EQ(charged.trials, 24);
  EXPECT_EQ(charged.models.at("mute").calls, 4);
  EXPECT_EQ(charged.models.at("mute").errors, 4);
  RunConfig free = Config("colt-plan", 24, 4);
  free.strategy.charge_failed_calls = false;
  Simulation generous(free, {&mute});
  generous.Run();
  EXPECT_GT(generous.search().Summary().models.at("mute").calls, 4);
}

TEST(GenerationSearchTest, ResumesAndReplaysFromEveryEvent) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("small"));
  FakeModel small(Info("small", ModelRole::kLight, 5), Advising("large"));
  for (const char* strategy : {"colt-plan", "reasoning-plan", "evolutionary"}) {
    const RunConfig config = Config(strategy, 10, 4, 5);
    Simulation whole(config, {&large, &small});
    whole.Run();
    for (size_t cut = 1; cut < whole.events().size(); ++cut) {
      const std::vector<Event> history(whole.events().begin(),
                                       whole.events().begin() + static_cast<std::ptrdiff_t>(cut));
      Simulation after(config, {&large, &small});
      after.Resume(history);
      EXPECT_TRUE(after.search().stopped()) << strategy << " cut at " << cut;
      const SearchResult result = after.search().Summary();
      EXPECT_EQ(result.trials, 10) << strategy << " cut at " << cut;
      EXPECT_LE(result.calls, 4);
      Simulation replay(config, {&large, &small});
      for (const Event& event : after.events()) (void)replay.search().Advance(event);
      EXPECT_EQ(replay.search().DumpTree(), after.search().DumpTree());
    }
  }
}

TEST(GenerationSearchTest, AnotherSeedIsAnotherTree) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("large"));
  std::set<std::string> dumps;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Simulation run(Config("colt-plan", 12, 2, seed), {&large});
    run.Run();
    dumps.insert(run.search().DumpTree());
  }
  EXPECT_EQ(dumps.size(), 4u);
}

}  // namespace
}  // namespace banyan
