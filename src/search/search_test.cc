#include "search/search.h"
#include "search/puct_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "search/strategy.h"
#include "search/testing/fake_model.h"
#include "search/testing/simulation.h"

namespace banyan {
namespace {

struct Pool {
  FakeModel strong{"strong", ModelRole::kStrong, ProposeTiles};
  FakeModel light{"light", ModelRole::kLight, ProposeSteps};
  std::vector<Model*> all() { return {&strong, &light}; }
};

TEST(SearchTest, SpendsItsTrialsAndNamesAWinner) {
  Pool pool;
  Simulation run(TestConfig(), pool.all());
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_TRUE(run.search().stopped());
  EXPECT_EQ(result.stop_reason, "trials spent");
  EXPECT_EQ(result.trials, 32);
  EXPECT_LE(result.calls, 8);
  EXPECT_GE(result.calls, 1);
  EXPECT_LT(result.best_latency_ms, result.default_latency_ms);
  EXPECT_GT(result.best_trial_id, 0u);
  EXPECT_FALSE(result.best_plan.steps.empty());
}

TEST(SearchTest, ReplayOfTheEventsGivesTheSameTree) {
  Pool pool;
  for (const uint64_t seed : {0, 1, 2}) {
    Simulation run(TestConfig(24, 6, seed), pool.all());
    run.Run();
    Simulation replay(TestConfig(24, 6, seed), pool.all());
    for (const Event& event : run.events()) (void)replay.search().Advance(event);
    EXPECT_EQ(run.search().DumpTree(), replay.search().DumpTree());
  }
}

TEST(SearchTest, AnotherSeedSearchesElsewhere) {
  Pool pool;
  Simulation a(TestConfig(24, 6, 0), pool.all());
  a.Run();
  Simulation b(TestConfig(24, 6, 1), pool.all());
  b.Run();
  EXPECT_NE(a.search().DumpTree(), b.search().DumpTree());
}

TEST(SearchTest, ASlowModelDoesNotHoldTheTrialsUp) {
  Pool pool;
  const RunConfig config = TestConfig(32, 4, 0);
  Simulation fast(config, pool.all(), {.trial_s = 0.5, .call_s = 0.001});
  fast.Run();
  Simulation slow(config, pool.all(), {.trial_s = 0.5, .call_s = 4});
  slow.Run();
  EXPECT_EQ(slow.search().Summary().trials, 32);
  EXPECT_LT(slow.now_s(), 1.25 * fast.now_s());
  // Before the first reply no more than the share that may be spent blindly.
  size_t blind = 0;
  for (const Event& event : slow.events()) {
    if (std::holds_alternative<ReplyEvent>(event.body)) break;
    blind += std::holds_alternative<OutcomeEvent>(event.body) ? 1 : 0;
  }
  EXPECT_GT(blind, 0U);
  EXPECT_LE(blind, 25U);
}

// Origins of the nodes measured before the first reply.
std::set<std::string> MeasuredBlind(const std::string& while_waiting) {
  Pool pool;
  RunConfig config = TestConfig(32, 4, 0);
  config.strategy.while_waiting = while_waiting;
  Simulation run(config, pool.all(), {.trial_s = 0.5, .call_s = 8});
  run.Run();
  EXPECT_EQ(run.search().Summary().trials, 32);
  std::set<uint64_t> measured;
  for (const Event& event : run.events()) {
    if (std::holds_alternative<ReplyEvent>(event.body)) break;
    if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body))
      measured.insert(outcome->outcome.trial_id);
  }
  std::map<int64_t, std::string> origins;
  std::set<std::string> blind;
  for (const Row& row : run.search().TakeRows()) {
    if (const auto* node = std::get_if<NodeRecord>(&row)) origins[node->node_id] = node->origin;
    if (const auto* trial = std::get_if<TrialRecord>(&row);
        trial && measured.contains(trial->trial_id))
      blind.insert(origins[trial->node_id]);
  }
  return blind;
}

TEST(SearchTest, WhileTheFirstReplyIsAwaitedTheTrialsGoWhereTheConfigurationSays) {
  const std::set<std::string> tilings = MeasuredBlind("tilings");
  EXPECT_TRUE(tilings.contains("tiling"));
  EXPECT_FALSE(tilings.contains("sample"));
  const std::set<std::string> samples = MeasuredBlind("samples");
  EXPECT_TRUE(samples.contains("sample"));
  EXPECT_FALSE(samples.contains("tiling"));
  EXPECT_TRUE(MeasuredBlind("nothing").empty());
}

TEST(SearchTest, AVerySlowModelIsWaitedForWithTheRestOfTheTrials) {
  Pool pool;
  Simulation run(TestConfig(32, 4, 0), pool.all(), {.trial_s = 0.1, .call_s = 500});
  run.Run();
  EXPECT_EQ(run.search().Summary().trials, 32);
  EXPECT_GE(run.search().Summary().calls, 1);
  int64_t accepted = 0;
  for (const auto& [name, use] : run.search().Summary().models) accepted += use.accepted;
  EXPECT_GT(accepted, 0);
}

TEST(SearchTest, TheDumpIsTheGoldenOne) {
  Pool pool;
  Simulation run(TestConfig(12, 3, 7), pool.all());
  run.Run();
  const std::string path = std::string(BANYAN_SOURCE_DIR) + "/src/search/testdata/tree.txt";
  if (std::getenv("BANYAN_UPDATE_GOLDENS") != nullptr) {
    std::ofstream(path) << run.search().DumpTree();
  }
  // Line by line, so that a difference is shown and not two whole trees.
  std::ifstream golden(path);
  std::istringstream dump(run.search().DumpTree());
  std::string expected;
  std::string line;
  for (int number = 1; std::getline(dump, line); ++number) {
    ASSERT_TRUE(std::getline(golden, expected)) << path << " ends before line " << number;
    ASSERT_EQ(line, expected) << path << ":" << number
                              << ": renew with BANYAN_UPDATE_GOLDENS=1 if the change is meant";
  }
  EXPECT_FALSE(std::getline(golden, expected)) << path << " is longer than the dump";
}

// A run killed after any event ends with the same budgets; in-flight trials come again under their
// ids.
TEST(SearchTest, ResumesAfterEveryEvent) {
  Pool pool;
  const RunConfig config = TestConfig(12, 3, 3);
  Simulation whole(config, pool.all());
  whole.Run();
  std::map<uint64_t, uint64_t> program_of_trial;
  for (const SubmitTrial& trial : whole.submitted()) {
    program_of_trial[trial.trial_id] = trial.candidate.program_hash;
  }
  for (size_t cut = 1; cut <= whole.events().size(); ++cut) {
    Simulation before(config, pool.all());
    before.Run(cut);
    std::set<uint64_t> unfinished;
    for (const SubmitTrial& trial : before.submitted()) unfinished.insert(trial.trial_id);
    std::set<uint64_t> finished;
    for (const Event& event : before.events()) {
      if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
        finished.insert(outcome->outcome.trial_id);
        unfinished.erase(outcome->outcome.trial_id);
      }
    }
    Simulation after(config, pool.all());
    after.Resume(before.events());
    const SearchResult result = after.search().Summary();
    EXPECT_EQ(result.trials, 12);
    EXPECT_LE(result.calls, 3);
    EXPECT_TRUE(result.failed_trials.empty());
    for (const SubmitTrial& trial : after.submitted()) {
      EXPECT_FALSE(finished.contains(trial.trial_id));
      if (unfinished.erase(trial.trial_id) > 0) {
        EXPECT_EQ(trial.candidate.program_hash, program_of_trial.at(trial.trial_id));
      }
      finished.insert(trial.trial_id);
    }
    EXPECT_TRUE(unfinished.empty());
    EXPECT_EQ(finished.size(), 12u);
    // The resumed run's own journal replays as well.
    Simulation replay(config, pool.all());
    for (const Event& event : after.events()) (void)replay.search().Advance(event);
    EXPECT_EQ(replay.search().DumpTree(), after.search().DumpTree());
  }
}

// Selection as a textbook would write it, from the tree alone: all ways down, by the formula.
std::optional<Path> ReferenceChoice(const PuctSearch& search, const StrategyConfig& strategy,
                                    NodeId id, bool widen) {
  const Tree& tree = search.tree();
  const Node& node = tree.node(id);
  double priors = 0;
  double tried = 0;
  for (const Edge& edge : node.edges) {
    priors += edge.prior;
    tried += tree.node(edge.child).state == NodeState::kUnmeasured ? 0 : 1;
  }
  const auto total = static_cast<double>(node.visits + node.in_flight);
  const double limit = std::max(
      1.0, std::floor(strategy.widening_k * std::pow(std::max(1.0, total), strategy.widening_a)));
  std::map<double, std::vector<NodeId>, std::greater<>> by_score;
  for (const Edge& edge : node.edges) {
    const Node& child = tree.node(edge.child);
    const auto n = static_cast<double>(edge.visits);
    const auto v = static_cast<double>(edge.in_flight);
    double q = 0;
    if (child.state == NodeState::kUnmeasured && (!widen || tried < limit)) {
      q = search.UnmeasuredValue(edge.child, edge.prior);
    } else if (child.state == NodeState::kMeasured) {
      const double mean = search.range().Normalise(child.value.sum / child.value.measured) *
                          child.value.measured / (child.value.measured + child.value.failed);
      const double best = search.range().Normalise(child.value.best);
      q = strategy.backup == "max"    ? best
          : strategy.backup == "mean" ? mean
                                      : 0.8 * best + 0.2 * mean;
    } else {
      continue;
    }
    if (n > 0) q = q * n / (n + strategy.virtual_loss * v);
    const double u =
        strategy.puct_c * edge.prior / priors * std::sqrt(std::max(1.0, total)) / (1 + n + v);
    by_score[q + u].push_back(edge.child);
  }
  for (const auto& [score, children] : by_score) {
    for (const NodeId child : children) {
      Path path = {id};
      if (tree.node(child).state == NodeState::kUnmeasured) {
        path.push_back(child);
        return path;
      }
      if (const auto below = ReferenceChoice(search, strategy, child, widen)) {
        path.insert(path.end(), below->begin(), below->end());
        return path;
      }
    }
  }
  return std::nullopt;
}

TEST(SearchTest, SelectsAsTheReferenceDoes) {
  FakeModel steps("steps", ModelRole::kStrong, ProposeSteps);  // appends to leaves: a deep tree
  FakeModel tiles("tiles", ModelRole::kStrong, ProposeTiles);
  int compared = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    RunConfig config = TestConfig(40, 12, seed);
    config.strategy.mutation = false;
    config.strategy.crossover = false;
    config.strategy.routing = "round_robin";
    config.strategy.backup = seed % 3 == 0 ? "max" : seed % 3 == 1 ? "mean" : "mixed";
    config.strategy.virtual_loss = seed % 2 == 0 ? 1 : 0.1;
    SimulationOptions options;
    options.measure = [](const SubmitTrial& trial) {
      return trial.trial_id % 5 == 0 ? FailedTrial(trial.trial_id, FailureKind::kRunCrash, "")
                                     : MeasureFake(trial);
    };
    Simulation run(config, {&steps, &tiles}, options);
    for (size_t events = 1; events < 60 && !run.search().stopped(); ++events) {
      run.Run(events);
      // From here on no model can be asked, and random chains start at the root as well.
      if (run.sent().size() >= 12 || run.submitted().size() >= 40) break;
      const auto& search = dynamic_cast<const PuctSearch&>(run.search());
      auto expected = ReferenceChoice(search, config.strategy, kRoot, true);
      if (!expected) expected = ReferenceChoice(search, config.strategy, kRoot, false);
      EXPECT_EQ(search.NextPath(), expected) << "after event " << events;
      compared += expected ? 1 : 0;
    }
  }
  EXPECT_GT(compared, 60);
}

TEST(SearchTest, BudgetsAreNeverOvershot) {
  Pool pool;
  Rng rng(0, "budgets");
  for (int round = 0; round < 12; ++round) {
    const auto trials = static_cast<int64_t>(rng.Below(20));
    const auto calls = static_cast<int64_t>(rng.Below(6));
    SimulationOptions options;
    options.timing_seed = rng.Next();
    Simulation run(TestConfig(trials, calls, rng.Next()), pool.all(), options);
    run.Run();
    EXPECT_EQ(static_cast<int64_t>(run.submitted().size()), trials);
    EXPECT_LE(static_cast<int64_t>(run.sent().size()), calls);
    EXPECT_TRUE(run.search().stopped());
  }
}

TEST(SearchTest, TimingActsThroughEventsOnly) {
  Pool pool;
  std::set<std::string> dumps;
  for (uint64_t timing_seed = 0; timing_seed < 4; ++timing_seed) {
    SimulationOptions options;
    options.timing_seed = timing_seed;
    Simulation run(TestConfig(16, 4), pool.all(), options);
    run.Run();
    dumps.insert(run.search().DumpTree());
    // Other wall times at the same events leave the same tree.
    Simulation replay(TestConfig(16, 4), pool.all());
    for (Event event : run.events()) {
      event.elapsed_s *= 3;
      (void)replay.search().Advance(event);
    }
    EXPECT_EQ(run.search().DumpTree(), replay.search().DumpTree());
  }
  EXPECT_GT(dumps.size(), 1u);
}

TEST(SearchTest, ProgramsOfTheTreeAreDistinctAndLegal) {
  Pool pool;
  Simulation run(TestConfig(48, 6, 5), pool.all());
  run.Run();
  const auto compiler = MakeFakeCompiler();
  std::set<uint64_t> programs;
  std::map<std::string, int> origins;
  const Tree& tree = run.search().tree();
  for (size_t i = 0; i < tree.size(); ++i) {
    const Node& node = tree.node(static_cast<NodeId>(i));
    EXPECT_TRUE(programs.insert(node.program_hash).second);
    const auto candidate = compiler->Apply(tree.PlanOf(static_cast<NodeId>(i)));
    ASSERT_TRUE(candidate.ok()) << candidate.error().message;
    EXPECT_EQ(candidate->program_hash, node.program_hash);
    EXPECT_EQ(node.in_flight, 0);
  }
  for (const Row& row : run.search().TakeRows()) {
    if (const auto* node = std::get_if<NodeRecord>(&row)) ++origins[node->origin];
  }
  EXPECT_GT(origins["strong"], 0);
  EXPECT_GT(origins["mutation"], 3);
}

TEST(SearchTest, WithoutTranspositionsAProgramIsStillMeasuredOnce) {
  Pool pool;
  RunConfig config = TestConfig(24, 8, 2);
  config.strategy.transpositions = false;
  Simulation run(config, pool.all());  // checks that no program is submitted twice
  run.Run();
  EXPECT_EQ(run.search().Summary().trials, 24);
}

TEST(SearchTest, AllPartsCanBeSwitched) {
  Pool pool;
  for (const char* routing : {"round_robin", "strongest", "none", "thompson"}) {
    for (const char* backup : {"max", "mean", "mixed"}) {
      for (const bool moves : {true, false}) {
        RunConfig config = TestConfig(12, 4);
        config.strategy.routing = routing;
        config.strategy.backup = backup;
        config.strategy.mutation = moves;
        config.strategy.crossover = !moves;
        config.strategy.selection = moves ? "puct" : "uniform";
        Simulation run(config, pool.all());
        run.Run();
        EXPECT_TRUE(run.search().stopped());
        EXPECT_LE(run.search().Summary().trials, 12);
        if (std::string(routing) == "none") {
          EXPECT_EQ(run.sent().size(), 0u);
        }
      }
    }
  }
}

TEST(SearchTest, NoModelAtAllSamplesAndRefines) {
  Simulation run(TestConfig(16, 8), {});
  run.Run();
  EXPECT_EQ(run.search().Summary().trials, 16);
  EXPECT_EQ(run.search().Summary().calls, 0);
}

TEST(SearchTest, FailuresReachTheNextRequestOfTheBranch) {
  FakeModel nonsense("nonsense", ModelRole::kStrong, ProposeNonsense);
  Simulation run(TestConfig(8, 4), {&nonsense});
  run.Run();
  ASSERT_GE(run.sent().size(), 2u);
  const auto& failures = run.sent()[1].request->failures;
  ASSERT_FALSE(failures.empty());
  bool named = false;
  for (const std::string& failure : failures) {
    named = named || failure.find("nowhere") != std::string::npos;
    EXPECT_EQ(failure.find('\n'), std::string::npos);
  }
  EXPECT_TRUE(named);
}

TEST(SearchTest, AFailedTrialIsNeverANumberAndNeverWins) {
  Pool pool;
  SimulationOptions options;
  options.measure = [](const SubmitTrial& trial) {
    if (trial.trial_id % 3 != 0) return MeasureFake(trial);
    return FailedTrial(trial.trial_id, FailureKind::kWrongResult, "an output differs");
  };
  Simulation run(TestConfig(24, 6), pool.all(), options);
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_EQ(result.failed_trials.at("wrong_result"), 8);
  EXPECT_NE(result.best_trial_id % 3, 0u);
  const Tree& tree = run.search().tree();
  for (size_t i = 0; i < tree.size(); ++i) {
    const Node& node = tree.node(static_cast<NodeId>(i));
    if (node.state == NodeState::kFailed) {
      EXPECT_EQ(node.value.failed, node.value.total());
    }
  }
}

TEST(SearchTest, TheUnknownDefaultIsNoNumberEither) {
  Pool pool;
  Simulation run(TestConfig(8, 2), pool.all());
  ReferenceEvent reference;
  reference.reference.default_latency_ms = NAN;
  reference.reference.stand_in = true;
  reference.budget = TestConfig(8, 2).budget;
  run.Read(reference);
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_TRUE(std::isnan(result.default_latency_ms));
  EXPECT_GT(result.best_latency_ms, 0);
  EXPECT_EQ(result.trials, 8);
}

TEST(SearchTest, FinalsDecideAndTheUnscheduledProgramMayWin) {
  Pool pool;
  SimulationOptions options;
  bool finals = false;
  options.measure = [&finals](const SubmitTrial& trial) {
    TrialOutcome outcome = MeasureFake(trial);
    // In the finals everything but the unscheduled program (trial 0) turns out slow.
    if (finals) outcome.samples_ms = {trial.trial_id == 0 ? 9.0 : 12.0};
    if (!finals) outcome.samples_ms = {9.9};
    return outcome;
  };
  Simulation run(TestConfig(6, 2), pool.all(), options);
  while (!run.finals()) run.Run(run.events().size() + 1);
  finals = true;
  run.Run();
  const SearchResult result = run.search().Summary();
  EXPECT_EQ(result.best_trial_id, 0u);
  EXPECT_EQ(result.best_latency_ms, 9.0);
  EXPECT_TRUE(result.best_plan.steps.empty());
}

TEST(SearchTest, AFinishedRunGoesOnUnderALargerBudget) {
  Pool pool;
  Simulation small(TestConfig(8, 2, 4), pool.all());
  small.Run();
  // The configuration carries the new budget; the history is replayed under its own.
  Simulation large(TestConfig(20, 4, 4), pool.all());
  large.Resume(small.events());
  EXPECT_EQ(large.search().Summary().trials, 20);
  EXPECT_EQ(large.submitted().size(), 12u);
  EXPECT_EQ(large.submitted().front().trial_id, 9u);
  EXPECT_LE(large.search().Summary().best_latency_ms, small.search().Summary().best_latency_ms);
  // Without more budget there is nothing to do.
  Simulation same(TestConfig(8, 2, 4), pool.all());
  for (const Event& event : small.events()) (void)same.search().Advance(event);
  EXPECT_TRUE(same.search().Over(TestConfig(8, 2, 4).budget));
  EXPECT_FALSE(same.search().Over(TestConfig(8, 3, 4).budget));
}

TEST(SearchTest, ACallInFlightAtAKillStaysCharged) {
  FakeModel remote("remote", ModelRole::kStrong, ProposeTiles);  // not a built-in: not repeatable
  FakeModel expert("builtin:expert", ModelRole::kStrong, ProposeTiles);
  for (Model* model : std::vector<Model*>{&remote, &expert}) {
    Simulation before(TestConfig(8, 2), {model});
    before.Run(1);  // the reference; the first call is in flight
    ASSERT_EQ(before.sent().size(), 1u);
    Simulation after(TestConfig(8, 2), {model});
    after.Resume(before.events());
    const SearchResult result = after.search().Summary();
    EXPECT_LE(result.calls, 2);
    if (model == &expert) {
      ASSERT_FALSE(after.sent().empty());
      EXPECT_EQ(after.sent()[0].call_id, 1u);
      EXPECT_EQ(after.sent()[0].request->seed, before.sent()[0].request->seed);
      EXPECT_EQ(result.models.at("builtin:expert").errors, 0);
    } else {
      for (const SendCall& call : after.sent()) EXPECT_GT(call.call_id, 1u);
      EXPECT_EQ(result.models.at("remote").errors, 1);
    }
  }
}

TEST(SearchTest, BeatsRandomOnAverage) {
  Pool pool;
  double log_ratio = 0;
  int wins = 0;
  constexpr int kSeeds = 10;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Simulation banyan(TestConfig(32, 8, static_cast<uint64_t>(seed)), pool.all());
    banyan.Run();
    RunConfig config = TestConfig(32, 8, static_cast<uint64_t>(seed));
    config.strategy = *FindStrategy("random");
    Simulation random(config, {});
    random.Run();
    const double ours = banyan.search().Summary().best_latency_ms;
    const double theirs = random.search().Summary().best_latency_ms;
    log_ratio += std::log(theirs / ours);
    wins += ours < theirs ? 1 : 0;
  }
  EXPECT_GT(log_ratio / kSeeds, std::log(1.3));
  EXPECT_GE(wins, 8);
}

}  // namespace
}  // namespace banyan
