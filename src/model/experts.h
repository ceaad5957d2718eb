#pragma once

#include <string>

#include "model/model.h"

namespace banyan {

// Built-in experts: not language models, and never called so. All are pure functions of the
// request, stateless and thread-safe.

// The strong one: reasons from access patterns, register file, vector width and caches, and
// proposes whole plans with concrete parameters; after measurements, plans one decision away from
// the best of its own.
class AnalyticExpert final : public Model {
 public:
  const ModelInfo& info() const override;
  ModelReply Propose(const ModelRequest& request) override;
};

// The cheap one: at the root good defaults (default tile, vectors, unrolling), elsewhere small
// steps: the neighbours of one parameter of the leaf's plan.
class HeuristicExpert final : public Model {
 public:
  const ModelInfo& info() const override;
  ModelReply Propose(const ModelRequest& request) override;
};

// Samples the legal space uniformly: one transformation at random, appended to the leaf.
class RandomExpert final : public Model {
 public:
  const ModelInfo& info() const override;
  ModelReply Propose(const ModelRequest& request) override;
};

}  // namespace banyan
