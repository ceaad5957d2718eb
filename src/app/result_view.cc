#include "app/result_view.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "app/output.h"
#include "base/format.h"

namespace banyan {
namespace {

double Get(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? std::numeric_limits<double>::quiet_NaN() : NumberFromJson(*it);
}

std::string GetText(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string("-");
}

std::string CountText(const Json& object, const char* key) {
  const double count = Get(object, key);
  return std::isfinite(count) ? fmt::format("{:.0f}", count) : std::string("-");
}

// {"a": 2, "b": 1} as "2 a, 1 b".
std::string CountsText(const Json& object) {
  std::string text;
  for (const auto& [name, count] : object.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count.dump(), name);
  }
  return text;
}

std::string StoreFlag(const std::string& store) {
  return store == "banyan.db" ? std::string() : " --store " + store;
}

}  // namespace

Json MakeResultObject(const RunConfig& config, const Workload& workload, const Target& target,
                      const SearchResult& result, const std::string& run_id) {
  const double best_ms = result.best_latency_ms;
  const double gflops = workload.flops > 0 ? workload.flops / best_ms / 1e6
                                           : std::numeric_limits<double>::quiet_NaN();
  const double peak_gflops = result.peak_gflops * target.cores;
  Json failed = Json::object();
  for (const auto& [reason, count] : result.failed_trials) failed[reason] = count;
  Json models = Json::object();
  for (const auto& [name, use] : result.models) {
    models[name] = {{"calls", use.calls},
                    {"tokens_in", use.usage.tokens_in},
                    {"tokens_out", use.usage.tokens_out},
                    {"cost_usd", use.usage.cost_usd},
                    {"seconds", use.usage.seconds},
                    {"tokens_cached", use.usage.tokens_cached},
                    {"errors", use.errors},
                    {"proposals", use.proposals},
                    {"accepted", use.accepted}};
  }
  return {
      {"workload", workload.id},
      {"target", target.json},
      {"strategy", config.strategy.name},
      {"seed", config.seed},
      {"trials", result.trials},
      {"calls", result.calls},
      {"strong_calls", result.strong_calls},
      {"default_latency_ms", NumberOrNull(result.default_latency_ms)},
      {"best_latency_ms", NumberOrNull(best_ms)},
      {"best_latency_ci_ms", Json::array({NumberOrNull(result.best_latency_ci_ms.low),
                                          NumberOrNull(result.best_latency_ci_ms.high)})},
      {"speedup", NumberOrNull(result.default_latency_ms / best_ms)},
      {"gflops", NumberOrNull(gflops)},
      {"peak_fraction", NumberOrNull(peak_gflops > 0 ? gflops / peak_gflops
                                                     : std::numeric_limits<double>::quiet_NaN())},
      {"failed_trials", std::move(failed)},
      {"models", std::move(models)},
      {"wall_s", result.wall_s},
      {"time_split_s",
       {{"models", result.models_s},
        {"search", result.search_s},
        {"apply", result.apply_s},
        {"build", result.build_s},
        {"run", result.run_s}}},
      {"run_id", run_id},
      {"plan", PrintPlan(result.best_plan)}};
}

std::string ResultText(const Json& object, const std::string& store) {
  std::vector<std::pair<std::string, std::string>> rows;
  const double default_ms = Get(object, "default_latency_ms");
  const double best_ms = Get(object, "best_latency_ms");
  rows.emplace_back("workload", GetText(object, "workload"));
  rows.emplace_back("default", std::isfinite(default_ms)
                                   ? FormatMs(default_ms)
                                   : "not measured: too large, or refused by LLVM");
  std::string best = FormatMs(best_ms);
  const auto interval = object.find("best_latency_ci_ms");
  if (interval != object.end() && interval->is_array() && interval->size() == 2 &&
      interval->at(0).is_number() && interval->at(1).is_number()) {
    best += fmt::format("  [{}, {}]", FormatMs(NumberFromJson(interval->at(0))),
                        FormatMs(NumberFromJson(interval->at(1))));
  }
  rows.emplace_back("best", best);
  const double speedup = Get(object, "speedup");
  rows.emplace_back("speedup", FormatRatio(speedup));
  const double gflops = Get(object, "gflops");
  if (std::isfinite(gflops)) {
    const double share = Get(object, "peak_fraction");
    rows.emplace_back("rate",
                      FormatGflops(gflops) + (std::isfinite(share)
                                                  ? fmt::format(", {:.0f} % of peak", 100 * share)
                                                  : std::string()));
  }
  const std::string failed =
      object.contains("failed_trials") ? CountsText(object["failed_trials"]) : std::string();
  rows.emplace_back("trials", CountText(object, "trials") +
                                  (failed.empty() ? std::string(", none failed")
                                                  : fmt::format(", failed: {}", failed)));
  std::string calls;
  if (object.contains("models")) {
    for (const auto& [name, use] : object["models"].items()) {
      calls += fmt::format("{}{} {}", calls.empty() ? "" : ", ", CountText(use, "calls"), name);
    }
  }
  rows.emplace_back("calls", calls.empty() ? "none" : calls);
  if (object.contains("time_split_s")) {
    const Json& split = object["time_split_s"];
    rows.emplace_back(
        "time",
        fmt::format("{} (models {}, search {}, apply {}, build {}, run {})",
                    FormatSeconds(Get(object, "wall_s")), FormatSeconds(Get(split, "models")),
                    FormatSeconds(Get(split, "search")), FormatSeconds(Get(split, "apply")),
                    FormatSeconds(Get(split, "build")), FormatSeconds(Get(split, "run"))));
  }
  const std::string run_id = GetText(object, "run_id");
  rows.emplace_back("run", run_id);
  std::string text = AlignedRows(rows);
  text +=
      fmt::format("next: banyan explain {0}{1} | banyan export {0}{1}\n", run_id, StoreFlag(store));
  return text;
}

std::string ResultRemarks(const SearchResult& result) {
  std::string text;
  if (result.cancelled) text += "banyan: cancelled; this is the best so far\n";
  if (std::isfinite(result.drift) && std::fabs(result.drift - 1) > 0.05) {
    text += fmt::format(
        "banyan: the machine's speed changed by {:.0f} % during the run; compare latencies with "
        "care (`banyan doctor`)\n",
        100 * std::fabs(result.drift - 1));
  }
  return text;
}

}  // namespace banyan
