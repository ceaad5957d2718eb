#include "search/router.h"

#include <fmt/format.h>

#include <cmath>

namespace banyan {
namespace {

// Beliefs about the gain of one call before any is seen: a normal with this mean and deviation,
// worth one observation. A first structure by a strong model is worth a multiple of anything later.
struct Prior {
  double mean;
  double deviation;
};

Prior PriorOf(ModelRole role, Phase phase) {
  const bool strong = role == ModelRole::kStrong;
  switch (phase) {
    case Phase::kStructure:
      return strong ? Prior{2.0, 0.5} : Prior{0.7, 0.5};
    case Phase::kRefinement:
      return strong ? Prior{0.15, 0.1} : Prior{0.07, 0.07};
    case Phase::kStuck:
      return strong ? Prior{0.08, 0.08} : Prior{0.03, 0.05};
  }
  return {0, 0};
}

class Thompson final : public Router {
 public:
  Route Choose(const std::vector<ModelRecord>& pool, Phase phase, Rng& rng) const override {
    Route route;
    double best = 0;
    std::string draws;
    for (size_t i = 0; i < pool.size(); ++i) {
      // Posterior of the mean, the prior counting as one observation; the deviation shrinks with
      // 1/sqrt(n).
      const Prior prior = PriorOf(pool[i].info.role, phase);
      double sum = prior.mean;
      double count = 1;
      for (const CallGain& gain : pool[i].gains) {
        if (gain.phase != phase) continue;
        sum += gain.gain;
        ++count;
      }
      const double draw = sum / count + rng.Normal() * prior.deviation / std::sqrt(count);
      draws += fmt::format("{}{} {:.3f} of {:.0f}", i == 0 ? "" : ", ", pool[i].info.name, draw,
                           count - 1);
      if (route.model < 0 || draw > best) {
        route.model = static_cast<int>(i);
        best = draw;
      }
    }
    route.why = fmt::format("gain per call drawn in phase {}: {}", PhaseName(phase), draws);
    return route;
  }
};

class RoundRobin final : public Router {
 public:
  Route Choose(const std::vector<ModelRecord>& pool, Phase, Rng&) const override {
    Route route;
    for (size_t i = 0; i < pool.size(); ++i) {
      if (route.model < 0 || pool[i].calls < pool[static_cast<size_t>(route.model)].calls) {
        route.model = static_cast<int>(i);
      }
    }
    route.why = "models take turns";
    return route;
  }
};

class Strongest final : public Router {
 public:
  Route Choose(const std::vector<ModelRecord>& pool, Phase, Rng&) const override {
    Route route;
    for (size_t i = 0; i < pool.size(); ++i) {
      if (route.model < 0 ||
          (pool[i].info.role == ModelRole::kStrong &&
           pool[static_cast<size_t>(route.model)].info.role != ModelRole::kStrong)) {
        route.model = static_cast<int>(i);
      }
    }
    route.why = "always the first strong model of the pool";
    return route;
  }
};

class Nobody final : public Router {
 public:
  Route Choose(const std::vector<ModelRecord>&, Phase, Rng&) const override {
    return {-1, "no model is asked"};
  }
};

}  // namespace

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kStructure:
      return "structure";
    case Phase::kRefinement:
      return "refinement";
    case Phase::kStuck:
      return "stuck";
  }
  return "?";
}

Result<Phase> ParsePhase(const std::string& name) {
  for (const Phase phase : {Phase::kStructure, Phase::kRefinement, Phase::kStuck}) {
    if (name == PhaseName(phase)) return phase;
  }
  return InvalidArgument("no phase is called '" + name + "'");
}

Result<std::unique_ptr<Router>> MakeRouter(const std::string& name) {
  std::unique_ptr<Router> router;
  if (name == "thompson") router = std::make_unique<Thompson>();
  if (name == "round_robin") router = std::make_unique<RoundRobin>();
  if (name == "strongest") router = std::make_unique<Strongest>();
  if (name == "none") router = std::make_unique<Nobody>();
  if (router == nullptr) return InvalidArgument("no routing is called '" + name + "'");
  return router;
}

}  // namespace banyan
