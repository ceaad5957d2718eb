#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/model.h"
#include "schedule/compiler.h"
#include "search/run_config.h"
#include "search/search.h"

namespace banyan {

// The published methods' loop (docs/baselines.md) once more, slow and obvious, as a yardstick for
// GenerationSearch: no events, no state machine, and nothing kept that can be worked out again.
// What happened is a list; visits, values, failures, streak, hit rates and budgets are counted anew
// from it whenever they are needed. Shares with GenerationSearch the names of the random streams,
// so that both draw the same, and the action spaces' random moves (search/actions.h). For tests.
struct ReferenceProblem {
  RunConfig config;
  std::vector<ModelInfo> pool;
  Compiler* compiler = nullptr;
  // What model number `model` answers to the call of that id (from 1) about `leaf`.
  std::function<ModelReply(uint64_t call_id, size_t model, const Candidate& leaf)> reply;
  // The cost model's answers; tickets count questions from 1.
  std::function<ScoresEvent(const ScoreCandidates&)> score;
};

struct ReferenceNode {
  size_t parent = 0;  // the root is its own
  Candidate candidate;
  std::string origin;  // a model's name, "sample", "random"
  size_t model = 0;    // that is to expand it
  double score = 0;    // NaN: not asked
  int64_t visits = 0;  // these four: as counted at the end
  double value_sum = 0;
  int failures = 0;
  bool terminal = false;
};

struct ReferenceCall {
  size_t model = 0;
  size_t leaf = 0;
  bool alteration = false;
  bool given_back = false;
};

struct ReferenceTree {
  std::vector<ReferenceNode> nodes;
  std::vector<ReferenceCall> calls;
  std::vector<uint64_t> measured;  // programs in the order of their trials
  int64_t streak = 0;
  std::vector<int64_t> hits;   // by model
  std::vector<int64_t> rated;  // by model: children that were compared with their parent
};

ReferenceTree RunReferenceGenerations(const ReferenceProblem& problem);

// (1-l) W/N + l phi + c sqrt(ln N_parent / N), written out; infinity if N = 0.
double ReferenceScore(double value_sum, int64_t visits, int64_t parent_visits, double phi,
                      double phi_weight, double c);

}  // namespace banyan
