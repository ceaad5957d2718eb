#include "search/strategy.h"

#include <fmt/format.h>

#include <cmath>

namespace banyan {
namespace {

StrategyConfig Banyan() { return StrategyConfig{}; }

StrategyConfig Random() {
  StrategyConfig config;
  config.name = "random";
  config.selection = "uniform";
  config.routing = "none";
  config.mutation = false;
  config.crossover = false;
  config.sampling = true;
  return config;
}

Status OneOf(const char* field, const std::string& value, const std::vector<std::string>& allowed) {
  for (const std::string& item : allowed) {
    if (item == value) return Ok{};
  }
  return InvalidArgument(
      fmt::format("strategy: {} is '{}', allowed: {}", field, value, fmt::join(allowed, ", ")));
}

Status InRange(const char* field, double value, double low, double high) {
  if (value >= low && value <= high) return Ok{};  // false for NaN
  return InvalidArgument(
      fmt::format("strategy: {} is {}, allowed: {} to {}", field, value, low, high));
}

}  // namespace

const std::vector<Strategy>& Strategies() {
  static const auto* const kStrategies = new std::vector<Strategy>{
      {"one tree grown by all models of the pool: PUCT on measured speed, models chosen by "
       "Thompson "
       "sampling, trials refined by mutation and crossover between calls",
       Banyan()},
      {"chains of random legal steps, no model, no learning: the floor that every other strategy "
       "has "
       "to beat",
       Random()},
  };
  return *kStrategies;
}

Result<StrategyConfig> FindStrategy(const std::string& name) {
  std::vector<std::string> names;
  for (const Strategy& strategy : Strategies()) {
    if (strategy.config.name == name) return strategy.config;
    names.push_back(strategy.config.name);
  }
  return NotFound(
      fmt::format("no strategy is called '{}'; there are: {}", name, fmt::join(names, ", ")));
}

std::vector<StrategyConfig> AllStrategies() {
  std::vector<StrategyConfig> configs;
  for (const Strategy& strategy : Strategies()) configs.push_back(strategy.config);
  return configs;
}

Status CheckStrategy(const StrategyConfig& config) {
  BANYAN_RETURN_IF_ERROR(OneOf("selection", config.selection, {"puct", "uniform"}));
  BANYAN_RETURN_IF_ERROR(OneOf("backup", config.backup, {"max", "mean", "mixed"}));
  BANYAN_RETURN_IF_ERROR(
      OneOf("routing", config.routing, {"thompson", "round_robin", "strongest", "none"}));
  BANYAN_RETURN_IF_ERROR(InRange("puct_c", config.puct_c, 1e-9, 1e6));
  BANYAN_RETURN_IF_ERROR(InRange("mean_share", config.mean_share, 0, 1));
  BANYAN_RETURN_IF_ERROR(InRange("virtual_loss", config.virtual_loss, 0, 1));
  BANYAN_RETURN_IF_ERROR(InRange("value_floor", config.value_floor, 0, 0.999));
  BANYAN_RETURN_IF_ERROR(InRange("widening_k", config.widening_k, 1e-9, 1e6));
  BANYAN_RETURN_IF_ERROR(InRange("widening_a", config.widening_a, 0, 1));
  BANYAN_RETURN_IF_ERROR(InRange("free_fraction", config.free_fraction, 0, 1));
  BANYAN_RETURN_IF_ERROR(InRange("proposals_per_call", config.proposals_per_call, 1, 64));
  return InRange("finalists", config.finalists, 1, 16);
}

Status CheckBudget(const Budget& budget) {
  if (budget.trials < 0 || budget.trials > 1'000'000) {
    return InvalidArgument(fmt::format("trials is {}, allowed: 0 to 1000000", budget.trials));
  }
  if (budget.calls < 0 || budget.calls > 1'000'000) {
    return InvalidArgument(fmt::format("calls is {}, allowed: 0 to 1000000", budget.calls));
  }
  if (std::isnan(budget.seconds) || budget.seconds <= 0) {
    return InvalidArgument(fmt::format("seconds is {}, allowed: above 0", budget.seconds));
  }
  return Ok{};
}

}  // namespace banyan
