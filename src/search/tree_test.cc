#include "search/tree.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/rng.h"
#include "search/selection.h"

namespace banyan {
namespace {

Plan PlanOfNumbers(const std::vector<int>& numbers) {
  Plan plan;
  for (const int number : numbers) plan.steps.push_back({"step", {{"n", number}}});
  return plan;
}

// The search tree as a textbook would write it: every backed-up path is kept, and every number is
// computed from scratch by recursion.
struct ReferenceTree {
  std::vector<Path> paths;
  std::map<NodeId, std::vector<NodeId>> children;
  std::map<NodeId, double> measured;
  std::set<NodeId> failed;

  int64_t Visits(NodeId parent, NodeId child) const {
    int64_t visits = 0;
    for (const Path& path : paths) {
      for (size_t i = 1; i < path.size(); ++i) {
        if (path[i - 1] == parent && path[i] == child) ++visits;
      }
    }
    return visits;
  }
  int64_t Visits(NodeId id) const {
    int64_t visits = measured.contains(id) || failed.contains(id) ? 1 : 0;
    if (const auto it = children.find(id); it != children.end()) {
      for (const NodeId child : it->second) visits += Visits(id, child);
    }
    return visits;
  }
  double Best(NodeId id) const {
    double best = measured.contains(id) ? measured.at(id) : -INFINITY;
    if (const auto it = children.find(id); it != children.end()) {
      for (const NodeId child : it->second) {
        if (Visits(id, child) > 0) best = std::max(best, Best(child));
      }
    }
    return best;
  }
  // Own result once, each child's mean as often as its edge was visited: sum, measured, failed.
  std::array<double, 3> Mean(NodeId id) const {
    std::array<double, 3> total = {0, 0, 0};
    if (measured.contains(id)) total = {measured.at(id), 1, 0};
    if (failed.contains(id)) total = {0, 0, 1};
    if (const auto it = children.find(id); it != children.end()) {
      for (const NodeId child : it->second) {
        const auto below = Mean(child);
        const double count = below[1] + below[2];
        if (count == 0) continue;
        const double weight = static_cast<double>(Visits(id, child)) / count;
        for (size_t i = 0; i < 3; ++i) total[i] += weight * below[i];
      }
    }
    return total;
  }
};

TEST(TreeTest, AgreesWithTheReferenceOnRandomGraphs) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed, "tree test");
    Tree tree(0, 0);
    tree.SetRootValue(0, true);
    ReferenceTree reference;
    reference.measured[kRoot] = 0;
    for (int step = 0; step < 60; ++step) {
      const auto parent = static_cast<NodeId>(rng.Below(tree.size()));
      if (rng.Chance(0.25)) {  // a second way to a node
        const auto child = static_cast<NodeId>(rng.Below(tree.size()));
        if (tree.Link(parent, child, 0.5)) reference.children[parent].push_back(child);
        continue;
      }
      const auto hash = 1000 + static_cast<uint64_t>(step);
      const NodeId child = tree.Add(parent, PlanOfNumbers({step}), hash, hash, rng.Uniform());
      reference.children[parent].push_back(child);
      if (rng.Chance(0.2)) {
        tree.SetState(child, NodeState::kFailed);
        reference.failed.insert(child);
      } else {
        const double value = rng.Normal();
        tree.SetMeasured(child, value);
        reference.measured[child] = value;
      }
      // A random way down to the child.
      Path path = {child};
      while (path.front() != kRoot) {
        path.insert(path.begin(), rng.Pick(tree.Parents(path.front())));
      }
      tree.Backup(path);
      reference.paths.push_back(path);
    }
    for (size_t i = 0; i < tree.size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      const Node& node = tree.node(id);
      EXPECT_EQ(node.visits, reference.Visits(id));
      EXPECT_DOUBLE_EQ(node.value.best, reference.Best(id));
      const auto mean = reference.Mean(id);
      EXPECT_NEAR(node.value.sum, mean[0], 1e-9 * (1 + std::abs(mean[0])));
      EXPECT_NEAR(node.value.measured, mean[1], 1e-9 * (1 + mean[1]));
      EXPECT_NEAR(node.value.failed, mean[2], 1e-9 * (1 + mean[2]));
      for (const Edge& edge : node.edges) {
        EXPECT_EQ(edge.visits, reference.Visits(id, edge.child));
      }
    }
  }
}

TEST(TreeTest, PlansAreDeltasOfTheirParents) {
  Tree tree(PlanHash(Plan()), 1);
  const Plan base = PlanOfNumbers({1, 2, 3});
  const NodeId a = tree.Add(kRoot, base, PlanHash(base), 2, 1);
  const Plan longer = PlanOfNumbers({1, 2, 3, 4});
  const NodeId b = tree.Add(a, longer, PlanHash(longer), 3, 1);
  const Plan revised = PlanOfNumbers({1, 9, 3, 4});
  const NodeId c = tree.Add(b, revised, PlanHash(revised), 4, 1);
  EXPECT_EQ(tree.PlanOf(a), base);
  EXPECT_EQ(tree.PlanOf(b), longer);
  EXPECT_EQ(tree.PlanOf(c), revised);
  EXPECT_EQ(tree.Delta(b).size(), 1u);
  EXPECT_EQ(tree.node(c).keep_steps, 1u);
  EXPECT_EQ(tree.PathTo(c), (Path{kRoot, a, b, c}));
}

TEST(TreeTest, FindsTheDeepestPrefix) {
  Tree tree(PlanHash(Plan()), 1);
  const Plan one = PlanOfNumbers({1});
  const Plan two = PlanOfNumbers({1, 2});
  const NodeId a = tree.Add(kRoot, one, PlanHash(one), 2, 1);
  const NodeId b = tree.Add(a, two, PlanHash(two), 3, 1);
  EXPECT_EQ(tree.DeepestPrefix(PlanOfNumbers({1, 2, 3, 4})), b);
  EXPECT_EQ(tree.DeepestPrefix(PlanOfNumbers({1, 3})), a);
  EXPECT_EQ(tree.DeepestPrefix(PlanOfNumbers({1, 2})), a);
  EXPECT_EQ(tree.DeepestPrefix(PlanOfNumbers({7})), kRoot);
}

TEST(TreeTest, RefusesCyclesAndDoubleEdges) {
  Tree tree(0, 0);
  const NodeId a = tree.Add(kRoot, PlanOfNumbers({1}), 1, 1, 1);
  const NodeId b = tree.Add(a, PlanOfNumbers({1, 2}), 2, 2, 1);
  EXPECT_FALSE(tree.Link(b, a, 1));
  EXPECT_FALSE(tree.Link(b, kRoot, 1));
  EXPECT_FALSE(tree.Link(a, a, 1));
  EXPECT_FALSE(tree.Link(a, b, 1));
  EXPECT_TRUE(tree.Link(kRoot, b, 1));
  EXPECT_FALSE(tree.Link(kRoot, b, 1));
  EXPECT_EQ(tree.Parents(b), (std::vector<NodeId>{a, kRoot}));
}

TEST(TreeTest, ReservationsAreUndone) {
  Tree tree(0, 0);
  const NodeId a = tree.Add(kRoot, PlanOfNumbers({1}), 1, 1, 1);
  const NodeId b = tree.Add(a, PlanOfNumbers({1, 2}), 2, 2, 1);
  tree.Reserve({kRoot, a, b});
  tree.Reserve({kRoot, a});
  EXPECT_EQ(tree.node(kRoot).in_flight, 2);
  EXPECT_EQ(tree.node(a).edges[0].in_flight, 1);
  tree.Release({kRoot, a, b});
  tree.Release({kRoot, a});
  EXPECT_EQ(tree.node(kRoot).in_flight, 0);
  EXPECT_EQ(tree.node(a).in_flight, 0);
}

TEST(SelectionTest, NormalisesBetweenTheFloorAndTheBest) {
  const ValueRange range = ValueRange::Of({4, 0, 2, 1, 3}, 0.5);
  EXPECT_EQ(range.Normalise(4), 1);
  EXPECT_EQ(range.Normalise(5), 1);
  EXPECT_EQ(range.Normalise(3), 0.5);
  EXPECT_EQ(range.Normalise(2), 0);
  EXPECT_EQ(range.Normalise(-7), 0);
  EXPECT_EQ(ValueRange::Of({2}, 0.5).Normalise(2), 1);
  EXPECT_EQ(ValueRange::Of({2, 2}, 0.5).Normalise(1), 0);
}

TEST(SelectionTest, AFailureIsTheWorstNeverANumber) {
  const ValueRange range = ValueRange::Of({0, 1}, 0);
  const Value failed{.failed = 3};
  EXPECT_EQ(BackedUpValue(failed, range, 0, 0.7), 0);
  EXPECT_EQ(BackedUpValue(failed, range, 1, 0.7), 0);
  EXPECT_EQ(BackedUpValue(Value{}, range, 1, 0.7), 0.7);
  const Value mixed{.best = 1, .sum = 1, .measured = 1, .failed = 1};
  EXPECT_EQ(BackedUpValue(mixed, range, 0, 0), 1);
  EXPECT_EQ(BackedUpValue(mixed, range, 1, 0), 0.5);
  EXPECT_EQ(BackedUpValue(mixed, range, 0.5, 0), 0.75);
}

TEST(SelectionTest, VirtualLossLowersAScore) {
  const Arm idle{.value = 0.8, .prior = 0.5, .visits = 4};
  Arm busy = idle;
  busy.in_flight = 2;
  EXPECT_GT(PuctScore(idle, 10, 1, 1), PuctScore(busy, 10, 1, 1));
  EXPECT_GT(PuctScore(busy, 10, 1, 0.1), PuctScore(busy, 10, 1, 1));
  // (4 * 0.8) / (4 + 2) + 1 * 0.5 * sqrt(9) / (1 + 6)
  EXPECT_DOUBLE_EQ(PuctScore(busy, 9, 1, 1), 0.8 * 4 / 6 + 0.5 * 3 / 7);
  EXPECT_DOUBLE_EQ(PuctScore(busy, 9, 1, 0), 0.8 + 0.5 * 3 / 7);
}

TEST(SelectionTest, WideningGrowsWithVisits) {
  EXPECT_EQ(WideningLimit(0, 3, 0.6), 3);
  EXPECT_EQ(WideningLimit(16, 2, 0.5), 8);
  EXPECT_EQ(WideningLimit(100, 0.001, 0.5), 1);
}

}  // namespace
}  // namespace banyan
