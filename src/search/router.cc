#include "search/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace banyan {
namespace {

// An observation counts this much less with each later one: models, prompts and what is left to
// gain change within a run.
constexpr double kMemory = 0.92;
// Earlier runs count as at most this many observations of this one.
constexpr double kPastWeight = 4;
// The price of a light model's call where no prices are known, a strong one's being 1. List prices
// of a provider's small and large model differ by 5 to 20 times.
constexpr double kLightPrice = 0.2;
// Advice of the acting model, and disappointment with light models, move a draw by this share of
// the prior's deviation: enough to break ties, not to overrule a record.
constexpr double kNudge = 0.5;
// Trying a model to learn about it is worth something only where calls are left to use what was
// learnt: with fewer than this many the draws go closer to the means, as the root of their share.
constexpr double kHorizon = 40;
constexpr int64_t kDisappointments = 2;

// Beliefs about the gain of one call before any is seen: a normal, worth one observation. A first
// structure by a strong model is worth a multiple of anything later; later gains are small, whoever
// proposes them, since free moves and further trials find most of them as well.
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
      return strong ? Prior{0.05, 0.06} : Prior{0.03, 0.04};
    case Phase::kStuck:
      return strong ? Prior{0.06, 0.06} : Prior{0.02, 0.04};
  }
  return {0, 0};
}

// Relative to the dearest model of the pool.
std::vector<double> PricesOf(const std::vector<ModelRecord>& pool) {
  double dearest = 0;
  for (const ModelRecord& record : pool) dearest = std::max(dearest, record.usd);
  std::vector<double> prices;
  for (const ModelRecord& record : pool) {
    const double by_role = record.info.role == ModelRole::kStrong ? 1 : kLightPrice;
    prices.push_back(dearest > 0 ? record.usd / dearest : by_role);
  }
  return prices;
}

double CostOf(const ModelRecord& record, CostUnit unit) {
  constexpr double kLeast = 1e-6;  // free ones are not infinitely good
  if (unit == CostUnit::kUsd) return std::max(record.usd, kLeast);
  if (unit == CostUnit::kSeconds) return std::max(record.seconds, kLeast);
  return 1;
}

class Thompson final : public Router {
 public:
  Route Choose(const RouteQuestion& question, Rng& rng) const override {
    const std::vector<double> prices = PricesOf(question.pool);
    Route route;
    double best = 0;
    std::string draws;
    const double zeal = std::sqrt(std::clamp(question.calls_left / kHorizon, 0.0, 1.0));
    for (size_t i = 0; i < question.pool.size(); ++i) {
      const ModelRecord& record = question.pool[i];
      const Prior prior = PriorOf(record.info.role, question.phase);
      const GainBelief belief = BeliefOf(record, question.phase);
      double gain = belief.mean + rng.Normal() * zeal * belief.deviation;
      std::string notes;
      if (record.info.name == question.advice) {
        gain += kNudge * zeal * prior.deviation;
        notes += ", advised";
      }
      if (question.disappointed >= kDisappointments && record.info.role == ModelRole::kStrong) {
        gain += kNudge * prior.deviation;
        notes += ", lighter ones brought nothing";
      }
      double score = 0;
      std::string cost;
      if (question.unit == CostUnit::kWorth) {
        const double price = question.worth * prices[i] * std::max(1.0, record.scarcity);
        score = gain - price;
        cost = fmt::format(" - {:.3f}", price);
      } else {
        const double unit_cost = CostOf(record, question.unit);
        score = gain / unit_cost;
        if (question.unit != CostUnit::kCalls) cost = fmt::format(" / {:.3g}", unit_cost);
      }
      draws += fmt::format("{}{} {:.3f}{} ({:.3f}±{:.3f}, {:.1f} seen{})", i == 0 ? "" : "; ",
                           record.info.name, gain, cost, belief.mean, belief.deviation,
                           belief.observations, notes);
      if (route.model < 0 || score > best) {
        route.model = static_cast<int>(i);
        best = score;
      }
    }
    route.why = fmt::format("{}: {}", PhaseName(question.phase), draws);
    return route;
  }
};

class RoundRobin final : public Router {
 public:
  Route Choose(const RouteQuestion& question, Rng&) const override {
    Route route;
    const std::vector<ModelRecord>& pool = question.pool;
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
  Route Choose(const RouteQuestion& question, Rng&) const override {
    Route route;
    const std::vector<ModelRecord>& pool = question.pool;
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
  Route Choose(const RouteQuestion&, Rng&) const override { return {-1, "no model is asked"}; }
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

Result<CostUnit> ParseCostUnit(const std::string& name) {
  if (name == "auto") return CostUnit::kWorth;
  if (name == "usd") return CostUnit::kUsd;
  if (name == "seconds") return CostUnit::kSeconds;
  if (name == "calls") return CostUnit::kCalls;
  return InvalidArgument("no unit of cost is called '" + name + "'");
}

GainBelief BeliefOf(const ModelRecord& record, Phase phase) {
  const Prior prior = PriorOf(record.info.role, phase);
  double sum = prior.mean;
  double weight = 1;
  double past_sum = 0;
  double past_count = 0;
  for (const CallGain& gain : record.past) {
    if (gain.phase != phase) continue;
    past_sum += gain.gain;
    ++past_count;
  }
  if (past_count > 0) {
    const double counted = std::min(past_count, kPastWeight);
    sum += counted * past_sum / past_count;
    weight += counted;
  }
  double each = 1;
  for (auto gain = record.gains.rbegin(); gain != record.gains.rend(); ++gain) {
    if (gain->phase != phase) continue;
    sum += each * gain->gain;
    weight += each;
    each *= kMemory;
  }
  return {.mean = sum / weight,
          .deviation = prior.deviation / std::sqrt(weight),
          .observations = weight - 1};
}

std::string DescribePriors(const std::vector<ModelRecord>& pool) {
  std::string text;
  bool history = false;
  for (const ModelRecord& record : pool) {
    history = history || !record.past.empty();
    text += fmt::format("{}{}", text.empty() ? "" : "; ", record.info.name);
    for (const Phase phase : {Phase::kStructure, Phase::kRefinement, Phase::kStuck}) {
      const GainBelief belief = BeliefOf(record, phase);
      text += fmt::format("{}{} {:.2f}±{:.2f}", phase == Phase::kStructure ? " " : ", ",
                          PhaseName(phase), belief.mean, belief.deviation);
    }
  }
  return fmt::format("expected log-speedup of a call, {}: {}",
                     history ? "with earlier runs" : "no history, so priors", text);
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
