#include "search/run_config.h"

#include "search/json_fields.h"
#include "search/strategy.h"

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Json MeasureToJson(const MeasureOptions& options) {
  return {{"workers", options.workers},
          {"build_timeout_s", options.build_timeout_s},
          {"run_timeout_s", options.run_timeout_s},
          {"reference_timeout_s", options.reference_timeout_s},
          {"memory_limit_bytes", options.memory_limit_bytes},
          {"output_limit_bytes", options.output_limit_bytes},
          {"run_cpu", options.run_cpu},
          {"timing", ToJson(options.timing)},
          {"final_timing", ToJson(options.final_timing)}};
}

Result<MeasureOptions> MeasureFromJson(const Json& json) {
  MeasureOptions options;
  Fields fields(json, "measure");
  fields.Read("workers", &options.workers);
  fields.Read("build_timeout_s", &options.build_timeout_s);
  fields.Read("run_timeout_s", &options.run_timeout_s);
  fields.Read("reference_timeout_s", &options.reference_timeout_s);
  fields.Read("memory_limit_bytes", &options.memory_limit_bytes);
  fields.Read("output_limit_bytes", &options.output_limit_bytes);
  fields.Read("run_cpu", &options.run_cpu);
  if (const Json* timing = fields.Find("timing")) {
    BANYAN_ASSIGN_OR_RETURN(options.timing, TimingFromJson(*timing));
  }
  if (const Json* timing = fields.Find("final_timing")) {
    BANYAN_ASSIGN_OR_RETURN(options.final_timing, TimingFromJson(*timing));
  }
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  return options;
}

}  // namespace

Json ToJson(const StrategyConfig& config) {
  return {{"name", config.name},
          {"selection", config.selection},
          {"puct_c", config.puct_c},
          {"virtual_loss", config.virtual_loss},
          {"backup", config.backup},
          {"mean_share", config.mean_share},
          {"value_floor", config.value_floor},
          {"widening_k", config.widening_k},
          {"widening_a", config.widening_a},
          {"transpositions", config.transpositions},
          {"routing", config.routing},
          {"free_fraction", config.free_fraction},
          {"mutation", config.mutation},
          {"crossover", config.crossover},
          {"sampling", config.sampling},
          {"proposals_per_call", config.proposals_per_call},
          {"finalists", config.finalists},
          {"racing", config.racing}};
}

Result<StrategyConfig> StrategyConfigFromJson(const Json& json) {
  StrategyConfig config;
  Fields fields(json, "strategy");
  fields.Read("name", &config.name);
  fields.Read("selection", &config.selection);
  fields.Read("puct_c", &config.puct_c);
  fields.Read("virtual_loss", &config.virtual_loss);
  fields.Read("backup", &config.backup);
  fields.Read("mean_share", &config.mean_share);
  fields.Read("value_floor", &config.value_floor);
  fields.Read("widening_k", &config.widening_k);
  fields.Read("widening_a", &config.widening_a);
  fields.Read("transpositions", &config.transpositions);
  fields.Read("routing", &config.routing);
  fields.Read("free_fraction", &config.free_fraction);
  fields.Read("mutation", &config.mutation);
  fields.Read("crossover", &config.crossover);
  fields.Read("sampling", &config.sampling);
  fields.Read("proposals_per_call", &config.proposals_per_call);
  fields.Read("finalists", &config.finalists);
  fields.Read("racing", &config.racing);
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  BANYAN_RETURN_IF_ERROR(CheckStrategy(config));
  return config;
}

Json ToJson(const Budget& budget) {
  return {{"trials", budget.trials},
          {"calls", budget.calls},
          {"seconds", NumberOrNull(budget.seconds)}};
}

Result<Budget> BudgetFromJson(const Json& json) {
  Budget budget;
  Fields fields(json, "budget");
  fields.Read("trials", &budget.trials);
  fields.Read("calls", &budget.calls);
  fields.Read("seconds", &budget.seconds, kInfinity);
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  BANYAN_RETURN_IF_ERROR(CheckBudget(budget));
  return budget;
}

Json ToJson(const RunConfig& config) {
  return {{"workload", config.workload_text},
          {"target", config.target_text},
          {"cores", config.cores},
          {"seed", config.seed},
          {"budget", ToJson(config.budget)},
          {"strategy", ToJson(config.strategy)},
          {"pool", config.pool},
          {"measure", MeasureToJson(config.measure)}};
}

Result<RunConfig> RunConfigFromJson(const Json& json) {
  RunConfig config;
  Fields fields(json, "run configuration");
  fields.Read("workload", &config.workload_text);
  fields.Read("target", &config.target_text);
  fields.Read("cores", &config.cores);
  fields.Read("seed", &config.seed);
  fields.Read("pool", &config.pool);
  if (const Json* budget = fields.Find("budget")) {
    BANYAN_ASSIGN_OR_RETURN(config.budget, BudgetFromJson(*budget));
  }
  if (const Json* strategy = fields.Find("strategy")) {
    BANYAN_ASSIGN_OR_RETURN(config.strategy, StrategyConfigFromJson(*strategy));
  }
  if (const Json* measure = fields.Find("measure")) {
    BANYAN_ASSIGN_OR_RETURN(config.measure, MeasureFromJson(*measure));
  }
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  return config;
}

}  // namespace banyan
