#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "search/actions.h"
#include "search/search.h"
#include "search/selection.h"

namespace banyan {

// StrategyConfig::loop = generations: the published methods (Reasoning Compiler, arXiv 2506.01374;
// LiteCoOp/COLT, arXiv 2602.01935) as their code does it; docs/baselines.md. Rounds of expansions
// by UCT on predicted values, each by a model's sequence of actions or a random one and worth the
// prediction at the end of a random rollout; then the batch that is predicted best is measured.
// Measured latency enters the tree only with reward = measured, which is ours.
class GenerationSearch final : public Search {
 public:
  GenerationSearch(RunConfig config, std::vector<ModelInfo> pool, Compiler* compiler,
                   LimitsFunction limits);

  // The books of one node, apart from the tree's measured ones.
  struct Stat {
    int64_t visits = 0;
    double value_sum = 0;     // of predicted rewards
    double measured_sum = 0;  // of log-speedups measured at or below, for reward = measured
    int64_t measured = 0;
    int depth = 0;
    int failures = 0;  // expansions in a row
    bool terminal = false;
    size_t model = 0;           // that is to expand it
    double score = kNoLatency;  // predicted; NaN: not asked
  };
  const Stat& stat(NodeId id) const { return stats_[static_cast<size_t>(id)]; }

  // (1-l) W/N + l phi + c sqrt(ln N_parent / N), `mean` being W/N; infinity if N = 0.
  static double Score(double mean, int64_t visits, int64_t parent_visits, double phi,
                      double phi_weight, double c);
  // Where the next expansion would be if none is random; nullopt: every node is terminal.
  std::optional<Path> Select(Rng& rng) const;
  int64_t streak() const { return streak_; }

 private:
  enum class Stage { kRoots, kRootScores, kGrow, kReply, kScores, kBatchScores, kMeasure };

  // A child that is being made.
  struct Expansion {
    Path path;  // ends at the leaf
    Candidate child;
    size_t next_model = 0;
    int model = -1;  // that made it; -1: a random action
    uint64_t call_id = 0;
    std::string reason = {};
    ModelReply reply = {};  // kept for a review
    double score = kNoLatency;
    double reward = 0;
  };

  Status Begin() override;
  std::optional<Action> NextWork() override;
  void OnReplied(Call& call) override;
  void OnSettled(const Trial& trial) override;
  void OnLearned(NodeId, double) override {}
  void OnScores(const ScoresEvent& event) override;
  double ScoreOf(NodeId id) const override { return stat(id).score; }
  void FillRequest(const Call& call, ModelRequest* request) override;
  int64_t Hits(size_t model) const override { return records_[model].hits; }
  std::string DumpNode(NodeId id) const override;
  std::string DumpLoop() const override;

  ScoreCandidates MakeRoots();
  std::optional<Action> Grow();
  std::optional<Action> Measure();
  bool SelectBelow(NodeId id, Rng& rng, Path* path) const;
  int ModelFor(NodeId leaf) const;
  bool Known(const Candidate& candidate) const {
    return tree_->FindProgram(candidate.program_hash) != kNoNode;
  }
  // The mean reward of what was expanded at and below a node, in [0, 1].
  double MeanReward(const Stat& stat) const;
  std::optional<Candidate> RandomChild(const Candidate& leaf);
  size_t ResolveNext(const std::string& name, size_t current) const;
  ScoreCandidates Rollout(Expansion expansion);
  std::optional<Action> MaybeAlter();
  void Commit(const Expansion& expansion);
  void Fail(const Path& path);
  void Backup(const Path& path, double reward);
  NodeId Add(NodeId parent, const Candidate& candidate, NodeInfo info, Stat stat);

  struct Record {       // what the published prompt shows of a model
    int64_t hits = 0;   // children predicted better than their parent
    int64_t rated = 0;  // children whose parent has a prediction
  };

  const ActionSpace space_;
  std::unique_ptr<Actions> actions_;
  std::unique_ptr<Router> router_;
  std::vector<double> phi_;
  size_t largest_ = 0;
  std::vector<Stat> stats_;  // by node id
  std::vector<Record> records_;
  Stage stage_ = Stage::kRoots;
  int generation_ = 0;
  int successes_ = 0;
  int failures_ = 0;
  int fruitless_ = 0;                   // rounds in a row without anything to measure
  int64_t draws_ = 0;                   // index of the next random stream
  int64_t streak_ = 0;                  // regressions of light models in a row
  std::optional<Expansion> expansion_;  // waits for scores
  std::optional<Expansion> altered_;    // the light model's, while the largest redoes it
  std::vector<NodeId> scored_;          // nodes of the question under way
  std::deque<NodeId> batch_;
  ValueRange range_;  // of what was measured; for reward = measured
};

}  // namespace banyan
