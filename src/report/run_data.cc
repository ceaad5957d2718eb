#include "report/run_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/numbers.h"
#include "report/json_parts.h"
#include "report/run_models.h"
#include "report/run_tree.h"
#include "schedule/description_json.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

Json IntervalOrNull(const std::vector<double>& samples_ms) {
  if (samples_ms.empty()) return nullptr;
  const Interval interval = MedianIntervalMs(samples_ms);
  return Json::array({NumberOrNull(interval.low), NumberOrNull(interval.high)});
}

Json NodesJson(const RunRecords& records, const RunTree& tree, const std::vector<char>& shown,
               StringTable* texts, std::vector<std::string>* origins) {
  const auto& nodes = tree.nodes();
  std::vector<int64_t> hidden(nodes.size(), 0);  // below a shown node, left out
  for (size_t i = nodes.size(); i-- > 0;) {
    if (shown[i] != 0 || nodes[i].parent < 0) continue;
    hidden[static_cast<size_t>(nodes[i].parent)] += hidden[i] + 1;
  }
  Json columns = Json::object();
  for (const char* name :
       {"id", "parent", "origin", "call", "trial", "latency_ms", "best_below_ms", "visits", "prior",
        "revision", "new_best", "hidden", "delta", "reason"}) {
    columns[name] = Json::array();
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (shown[i] == 0) continue;
    const TreeNode& node = nodes[i];
    const NodeRecord& record = *node.record;
    auto origin = std::find(origins->begin(), origins->end(), record.origin);
    if (origin == origins->end()) origin = origins->insert(origins->end(), record.origin);
    columns["id"].push_back(record.node_id);
    columns["parent"].push_back(
        node.parent < 0 ? -1 : nodes[static_cast<size_t>(node.parent)].record->node_id);
    columns["origin"].push_back(origin - origins->begin());
    columns["call"].push_back(record.call_id);
    columns["trial"].push_back(
        node.trial < 0 ? 0 : records.trials[static_cast<size_t>(node.trial)].trial_id);
    columns["latency_ms"].push_back(NumberOrNull(node.latency_ms));
    columns["best_below_ms"].push_back(NumberOrNull(node.best_below_ms));
    columns["visits"].push_back(node.visits);
    columns["prior"].push_back(NumberOrNull(record.prior));
    columns["revision"].push_back(record.delta_is_plan ? 1 : 0);
    columns["new_best"].push_back(node.new_best ? 1 : 0);
    columns["hidden"].push_back(hidden[i]);
    columns["delta"].push_back(texts->Add(record.delta));
    columns["reason"].push_back(texts->Add(record.reason));
  }
  return columns;
}

// The fastest trials and all failures stay when there are too many.
std::vector<size_t> TrialsKept(const RunRecords& records, size_t limit) {
  std::vector<size_t> kept(records.trials.size());
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = i;
  if (kept.size() <= limit) return kept;
  const auto key = [&](size_t i) {
    const TrialRecord& trial = records.trials[i];
    if (!trial.finished) return std::numeric_limits<double>::infinity();
    return trial.outcome.ok() ? RankingLatencyMs(trial.outcome.samples_ms) : 1e300;
  };
  std::stable_sort(kept.begin(), kept.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  kept.resize(limit);
  std::sort(kept.begin(), kept.end());
  return kept;
}

Json TrialsJson(const RunRecords& records, size_t limit, StringTable* texts) {
  Json columns = Json::object();
  for (const char* name :
       {"id", "node", "latency_ms", "low_ms", "high_ms", "samples", "failure", "failure_text",
        "stopped_early", "max_relative_error", "build_s", "run_s", "ended_s"}) {
    columns[name] = Json::array();
  }
  for (const size_t i : TrialsKept(records, limit)) {
    const TrialRecord& trial = records.trials[i];
    const TrialOutcome& outcome = trial.outcome;
    const bool ok = trial.finished && outcome.ok();
    const auto range = std::minmax_element(outcome.samples_ms.begin(), outcome.samples_ms.end());
    columns["id"].push_back(trial.trial_id);
    columns["node"].push_back(trial.node_id);
    columns["latency_ms"].push_back(NumberOrNull(ok ? RankingLatencyMs(outcome.samples_ms) : kNaN));
    columns["low_ms"].push_back(NumberOrNull(ok ? *range.first : kNaN));
    columns["high_ms"].push_back(NumberOrNull(ok ? *range.second : kNaN));
    columns["samples"].push_back(outcome.samples_ms.size());
    columns["failure"].push_back(!trial.finished ? "unfinished"
                                 : ok            ? ""
                                                 : FailureKindName(outcome.failure));
    columns["failure_text"].push_back(texts->Add(outcome.failure_text));
    columns["stopped_early"].push_back(outcome.stopped_early ? 1 : 0);
    columns["max_relative_error"].push_back(NumberOrNull(ok ? outcome.max_relative_error : kNaN));
    columns["build_s"].push_back(outcome.build_s);
    columns["run_s"].push_back(outcome.run_s);
    columns["ended_s"].push_back(trial.finished ? Json(trial.elapsed_s) : Json(nullptr));
  }
  return columns;
}

// The best latency as it went: a point for every finished trial, or, if there are too many, for
// every improvement and some between.
Json CurveJson(const RunRecords& records, const RunTree& tree, size_t limit) {
  struct Reply {
    double at_s;
    double cost_usd;
  };
  std::vector<Reply> replies;
  for (const Event& event : records.events) {
    if (const auto* reply = std::get_if<ReplyEvent>(&event.body)) {
      replies.push_back({event.elapsed_s, reply->reply.usage.cost_usd});
    }
  }
  Json points = Json::array();
  const size_t step = tree.by_end().size() / std::max<size_t>(limit, 1) + 1;
  size_t answered = 0;
  double cost_usd = 0;
  double best_ms = kNaN;
  for (size_t i = 0; i < tree.by_end().size(); ++i) {
    const TrialRecord& trial = records.trials[tree.by_end()[i]];
    while (answered < replies.size() && replies[answered].at_s <= trial.elapsed_s) {
      cost_usd += replies[answered++].cost_usd;
    }
    double latency_ms = kNaN;
    if (trial.outcome.ok()) latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
    const bool improved =
        !trial.outcome.stopped_early &&
        latency_ms < (std::isnan(best_ms) ? std::numeric_limits<double>::infinity() : best_ms);
    if (improved) best_ms = latency_ms;
    if (!improved && i % step != 0 && i + 1 != tree.by_end().size()) continue;
    points.push_back({{"trials", i + 1},
                      {"calls", answered},
                      {"seconds", trial.elapsed_s},
                      {"cost_usd", cost_usd},
                      {"best_ms", NumberOrNull(best_ms)},
                      {"latency_ms", NumberOrNull(latency_ms)},
                      {"node", trial.node_id},
                      {"improved", improved}});
  }
  return points;
}

Json FinalsJson(const RunRecords& records) {
  Json finals = Json::array();
  for (auto event = records.events.rbegin(); event != records.events.rend(); ++event) {
    const auto* body = std::get_if<FinalsEvent>(&event->body);
    if (body == nullptr) continue;
    for (const FinalOutcome& final : body->finals) {
      Json item = {{"trial", final.trial_id}, {"node", 0}};
      for (const TrialRecord& trial : records.trials) {
        if (trial.trial_id != final.trial_id) continue;
        item["node"] = trial.node_id;
        item["searched_ms"] = NumberOrNull(RankingLatencyMs(trial.outcome.samples_ms));
      }
      item["latency_ms"] = NumberOrNull(RankingLatencyMs(final.samples_ms));
      item["ci_ms"] = IntervalOrNull(final.samples_ms);
      item["samples_ms"] = final.samples_ms;
      item["failure"] = final.failure == FailureKind::kNone ? "" : FailureKindName(final.failure);
      item["failure_text"] = final.failure_text;
      finals.push_back(std::move(item));
    }
    return {{"drift", NumberOrNull(body->drift)}, {"finalists", std::move(finals)}};
  }
  return nullptr;
}

// What a person asks first. Taken from the run's result; worked out from the rows where the run has
// none yet.
Json HeadlineJson(const RunRecords& records, const RunTree& tree, double peak_gflops) {
  const Json& result = records.run.result;
  const Workload& workload = records.run.start.workload;
  double best_ms = kNaN;
  Json interval = nullptr;
  if (result.is_object() && result.contains("best_latency_ms")) {
    if (result["best_latency_ms"].is_number()) best_ms = result["best_latency_ms"].get<double>();
    if (result.contains("best_latency_ci_ms")) interval = result["best_latency_ci_ms"];
  } else if (tree.best() >= 0) {
    const TreeNode& best = tree.nodes()[static_cast<size_t>(tree.best())];
    best_ms = best.latency_ms;
    if (best.trial >= 0) {
      interval = IntervalOrNull(records.trials[static_cast<size_t>(best.trial)].outcome.samples_ms);
    }
  }
  const double gflops = workload.flops > 0 && best_ms > 0 ? workload.flops / best_ms / 1e6 : kNaN;
  const double peak = peak_gflops * records.run.start.target.cores;
  int64_t failed = 0;
  int64_t finished = 0;
  for (const TrialRecord& trial : records.trials) {
    if (!trial.finished) continue;
    ++finished;
    if (!trial.outcome.ok()) ++failed;
  }
  double wall_s = records.events.empty() ? 0 : records.events.back().elapsed_s;
  if (result.is_object() && result.contains("wall_s") && result["wall_s"].is_number()) {
    wall_s = result["wall_s"].get<double>();
  }
  return {{"default_latency_ms", NumberOrNull(tree.default_latency_ms())},
          {"best_latency_ms", NumberOrNull(best_ms)},
          {"best_latency_ci_ms", std::move(interval)},
          {"speedup", NumberOrNull(tree.default_latency_ms() / best_ms)},
          {"gflops", NumberOrNull(gflops)},
          {"peak_gflops", NumberOrNull(peak > 0 ? peak : kNaN)},
          {"peak_fraction", NumberOrNull(peak > 0 ? gflops / peak : kNaN)},
          {"trials", records.trials.size()},
          {"trials_finished", finished},
          {"trials_failed", failed},
          {"calls", records.calls.size()},
          {"nodes", records.nodes.size()},
          {"wall_s", wall_s},
          {"final", result.is_object()}};
}

// The way from the root to the best plan: who contributed which steps, and what they brought.
Json LineageJson(const RunTree& tree) {
  std::vector<int64_t> path;
  for (int64_t i = tree.best(); i >= 0; i = tree.nodes()[static_cast<size_t>(i)].parent) {
    path.push_back(i);
  }
  std::reverse(path.begin(), path.end());
  Json lineage = Json::array();
  for (const int64_t i : path) {
    const TreeNode& node = tree.nodes()[static_cast<size_t>(i)];
    const double before_ms = tree.NearestLatencyMs(node.parent);
    lineage.push_back({{"node", node.record->node_id},
                       {"origin", node.record->origin},
                       {"call", node.record->call_id},
                       {"latency_ms", NumberOrNull(node.latency_ms)},
                       {"ratio", NumberOrNull(before_ms / node.latency_ms)},
                       {"revision", node.record->delta_is_plan},
                       {"reason", node.record->reason},
                       {"delta", node.record->delta}});
  }
  return lineage;
}

Json PlanWords(const std::string& text) {
  Json words = Json::array();
  const auto plan = ParsePlan(text);
  if (!plan.ok()) return words;  // of a newer Banyan, say: the text itself is shown all the same
  for (const Step& step : plan->steps) {
    const Transformation* transformation = FindTransformation(step.op);
    words.push_back({{"step", PrintStep(step)},
                     {"words", transformation != nullptr ? transformation->Describe(step) : ""}});
  }
  return words;
}

Json Commands(const RunRecords& records) {
  const RunConfig& config = records.run.start.config;
  const std::string& id = records.run.run_id;
  Json commands = Json::array();
  const auto add = [&](const std::string& what, const std::string& command) {
    commands.push_back({{"what", what}, {"command", command}});
  };
  if (config.strategy.name != "apply") {
    std::string pool;
    for (const PoolEntry& entry : config.pool) {
      if (entry.provider != "builtin") {
        pool = "POOL.toml";  // the run knows its models, not the file that they came from
        break;
      }
      if (!pool.empty()) pool += ",";
      pool += entry.name;
    }
    std::string tune =
        fmt::format("banyan tune {} --trials {} --calls {} --seed {} --strategy {} --pool {}",
                    ShellWord(config.workload_text), config.budget.trials, config.budget.calls,
                    config.seed, ShellWord(config.strategy.name), ShellWord(pool));
    if (std::isfinite(config.budget.seconds)) {
      tune += fmt::format(" --seconds {}", config.budget.seconds);
    }
    if (config.target_text != "host") tune += " --target " + ShellWord(config.target_text);
    if (config.cores != 1) tune += fmt::format(" --cores {}", config.cores);
    const Timing& timing = config.measure.timing;
    const Timing usual;
    if (timing.number != usual.number) tune += fmt::format(" --number {}", timing.number);
    if (timing.repeat != usual.repeat) tune += fmt::format(" --repeat {}", timing.repeat);
    if (timing.min_repeat_ms != usual.min_repeat_ms) {
      tune += fmt::format(" --min-repeat-ms {}", timing.min_repeat_ms);
    }
    add("search again, from the start", tune);
  }
  add("the tree and the best plan in words", "banyan explain " + id);
  add("the kernel, for use elsewhere", "banyan export " + id);
  if (!records.trials.empty()) {
    add("one trial, as it was",
        "banyan reproduce " + id + ":" + std::to_string(records.trials.front().trial_id));
  }
  add("this page", "banyan report " + id);
  return commands;
}

}  // namespace

std::string ShellWord(const std::string& word) {
  const bool plain =
      !word.empty() && word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                           "_-+=:,./@%") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Result<RunRecords> LoadRunRecords(const Store& store, const std::string& run) {
  RunRecords records;
  BANYAN_ASSIGN_OR_RETURN(records.run, store.LoadRun(run));
  const std::string& run_id = records.run.run_id;
  BANYAN_ASSIGN_OR_RETURN(records.nodes, store.LoadNodes(run_id));
  BANYAN_ASSIGN_OR_RETURN(records.trials, store.LoadTrials(run_id));
  BANYAN_ASSIGN_OR_RETURN(records.calls, store.LoadCalls(run_id));
  BANYAN_ASSIGN_OR_RETURN(records.events, store.LoadEvents(run_id));
  return records;
}

int64_t BestNode(const RunRecords& records) {
  const Json& result = records.run.result;
  if (result.is_object() && result.contains("plan") && result["plan"].is_string()) {
    const std::string plan = result["plan"].get<std::string>();
    if (plan.empty()) return 0;
    for (const TrialRecord& trial : records.trials) {
      if (trial.plan == plan) return trial.node_id;
    }
  }
  int64_t best = 0;
  double best_ms = kNaN;
  for (const TrialRecord& trial : records.trials) {
    if (!trial.finished || !trial.outcome.ok() || trial.outcome.stopped_early) continue;
    const double latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
    if (!(best_ms <= latency_ms)) {
      best_ms = latency_ms;
      best = trial.node_id;
    }
  }
  return best;
}

std::string PlanText(const RunRecords& records, int64_t node_id) {
  std::vector<const NodeRecord*> chain;
  const auto find = [&](int64_t id) -> const NodeRecord* {
    const auto at = std::lower_bound(
        records.nodes.begin(), records.nodes.end(), id,
        [](const NodeRecord& node, int64_t wanted) { return node.node_id < wanted; });
    return at != records.nodes.end() && at->node_id == id ? &*at : nullptr;
  };
  for (const NodeRecord* node = find(node_id);
       node != nullptr && chain.size() <= records.nodes.size(); node = find(node->parent_id)) {
    chain.push_back(node);
    if (node->delta_is_plan) break;
  }
  std::string text;
  for (auto node = chain.rbegin(); node != chain.rend(); ++node) {
    text += (*node)->delta;
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return text;
}

Json RunData(const RunRecords& records, const std::map<int64_t, std::string>& scripts,
             const RunDataLimits& limits) {
  const StoredRun& run = records.run;
  const RunTree tree(records);
  double peak_gflops = 0;
  Json reference = nullptr;
  for (const Event& event : records.events) {
    if (const auto* body = std::get_if<ReferenceEvent>(&event.body)) {
      peak_gflops = body->peak_gflops;
      reference = ToJson(body->reference);
      break;
    }
  }
  StringTable texts(limits.text_bytes, limits.one_text_bytes);
  // What the best plan is made of comes first: it is what a reader looks for.
  for (int64_t i = tree.best(); i >= 0; i = tree.nodes()[static_cast<size_t>(i)].parent) {
    texts.Add(tree.nodes()[static_cast<size_t>(i)].record->delta);
    texts.Add(tree.nodes()[static_cast<size_t>(i)].record->reason);
  }
  std::vector<std::string> origins;
  const std::vector<char> shown = tree.Shown(limits.nodes);
  const auto nodes_shown = static_cast<size_t>(std::count(shown.begin(), shown.end(), 1));

  Json config = ToJson(run.start.config);
  config["seed"] = std::to_string(run.start.config.seed);  // JavaScript cuts 64-bit integers
  const std::string best_plan = PlanText(records, BestNode(records));
  Json programs = Json::array();
  for (const auto& [node, script] : scripts)
    programs.push_back({{"node", node}, {"script", script}});

  Json data = {{"schema_version", 1},
               {"kind", "run"},
               {"run",
                {{"id", run.run_id},
                 {"number", run.number},
                 {"status", RunStatusName(run.status)},
                 {"created_unix_ms", run.created_unix_ms},
                 {"error", run.error}}},
               {"headline", HeadlineJson(records, tree, peak_gflops)},
               {"workload", ToJson(run.start.workload)},
               {"target", ToJson(run.start.target)},
               {"config", std::move(config)},
               {"versions", run.start.versions},
               {"reference", std::move(reference)},
               {"time_split_s", run.result.is_object() && run.result.contains("time_split_s")
                                    ? run.result["time_split_s"]
                                    : Json(nullptr)},
               {"models", ModelsJson(records, tree)},
               {"best",
                {{"node", BestNode(records)},
                 {"plan", best_plan},
                 {"steps", PlanWords(best_plan)},
                 {"lineage", LineageJson(tree)}}},
               {"curve", CurveJson(records, tree, limits.points)},
               {"calls", CallsJson(records, tree, limits.calls, &texts)},
               {"nodes", NodesJson(records, tree, shown, &texts, &origins)},
               {"trials", TrialsJson(records, limits.trials, &texts)},
               {"finals", FinalsJson(records)},
               {"programs", std::move(programs)},
               {"commands", Commands(records)}};
  data["origins"] = origins;
  data["strings"] = texts.strings();
  Json notes = Json::array();
  const auto note = [&](size_t left_out, size_t all, const char* what) {
    if (left_out > 0) {
      notes.push_back(
          fmt::format("{} of {} {} are left out to keep the page small; the store has "
                      "them all.",
                      left_out, all, what));
    }
  };
  note(records.nodes.size() - nodes_shown, records.nodes.size(), "nodes of the tree");
  note(records.trials.size() - data["trials"]["id"].size(), records.trials.size(), "trials");
  note(records.calls.size() - data["calls"].size(), records.calls.size(), "calls");
  if (texts.left_out() > 0) {
    notes.push_back(fmt::format("{} texts are left out to keep the page small.", texts.left_out()));
  }
  if (texts.cut() > 0) {
    notes.push_back(fmt::format("{} texts are cut short to keep the page small.", texts.cut()));
  }
  data["notes"] = std::move(notes);
  return data;
}

}  // namespace banyan
