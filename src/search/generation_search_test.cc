// The published methods: their formulas against hand-computed numbers, their rounds on the fake
// compiler, resumed and replayed at every event.
#include "search/generation_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "search/model_size.h"
#include "search/strategy.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

std::vector<ModelInfo> Sizes(std::initializer_list<double> sizes) {
  std::vector<ModelInfo> pool;
  for (const double size : sizes) {
    pool.push_back({.name = "m" + std::to_string(pool.size()), .parameters_b = size});
  }
  return pool;
}

TEST(GenerationFormulas, Phi) {
  // (ln 100 - ln 10) / (ln 100 - ln 1) = 1/2
  EXPECT_THAT(ModelPhi(Sizes({100, 10, 1})),
              testing::ElementsAre(0, testing::DoubleNear(0.5, 1e-12), 1));
  EXPECT_THAT(ModelPhi(Sizes({7, 7})), testing::ElementsAre(0, 0));
  std::vector<ModelInfo> unknown = Sizes({0, 8});
  unknown[0].role = ModelRole::kLight;
  EXPECT_THAT(ModelPhi(unknown), testing::ElementsAre(1, 0));
  EXPECT_EQ(LargestModel(Sizes({3, 70, 8})), 1u);
  EXPECT_EQ(LargestModel(unknown), 1u);
}

TEST(GenerationFormulas, Score) {
  // W/N = 2/4: 0.5 + 1.41 sqrt(ln 9 / 4) = 0.5 + 1.41 * 0.741152 = 1.545025
  EXPECT_NEAR(GenerationSearch::Score(0.5, 4, 9, 0.7, 0, 1.41), 1.545025, 1e-6);
  // 0.8 * 0.5 + 0.2 * 0.7 + 1.41 * 0.741152
  EXPECT_NEAR(GenerationSearch::Score(0.5, 4, 9, 0.7, 0.2, 1.41), 1.585025, 1e-6);
  EXPECT_TRUE(std::isinf(GenerationSearch::Score(0, 0, 9, 0, 0, 1.41)));
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

// The rewards of successive expansions, whatever they are; all scores are 0.
SimulationOptions Rewarding(std::vector<double> rewards) {
  SimulationOptions options;
  auto next = std::make_shared<size_t>(0);
  options.score = [rewards = std::move(rewards), next](const ScoreCandidates& question) {
    ScoresEvent event{.ticket = question.ticket, .scores = {}, .trust = 0};
    event.scores.assign(question.candidates.size(), 0);
    // The first question is about the children of the root, the last about the batch.
    const size_t expansion = question.ticket - 2;
    if (question.ticket > 1 && expansion < rewards.size()) event.scores[1] = rewards[expansion];
    return event;
  };
  return options;
}

// Two children of the root, X (expanded first) and Y; c = 1.41, at most two children. Random
// actions at depth 1, models below. The choice of every expansion, by hand:
//   1  X and Y are not visited: one at random, X.        X1 0.6   X: N 1, W 0.6
//   2  Y is not visited.                                 Y1 0.2   Y: N 1, W 0.2
//   3  X 0.6 + 1.41 sqrt(ln 2) = 1.774 > Y 1.374         X2 0.1   X: N 2, W 0.7
//   4  X 0.35 + 1.41 sqrt(ln 3 / 2) = 1.395 < Y 1.678    Y2 0.9   Y: N 2, W 1.1
//   5  X 1.524 < Y 0.55 + 1.41 sqrt(ln 4 / 2) = 1.724; Y is full:
//      Y1 0.2 + 1.41 sqrt(ln 2) = 1.374 < Y2 2.074       below Y2 0.4   Y: N 3, W 1.5; Y2: N 2,
//      W 1.3
//   6  X 0.35 + 1.41 sqrt(ln 5 / 2) = 1.615 > Y 0.5 + 1.41 sqrt(ln 5 / 3) = 1.533; X is full:
//      X1 1.774 > X2 1.274                               below X1 0     X: N 3, W 0.7; X1: N 2, W
//      0.6
//   7  X 0.2333 + 1.41 sqrt(ln 6 / 3) = 1.323 < Y 1.590; Y is full:
//      Y1 0.2 + 1.41 sqrt(ln 3) = 1.678 < Y2 0.65 + 1.41 sqrt(ln 3 / 2) = 1.695
//                                                        below Y2 0     Y: N 4, W 1.5; Y2: N 3,
//                                                        W 1.3
//   8  X 0.2333 + 1.41 sqrt(ln 7 / 3) = 1.369, Y 0.375 + 1.41 sqrt(ln 7 / 4) = 1.358: X;
//      X1 0.3 + 1.41 sqrt(ln 3 / 2) = 1.345 < X2 0.1 + 1.41 sqrt(ln 3) = 1.578
//                                                        below X2 0.3   X: N 4, W 1.0; X2: N 2, W
//                                                        0.4
TEST(GenerationSearchTest, ATreeComputedByHand) {
  for (const char* strategy : {"reasoning-plan", "colt-plan"}) {
    FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("large"));
    RunConfig config = Config(strategy, 1, 8);
    config.strategy.root_samples = 2;
    config.strategy.generations = 1;
    config.strategy.expansions = 8;
    config.strategy.trials_per_round = 1;
    Simulation run(config, {&large}, Rewarding({0.6, 0.2, 0.1, 0.9, 0.4, 0, 0, 0.3}));
    run.Run();
    const auto& search = dynamic_cast<const GenerationSearch&>(run.search());
    const Tree& tree = search.tree();
    ASSERT_EQ(tree.size(), 11u) << strategy
                                << ": an expansion failed, which the hand did not foresee";
    const NodeId x = tree.node(3).parent;  // nodes in the order in which they were made
    const NodeId y = 3 - x;
    const NodeId parents[] = {x, y, x, y, 6, 3, 6, 5};
    for (NodeId i = 0; i < 8; ++i) EXPECT_EQ(tree.node(3 + i).parent, parents[i]) << strategy << i;
    const struct {
      NodeId node;
      int64_t visits;
      double sum;
    } books[] = {{kRoot, 8, 2.5}, {x, 4, 1.0}, {y, 4, 1.5}, {3, 2, 0.6}, {4, 1, 0.2}, {5, 2, 0.4},
                 {6, 3, 1.3},     {7, 1, 0.4}, {8, 1, 0},   {9, 1, 0},   {10, 1, 0.3}};
    for (const auto& book : books) {
      EXPECT_EQ(search.stat(book.node).visits, book.visits) << strategy << " node " << book.node;
      EXPECT_NEAR(search.stat(book.node).value_sum, book.sum, 1e-12)
          << strategy << " " << book.node;
    }
    EXPECT_EQ(run.sent().size(), 4u) << "models are asked at depth 2 and below";
  }
}

// Scores that differ from the leaf's by given steps, in the order of the expansions.
SimulationOptions Stepping(std::vector<double> steps) {
  SimulationOptions options;
  auto scores = std::make_shared<std::map<uint64_t, double>>();
  options.score = [steps = std::move(steps), scores](const ScoreCandidates& question) {
    ScoresEvent event{.ticket = question.ticket, .scores = {}, .trust = 0};
    event.scores.assign(question.candidates.size(), 0.5);
    if (question.ticket == 1) {
      for (const Candidate& root : question.candidates) (*scores)[root.plan_hash] = 0.5;
    } else if (question.ticket - 2 < steps.size()) {
      const Candidate& child = question.candidates[0];
      Plan leaf = child.plan;
      do leaf.steps.pop_back();
      while (!scores->contains(PlanHash(leaf)));
      event.scores[0] = scores->at(PlanHash(leaf)) + steps[question.ticket - 2];
      (*scores)[child.plan_hash] = event.scores[0];
    }
    return event;
  };
  return options;
}

// One child of the root, labelled with the large model; it names the small one for whatever comes.
// The score of each child against its leaf's:
//   1  large +0.1    2  large +0.1   (the child of the root is full)
//   3  small -0.1    streak 1
//   4  small -0.1    streak 2: large redoes it, -0.2, which is worse: the small one's child stays
//   5  small +0.1    streak 0
//   6  small -0.1    streak 1
//   7  small -0.1    streak 2: large redoes it, +0.2: its child replaces the small one's
//   8  small -0.1    streak 3: none
TEST(GenerationSearchTest, CourseAlterationComputedByHand) {
  RunConfig config = Config("colt-plan", 1, 32);
  config.strategy.root_samples = 1;
  config.strategy.ask_depth = 1;
  config.strategy.generations = 1;
  config.strategy.expansions = 8;
  config.strategy.trials_per_round = 1;
  // A seed with which no reply repeats a program: those would become random actions.
  for (config.seed = 0; config.seed < 32; ++config.seed) {
    std::vector<double> regressions;
    FakeModel large(Info("large", ModelRole::kStrong, 100), [&](const ModelRequest& request) {
      if (request.review) {
        EXPECT_EQ(request.review->model, "small");
        regressions.push_back(request.review->child.score - request.review->parent.score);
      }
      return Advising("small")(request);
    });
    FakeModel small(Info("small", ModelRole::kLight, 5), Advising("small"));
    Simulation run(config, {&large, &small},
                   Stepping({0.1, 0.1, -0.1, -0.1, -0.2, 0.1, -0.1, -0.1, 0.2, -0.1}));
    run.Run();
    std::vector<std::string> makers;
    for (const Row& row : run.search().TakeRows()) {
      if (const auto* node = std::get_if<NodeRecord>(&row)) makers.push_back(node->origin);
    }
    if (std::count(makers.begin(), makers.end(), "random") > 0) continue;
    std::vector<std::string> asked;
    for (const SendCall& call : run.sent()) {
      asked.push_back(call.request->model + (call.request->review ? " again" : ""));
    }
    EXPECT_THAT(asked, testing::ElementsAre("large", "large", "small", "small", "large again",
                                            "small", "small", "small", "large again", "small"));
    EXPECT_THAT(regressions, testing::ElementsAre(testing::DoubleNear(-0.1, 1e-12),
                                                  testing::DoubleNear(-0.1, 1e-12)));
    EXPECT_THAT(makers, testing::ElementsAre("root", "sample", "large", "large", "small", "small",
                                             "small", "small", "large", "small"));
    EXPECT_EQ(dynamic_cast<const GenerationSearch&>(run.search()).streak(), 3);
    const SearchResult result = run.search().Summary();
    EXPECT_EQ(result.models.at("large").alterations, 2);
    EXPECT_EQ(result.models.at("small").calls, 6);
    return;
  }
  FAIL() << "every seed repeats a program";
}

// Our option: what was measured at and below a node instead of predictions.
TEST(GenerationSearchTest, WithMeasuredRewardsSpeedLeadsTheSearch) {
  FakeModel large(Info("large", ModelRole::kStrong, 100), Advising("large"));
  RunConfig config = Config("colt-plan", 24, 3);
  config.strategy.reward = "measured";
  SimulationOptions slow;
  slow.measure = [](const SubmitTrial& trial) {
    TrialOutcome outcome = MeasureFake(trial);
    for (double& sample : outcome.samples_ms) sample = 3 + static_cast<double>(trial.trial_id);
    return outcome;
  };
  Simulation a(config, {&large});
  Simulation b(config, {&large}, slow);
  a.Run();
  b.Run();
  const auto plans = [](const Simulation& run) {
    std::vector<uint64_t> hashes;
    for (const SubmitTrial& trial : run.submitted()) hashes.push_back(trial.candidate.plan_hash);
    return hashes;
  };
  EXPECT_NE(plans(a), plans(b)) << "other speeds lead elsewhere";
  const auto& search = dynamic_cast<const GenerationSearch&>(a.search());
  int64_t measured = 0;
  double sum = 0;
  for (size_t i = 1; i < search.tree().size(); ++i) {
    const Node& node = search.tree().node(static_cast<NodeId>(i));
    if (node.state != NodeState::kMeasured) continue;
    ++measured;
    sum += node.log_speedup;
  }
  EXPECT_EQ(search.stat(kRoot).measured, measured);
  EXPECT_NEAR(search.stat(kRoot).measured_sum, sum, 1e-9);
  EXPECT_EQ(search.stat(kRoot).value_sum, 0);
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
