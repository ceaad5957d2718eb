#include "search/strategy.h"

#include <fmt/format.h>

#include <cmath>

namespace banyan {
namespace {

StrategyConfig Banyan() {
  StrategyConfig config;
  config.cost_model = "xgboost";
  return config;
}

StrategyConfig BanyanSingle() {
  StrategyConfig config = Banyan();
  config.name = "banyan-single";
  config.routing = "strongest";
  return config;
}

StrategyConfig Mcts() {
  StrategyConfig config = Banyan();
  config.name = "mcts";
  config.routing = "none";
  config.transfer = false;
  return config;
}

StrategyConfig Evolutionary() {
  StrategyConfig config;
  config.name = "evolutionary";
  config.loop = "population";
  config.cost_model = "xgboost";
  config.routing = "none";
  config.transfer = false;
  return config;
}

// The published methods, their constants as their code has them; docs/baselines.md.
StrategyConfig Reasoning() {
  StrategyConfig config;
  config.name = "reasoning";
  config.loop = "generations";
  config.action_space = "mutators";
  config.reward = "predicted";
  config.cost_model = "xgboost";
  config.cost_model_warmup = 100;
  config.routing = "strongest";
  config.generations = 2;
  config.stop_at_failure = true;
  config.racing = false;
  config.transfer = false;
  return config;
}

StrategyConfig Colt() {
  StrategyConfig config = Reasoning();
  config.name = "colt";
  config.routing = "joint";
  config.course_alteration = true;
  config.generations = 3;
  config.stop_at_failure = false;
  return config;
}

// Random steps of ours hardly ever fail, so a rollout needs an end.
constexpr int kPlanRollout = 8;

StrategyConfig ReasoningPlan() {
  StrategyConfig config = Reasoning();
  config.name = "reasoning-plan";
  config.action_space = "plan";
  config.rollout_depth = kPlanRollout;
  return config;
}

StrategyConfig ColtPlan() {
  StrategyConfig config = Colt();
  config.name = "colt-plan";
  config.action_space = "plan";
  config.rollout_depth = kPlanRollout;
  return config;
}

StrategyConfig Random() {
  StrategyConfig config;
  config.name = "random";
  config.selection = "uniform";
  config.routing = "none";
  config.mutation = false;
  config.crossover = false;
  config.sampling = true;
  config.transfer = false;
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
      {"banyan with the first strong model of the pool alone: what several models are worth",
       BanyanSingle()},
      {"the published shared tree (COLT/LiteCoOp): a reply names mutators and the model that goes "
       "on",
       Colt()},
      {"colt on our steps with parameters instead of MetaSchedule's mutators", ColtPlan()},
      {"the published single-model baseline (Reasoning Compiler): UCT on a cost model's "
       "predictions",
       Reasoning()},
      {"reasoning on our steps with parameters", ReasoningPlan()},
      {"banyan without a model: random plans, mutation and crossover in the same tree", Mcts()},
      {"rounds of mutation and crossover of the best plans, batches picked by the cost model; no "
       "model",
       Evolutionary()},
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

ActionSpace SpaceOf(const StrategyConfig& config) {
  return config.action_space == "mutators" ? ActionSpace::kMutators : ActionSpace::kPlan;
}

Status CheckFields(const StrategyConfig& config) {
  BANYAN_RETURN_IF_ERROR(OneOf("loop", config.loop, {"tree", "generations", "population"}));
  BANYAN_RETURN_IF_ERROR(OneOf("action_space", config.action_space, {"plan", "mutators"}));
  BANYAN_RETURN_IF_ERROR(OneOf("reward", config.reward, {"measured", "predicted"}));
  BANYAN_RETURN_IF_ERROR(OneOf("cost_model", config.cost_model, {"xgboost", "none"}));
  BANYAN_RETURN_IF_ERROR(OneOf("selection", config.selection, {"puct", "uniform"}));
  BANYAN_RETURN_IF_ERROR(OneOf("backup", config.backup, {"max", "mean", "mixed"}));
  BANYAN_RETURN_IF_ERROR(
      OneOf("while_waiting", config.while_waiting, {"tilings", "samples", "nothing"}));
  BANYAN_RETURN_IF_ERROR(
      OneOf("routing", config.routing, {"thompson", "round_robin", "strongest", "joint", "none"}));
  BANYAN_RETURN_IF_ERROR(OneOf("cost_unit", config.cost_unit, {"auto", "usd", "seconds", "calls"}));
  const struct {
    const char* name;
    double value, low, high;
  } numbers[] = {
      {"cost_model_warmup", static_cast<double>(config.cost_model_warmup), 0, 1e6},
      {"strong_worth", config.strong_worth, 0, 10},
      {"puct_c", config.puct_c, 1e-9, 1e6},
      {"mean_share", config.mean_share, 0, 1},
      {"virtual_loss", config.virtual_loss, 0, 1},
      {"value_floor", config.value_floor, 0, 0.999},
      {"widening_k", config.widening_k, 1e-9, 1e6},
      {"widening_a", config.widening_a, 0, 1},
      {"free_fraction", config.free_fraction, 0, 1},
      {"wait_fraction", config.wait_fraction, 0, 1},
      {"proposals_per_call", static_cast<double>(config.proposals_per_call), 1, 64},
      {"finalists", static_cast<double>(config.finalists), 1, 16},
      {"trials_per_round", static_cast<double>(config.trials_per_round), 1, 1024},
      {"random_share", config.random_share, 0, 1},
      {"uct_c", config.uct_c, 1e-9, 1e6},
      {"phi_weight", config.phi_weight, 0, 1},
      {"generations", static_cast<double>(config.generations), 1, 100},
      {"expansions", static_cast<double>(config.expansions), 1, 100},
      {"failures", static_cast<double>(config.failures), 1, 100},
      {"root_samples", static_cast<double>(config.root_samples), 1, 100},
      {"max_children", static_cast<double>(config.max_children), 1, 100},
      {"ask_depth", static_cast<double>(config.ask_depth), 0, 100},
      {"terminal_failures", static_cast<double>(config.terminal_failures), 1, 100},
      {"rollout_depth", static_cast<double>(config.rollout_depth), 0, 1000},
      {"action_tries", static_cast<double>(config.action_tries), 1, 100},
      {"alteration_every", static_cast<double>(config.alteration_every), 1, 100},
  };
  for (const auto& number : numbers) {
    BANYAN_RETURN_IF_ERROR(InRange(number.name, number.value, number.low, number.high));
  }
  return Ok{};
}

Status CheckStrategy(const StrategyConfig& config) {
  BANYAN_RETURN_IF_ERROR(CheckFields(config));
  if (config.action_space == "mutators" && config.loop == "population") {
    return InvalidArgument(
        "strategy: action_space mutators needs loop tree or generations: only plans can be "
        "crossed");
  }
  if (config.reward == "predicted" && config.loop == "population") {
    return InvalidArgument(
        "strategy: reward predicted needs loop tree or generations: a population's parents are the "
        "fastest measured plans");
  }
  if (config.reward == "predicted" && config.loop == "tree" && config.cost_model == "none") {
    return InvalidArgument("strategy: reward predicted needs a cost_model");
  }
  if (config.course_alteration && config.loop == "population") {
    return InvalidArgument("strategy: course_alteration needs loop tree or generations");
  }
  if (config.routing == "joint" && config.loop != "generations") {
    return InvalidArgument("strategy: routing joint needs loop generations");
  }
  return Ok{};
}

Status CheckBudget(const Budget& budget) {
  if (budget.trials < 0 || budget.trials > 1'000'000) {
    return InvalidArgument(fmt::format("trials is {}, allowed: 0 to 1000000", budget.trials));
  }
  if (budget.calls < 0 || budget.calls > 1'000'000) {
    return InvalidArgument(fmt::format("calls is {}, allowed: 0 to 1000000", budget.calls));
  }
  const std::pair<const char*, double> spending[] = {{"strong_calls", budget.strong_calls},
                                                     {"tokens", budget.tokens},
                                                     {"cost_usd", budget.cost_usd}};
  for (const auto& [name, value] : spending) {
    if (std::isnan(value) || value < 0) {
      return InvalidArgument(fmt::format("{} is {}, allowed: 0 or more", name, value));
    }
  }
  if (std::isnan(budget.seconds) || budget.seconds <= 0) {
    return InvalidArgument(fmt::format("seconds is {}, allowed: above 0", budget.seconds));
  }
  return Ok{};
}

}  // namespace banyan
