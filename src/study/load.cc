#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>
#include <utility>

#include "study/families.h"
#include "study/study.h"

namespace banyan {
namespace {

double Number(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number() ? at->get<double>() : kUnknown;
}

std::string Text(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// "2026-01-31T23:59:59Z"
std::string UtcTime(int64_t unix_ms) {
  if (unix_ms == 0) return {};
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

void AddName(const std::string& name, std::string* names) {
  if (("," + *names + ",").find("," + name + ",") != std::string::npos) return;
  *names += (names->empty() ? "" : ",") + name;
}

bool IsBuildFailure(FailureKind kind) {
  return kind == FailureKind::kBuildError || kind == FailureKind::kBuildTimeout ||
         kind == FailureKind::kBuildCrash;
}

// One run's rows out of the store.
class Loader {
 public:
  Loader(const StudyConfig& config, const Store& store, const StudyLog& log)
      : config_(config), store_(store), log_(log) {}

  Result<StudyTables> Load() {
    tables_.study = config_.name;
    tables_.description = config_.description;
    BANYAN_ASSIGN_OR_RETURN(records_, log_.LoadRuns(config_.name));
    BANYAN_ASSIGN_OR_RETURN(finals_, log_.LoadFinals(config_.name));
    BANYAN_ASSIGN_OR_RETURN(being_run_, log_.IsBeingRun(config_.name));
    for (const std::string& workload : config_.workloads) {
      for (const Budget& budget : config_.budgets) {
        for (const uint64_t seed : config_.seeds) {
          for (const StudyArm& arm : config_.arms) {
            BANYAN_RETURN_IF_ERROR(LoadRow({.workload = workload,
                                            .seed = seed,
                                            .budget = BudgetText(budget),
                                            .arm = arm.label},
                                           budget, arm));
          }
        }
      }
    }
    FillTables(config_.comparisons, &tables_);
    AddNotes();
    return std::move(tables_);
  }

 private:
  const StudyRunRecord* Find(const StudyRunKey& key) const {
    const auto at = std::find_if(records_.begin(), records_.end(),
                                 [&](const StudyRunRecord& record) { return record.key == key; });
    return at == records_.end() ? nullptr : &*at;
  }

  Status LoadRow(const StudyRunKey& key, const Budget& budget, const StudyArm& arm) {
    RunRow row;
    row.study = config_.name;
    row.arm = key.arm;
    row.method_name = arm.strategy;
    row.implementation = "banyan";
    row.workload_name = key.workload;
    row.workload_type = WorkloadType(key.workload);
    row.seed = key.seed;
    row.trials = budget.trials;
    row.llm_budget = budget.calls;
    row.budget = key.budget;
    row.number = config_.final_timing.number;
    row.repeat = config_.final_timing.repeat;
    row.min_repeat_ms = config_.final_timing.min_repeat_ms;
    if (!arm.set.empty()) {
      row.notes = "set:";
      for (const auto& [field, text] : arm.set) row.notes += fmt::format(" {}={}", field, text);
    }
    const StudyRunRecord* record = Find(key);
    row.status = record == nullptr ? "pending" : record->status;
    if (row.status == "running" && !being_run_) row.status = "interrupted";
    if (record != nullptr) {
      FillFacts(*record, &row);
      if (!record->run_id.empty()) BANYAN_RETURN_IF_ERROR(FillFromRun(record->run_id, &row));
      if (record->status == "ok") FillFinals(key, &row);
      if (row.ok() && !(row.median_latency_ms > 0)) {
        row.status = "failed";
        row.error = "no candidate could be measured";
      }
    }
    tables_.runs.push_back(std::move(row));
    return Ok{};
  }

  static void FillFacts(const StudyRunRecord& record, RunRow* row) {
    const Json& facts = record.facts;
    row->run_id = record.run_id;
    row->error = record.error;
    row->timestamp_utc =
        UtcTime(record.ended_unix_ms > 0 ? record.ended_unix_ms : record.started_unix_ms);
    row->repo_commit = Text(facts, "repo_commit");
    if (const auto machine = facts.find("machine"); machine != facts.end()) {
      row->setup["machine"] = *machine;
    }
    row->api_key_presence_only = Text(facts, "api_key_presence_only");
    row->env_LD_LIBRARY_PATH = Text(facts, "env_LD_LIBRARY_PATH");
    row->env_PYTHONPATH = Text(facts, "env_PYTHONPATH");
    row->env_TVM_HOME = Text(facts, "env_TVM_HOME");
    row->env_TVM_LIBRARY_PATH = Text(facts, "env_TVM_LIBRARY_PATH");
    row->repo_path = Text(facts, "repo_path");
    row->tvm_file = Text(facts, "tvm_file");
    row->work_dir = Text(facts, "work_dir");
    row->raw_json = Text(facts, "_raw_json");
    row->log_path = Text(facts, "log_path");
  }

  Status FillFromRun(const std::string& run_id, RunRow* row) {
    BANYAN_ASSIGN_OR_RETURN(const StoredRun run, store_.LoadRun(run_id));
    const StrategyConfig& strategy = run.start.config.strategy;
    row->shape = WorkloadShape(run.start.workload.id);
    row->target = run.start.target.json;
    row->cpu = run.start.target.cpu_model;
    if (strategy.loop != "tree") row->num_trials_per_iter = strategy.trials_per_round;
    row->cost_model = strategy.cost_model;
    row->setup["machine"]["cpu"] = run.start.target.cpu_model;
    row->setup["machine"]["llvm_cpu"] = run.start.target.cpu;
    row->setup["machine"]["kernel_cores"] = run.start.target.cores;
    row->setup["versions"] = run.start.versions;
    row->tvm_version = Text(run.start.versions, "tvm");
    row->banyan_version = Text(run.start.versions, "banyan");
    if (run.result.is_object()) FillFromResult(run.result, row);
    BANYAN_RETURN_IF_ERROR(CountTrials(run_id, row));
    BANYAN_RETURN_IF_ERROR(CountCalls(run_id, row));
    return AddCurve(run_id, *row);
  }

  static void FillFromResult(const Json& result, RunRow* row) {
    row->run_latency_ms = row->median_latency_ms = Number(result, "best_latency_ms");
    row->default_latency_ms = Number(result, "default_latency_ms");
    row->speedup = Number(result, "speedup");
    row->gflops = Number(result, "gflops");
    row->peak_fraction = Number(result, "peak_fraction");
    row->total_tuning_time_sec = Number(result, "wall_s");
    row->plan = Text(result, "plan");
    if (const auto split = result.find("time_split_s"); split != result.end()) {
      row->models_s = Number(*split, "models");
      row->search_s = Number(*split, "search");
      row->apply_s = Number(*split, "apply");
      row->build_s = Number(*split, "build");
      row->run_s = Number(*split, "run");
    }
  }

  Status CountTrials(const std::string& run_id, RunRow* row) const {
    BANYAN_ASSIGN_OR_RETURN(const auto trials, store_.LoadTrials(run_id));
    int64_t measured = 0;
    int64_t unbuilt = 0;
    int64_t invalid = 0;
    for (const TrialRecord& trial : trials) {
      if (!trial.finished || trial.outcome.failure == FailureKind::kCancelled) continue;
      const bool build = IsBuildFailure(trial.outcome.failure);
      measured += trial.outcome.ok() ? 1 : 0;
      unbuilt += build ? 1 : 0;
      invalid += !trial.outcome.ok() && !build ? 1 : 0;
    }
    row->num_measured_candidates = measured;
    row->compile_failure_count = unbuilt;
    row->invalid_candidate_count = invalid;
    return Ok{};
  }

  LedgerRow& LedgerOf(const std::string& arm, const std::string& model, const std::string& role) {
    auto at = std::find_if(tables_.ledger.begin(), tables_.ledger.end(), [&](const LedgerRow& row) {
      return row.arm == arm && row.model == model;
    });
    if (at == tables_.ledger.end()) {
      LedgerRow row;
      row.arm = arm;
      row.model = model;
      row.role = role;
      row.runs = row.calls = row.answered = row.accepted = 0;
      row.tokens_in = row.tokens_out = row.cost_usd = row.seconds = 0;
      at = tables_.ledger.insert(tables_.ledger.end(), std::move(row));
    }
    return *at;
  }

  Status CountCalls(const std::string& run_id, RunRow* row) {
    BANYAN_ASSIGN_OR_RETURN(const auto calls, store_.LoadCalls(run_id));
    int64_t strong = 0;
    row->tokens_in = row->tokens_out = row->cost_usd = 0;
    std::set<std::string> asked;
    for (const CallRecord& call : calls) {
      const bool is_strong = call.role == ModelRole::kStrong;
      strong += is_strong ? 1 : 0;
      AddName(call.model, is_strong ? &row->strong_model : &row->small_model);
      LedgerRow& ledger = LedgerOf(row->arm, call.model, is_strong ? "strong" : "light");
      *ledger.runs += asked.insert(call.model).second ? 1 : 0;
      ++*ledger.calls;
      if (!call.answered) continue;
      const Usage& usage = call.reply.usage;
      ++*ledger.answered;
      *ledger.accepted += call.accepted;
      ledger.tokens_in += static_cast<double>(usage.tokens_in);
      ledger.tokens_out += static_cast<double>(usage.tokens_out);
      ledger.cost_usd += usage.cost_usd;
      ledger.seconds += usage.seconds;
      row->tokens_in += static_cast<double>(usage.tokens_in);
      row->tokens_out += static_cast<double>(usage.tokens_out);
      row->cost_usd += usage.cost_usd;
    }
    const auto count = static_cast<int64_t>(calls.size());
    row->llm_calls = count;
    row->strong_model_call_count = strong;
    row->small_model_call_count = count - strong;
    if (count > 0)
      row->large_model_ratio = static_cast<double>(strong) / static_cast<double>(count);
    return Ok{};
  }

  Status AddCurve(const std::string& run_id, const RunRow& row) {
    BANYAN_ASSIGN_OR_RETURN(const auto events, store_.LoadEvents(run_id));
    Curve curve{.run_id = run_id,
                .arm = row.arm,
                .workload_name = row.workload_name,
                .budget = row.budget,
                .seed = row.seed,
                .points = {}};
    CurvePoint now;
    for (const Event& event : events) {
      now.seconds = event.elapsed_s;
      if (const auto* reply = std::get_if<ReplyEvent>(&event.body)) {
        ++now.calls;
        now.cost_usd += reply->reply.usage.cost_usd;
      } else if (const auto* outcome = std::get_if<OutcomeEvent>(&event.body)) {
        ++now.trials;
        const bool whole = outcome->outcome.ok() && !outcome->outcome.stopped_early;
        const double latency_ms = whole ? RankingLatencyMs(outcome->outcome.samples_ms) : kUnknown;
        now.best_latency_ms = std::fmin(now.best_latency_ms, latency_ms);
      } else {
        continue;
      }
      curve.points.push_back(now);
    }
    tables_.curves.push_back(std::move(curve));
    return Ok{};
  }

  // The pair's interleaved re-measurement replaces the run's own finals.
  void FillFinals(const StudyRunKey& key, RunRow* row) const {
    for (const StudyFinalsRecord& record : finals_) {
      if (record.workload != key.workload || record.seed != key.seed ||
          record.budget != key.budget) {
        continue;
      }
      const auto at = std::find(record.run_ids.begin(), record.run_ids.end(), row->run_id);
      const auto place = static_cast<size_t>(at - record.run_ids.begin());
      if (place >= record.finals.size()) continue;
      const auto final = FinalOutcomeFromJson(record.finals[place]);
      if (!final.ok()) continue;
      if (final->failure != FailureKind::kNone || final->samples_ms.empty()) {
        row->status = "failed";
        row->error = fmt::format("measured again, it failed: {}: {}",
                                 FailureKindName(final->failure), final->failure_text);
        row->median_latency_ms = kUnknown;
        return;
      }
      row->remeasured = true;
      row->latency_samples_ms = final->samples_ms;
      row->best_latency_ms = *std::min_element(final->samples_ms.begin(), final->samples_ms.end());
      row->median_latency_ms = RankingLatencyMs(final->samples_ms);
      row->speedup = row->default_latency_ms / row->median_latency_ms;
      row->gflops *= row->run_latency_ms / row->median_latency_ms;
      row->peak_fraction *= row->run_latency_ms / row->median_latency_ms;
    }
  }

  void AddNotes() {
    std::set<std::string> commits;
    std::set<std::string> cpus;
    int64_t apart = 0;
    int64_t open = 0;
    for (const RunRow& row : tables_.runs) {
      if (!row.repo_commit.empty()) commits.insert(row.repo_commit);
      if (!row.cpu.empty()) cpus.insert(row.cpu);
      apart += row.ok() && !row.remeasured ? 1 : 0;
      open += row.status != "ok" && row.status != "failed" ? 1 : 0;
    }
    const auto note = [this](std::string text) { tables_.notes.push_back(std::move(text)); };
    if (open > 0) note(fmt::format("{} runs are not done yet: these are interim tables", open));
    if (apart > 0) {
      note(
          fmt::format("{} runs have no interleaved re-measurement: their own finals stand", apart));
    }
    if (commits.size() > 1) note("the runs were made by more than one version of Banyan");
    if (cpus.size() > 1) note("the runs were made on more than one kind of machine");
    const bool builtin_only =
        std::all_of(tables_.ledger.begin(), tables_.ledger.end(),
                    [](const LedgerRow& row) { return row.model.rfind("builtin:", 0) == 0; });
    if (builtin_only && !tables_.ledger.empty()) {
      note("all calls went to built-in experts, no language model was asked");
    }
  }

  const StudyConfig& config_;
  const Store& store_;
  const StudyLog& log_;
  std::vector<StudyRunRecord> records_;
  std::vector<StudyFinalsRecord> finals_;
  bool being_run_ = false;
  StudyTables tables_;
};

}  // namespace

Result<StudyTables> LoadStudyTables(const StudyConfig& config, const Store& store,
                                    const StudyLog& log) {
  return Loader(config, store, log).Load();
}

}  // namespace banyan
