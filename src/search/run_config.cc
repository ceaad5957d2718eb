#include "search/run_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "base/strings.h"
#include "search/json_fields.h"
#include "search/strategy.h"

namespace banyan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Json MeasureToJson(const MeasureOptions& options) {
  return {{"workers", options.workers},
          {"build_timeout_s", options.build_timeout_s},
          {"build_race_factor", options.build_race_factor},
          {"build_race_grace_s", options.build_race_grace_s},
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
  fields.Read("build_race_factor", &options.build_race_factor);
  fields.Read("build_race_grace_s", &options.build_race_grace_s);
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

// Every field with its name, for reading, writing and setting alike.
template <typename Config, typename F>
void VisitFields(Config& config, F&& f) {
  f("name", config.name);
  f("loop", config.loop);
  f("action_space", config.action_space);
  f("reward", config.reward);
  f("cost_model", config.cost_model);
  f("cost_model_warmup", config.cost_model_warmup);
  f("charge_failed_calls", config.charge_failed_calls);
  f("routing", config.routing);
  f("cost_unit", config.cost_unit);
  f("strong_worth", config.strong_worth);
  f("course_alteration", config.course_alteration);
  f("alteration_every", config.alteration_every);
  f("proposals_per_call", config.proposals_per_call);
  f("finalists", config.finalists);
  f("racing", config.racing);
  f("transpositions", config.transpositions);
  f("transfer", config.transfer);
  f("selection", config.selection);
  f("puct_c", config.puct_c);
  f("virtual_loss", config.virtual_loss);
  f("backup", config.backup);
  f("mean_share", config.mean_share);
  f("value_floor", config.value_floor);
  f("widening_k", config.widening_k);
  f("widening_a", config.widening_a);
  f("free_fraction", config.free_fraction);
  f("wait_fraction", config.wait_fraction);
  f("while_waiting", config.while_waiting);
  f("mutation", config.mutation);
  f("crossover", config.crossover);
  f("sampling", config.sampling);
  f("trials_per_round", config.trials_per_round);
  f("random_share", config.random_share);
  f("uct_c", config.uct_c);
  f("phi_weight", config.phi_weight);
  f("generations", config.generations);
  f("expansions", config.expansions);
  f("failures", config.failures);
  f("root_samples", config.root_samples);
  f("max_children", config.max_children);
  f("ask_depth", config.ask_depth);
  f("terminal_failures", config.terminal_failures);
  f("rollout_depth", config.rollout_depth);
  f("action_tries", config.action_tries);
  f("stop_at_failure", config.stop_at_failure);
  f("duplicate_on_failure", config.duplicate_on_failure);
}

bool ReadText(const std::string& text, std::string* out) {
  *out = text;
  return true;
}
bool ReadText(const std::string& text, bool* out) {
  *out = text == "true";
  return text == "true" || text == "false";
}
template <typename Number>
bool ReadText(const std::string& text, Number* out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return failure == std::errc() && end == text.data() + text.size();
}

}  // namespace

Json ToJson(const StrategyConfig& config) {
  Json json = Json::object();
  VisitFields(config, [&json](const char* name, const auto& value) { json[name] = value; });
  return json;
}

Result<StrategyConfig> StrategyConfigFromJson(const Json& json) {
  StrategyConfig config;
  config.while_waiting = "samples";  // what the runs did whose record does not say it
  Fields fields(json, "strategy");
  VisitFields(config, [&fields](const char* name, auto& value) { fields.Read(name, &value); });
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  if (!json.contains("wait_fraction")) config.wait_fraction = config.free_fraction;  // likewise
  if (!json.contains("reward")) {
    if (config.loop == "generations") config.reward = "predicted";
    if (config.loop == "population") config.course_alteration = false;  // was taken and ignored
  }
  BANYAN_RETURN_IF_ERROR(CheckStrategy(config));
  return config;
}

Status SetStrategyField(StrategyConfig* config, const std::string& field, const std::string& text) {
  bool found = false;
  bool read = false;
  std::vector<std::string> names;
  VisitFields(*config, [&](const char* name, auto& value) {
    names.emplace_back(name);
    if (field != name) return;
    found = true;
    read = ReadText(text, &value);
  });
  if (!found) {
    return InvalidArgument(fmt::format("a strategy has no '{}'{}; there are: {}", field,
                                       DidYouMean(field, names), fmt::join(names, ", ")));
  }
  if (!read) return InvalidArgument(fmt::format("'{}' is no value of {}", text, field));
  return CheckFields(*config);
}

Json ToJson(const Budget& budget) {
  return {{"trials", budget.trials},
          {"calls", budget.calls},
          {"strong_calls", NumberOrNull(budget.strong_calls)},
          {"tokens", NumberOrNull(budget.tokens)},
          {"cost_usd", NumberOrNull(budget.cost_usd)},
          {"seconds", NumberOrNull(budget.seconds)}};
}

Result<Budget> BudgetFromJson(const Json& json) {
  Budget budget;
  Fields fields(json, "budget");
  fields.Read("trials", &budget.trials);
  fields.Read("calls", &budget.calls);
  fields.Read("strong_calls", &budget.strong_calls, kInfinity);
  fields.Read("tokens", &budget.tokens, kInfinity);
  fields.Read("cost_usd", &budget.cost_usd, kInfinity);
  fields.Read("seconds", &budget.seconds, kInfinity);
  BANYAN_RETURN_IF_ERROR(fields.Finish());
  BANYAN_RETURN_IF_ERROR(CheckBudget(budget));
  return budget;
}

Json ToJson(const RunConfig& config) {
  Json pool = Json::array();
  for (const PoolEntry& entry : config.pool) pool.push_back(ToJson(entry));
  Json json = {{"workload", config.workload_text},
               {"target", config.target_text},
               {"cores", config.cores},
               {"seed", config.seed},
               {"budget", ToJson(config.budget)},
               {"strategy", ToJson(config.strategy)},
               {"pool", std::move(pool)},
               {"measure", MeasureToJson(config.measure)}};
  if (!config.simulate.empty()) json["simulate"] = config.simulate;
  if (!config.snapshot.empty()) json["snapshot"] = config.snapshot;
  return json;
}

Result<RunConfig> RunConfigFromJson(const Json& json) {
  RunConfig config;
  Fields fields(json, "run configuration");
  fields.Read("workload", &config.workload_text);
  fields.Read("target", &config.target_text);
  fields.Read("cores", &config.cores);
  fields.Read("seed", &config.seed);
  fields.Read("simulate", &config.simulate);
  fields.Read("snapshot", &config.snapshot);
  if (const Json* pool = fields.Find("pool")) {
    if (!pool->is_array()) return InvalidArgument("run configuration: pool is not an array");
    for (const Json& item : *pool) {
      if (item.is_string()) {  // as runs of schema 1 have built-in experts
        BANYAN_ASSIGN_OR_RETURN(auto entries, LoadPool({item.get<std::string>()}));
        config.pool.insert(config.pool.end(), entries.begin(), entries.end());
      } else {
        BANYAN_ASSIGN_OR_RETURN(PoolEntry entry, PoolEntryFromJson(item));
        config.pool.push_back(std::move(entry));
      }
    }
  }
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
