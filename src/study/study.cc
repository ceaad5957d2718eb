#include "study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "base/format.h"
#include "base/strings.h"

namespace banyan {
namespace {

StudyRunKey KeyOf(const StudyConfig& config, const StudyCell& cell) {
  return {.workload = cell.workload,
          .seed = cell.seed,
          .budget = BudgetText(cell.budget),
          .arm = config.arms[cell.arm].label};
}

// The first field that differs, by its path.
std::string DifferenceOf(const Json& before, const Json& now, const std::string& path) {
  if (!before.is_object() || !now.is_object()) {
    return before == now ? std::string()
                         : fmt::format("{}: {}, now {}", path, before.dump(), now.dump());
  }
  for (const auto& [key, value] : now.items()) {
    const std::string inner = path.empty() ? key : path + "." + key;
    if (!before.contains(key)) return inner + " is new";
    const std::string found = DifferenceOf(before[key], value, inner);
    if (!found.empty()) return found;
  }
  for (const auto& [key, value] : before.items()) {
    if (!now.contains(key)) return (path.empty() ? key : path + "." + key) + " is gone";
  }
  return {};
}

// One call of RunStudy.
class Study {
 public:
  Study(const StudyConfig& config, const StudyOptions& options, const StudyDependencies& deps)
      : config_(config), options_(options), deps_(deps), watch_(deps.clock) {
    progress_.workloads = config.workloads;
    for (const StudyArm& arm : config.arms) {
      progress_.arms.push_back(
          {.label = arm.label, .best_ms = std::vector<double>(config.workloads.size(), kUnknown)});
    }
    groups_ = StudyOrder(config);
    progress_.runs = static_cast<int>(groups_.size() * config.arms.size());
    progress_.eta_s = kUnknown;
  }

  Status Run() {
    BANYAN_RETURN_IF_ERROR(LoadRecords());
    Report({});
    for (const StudyGroup& group : groups_) {
      for (const size_t arm : group.arms) {
        BANYAN_RETURN_IF_ERROR(RunCell(
            {.workload = group.workload, .seed = group.seed, .budget = group.budget, .arm = arm}));
      }
      BANYAN_RETURN_IF_ERROR(MeasureAgain(group));
    }
    return Ok{};
  }

 private:
  // What the store holds, checked against the file before anything runs.
  Status LoadRecords() {
    BANYAN_ASSIGN_OR_RETURN(records_, deps_.log->LoadRuns(config_.name));
    BANYAN_ASSIGN_OR_RETURN(finals_, deps_.log->LoadFinals(config_.name));
    for (const StudyGroup& group : groups_) {
      for (const size_t arm : group.arms) {
        const StudyCell cell{
            .workload = group.workload, .seed = group.seed, .budget = group.budget, .arm = arm};
        BANYAN_ASSIGN_OR_RETURN(const Json now,
                                deps_.runner->Configuration({.study = &config_, .cell = cell}));
        const StudyRunRecord* record = Find(KeyOf(config_, cell));
        if (record == nullptr) continue;
        const Json before = Json::parse(record->config, nullptr, false);
        const std::string difference = DifferenceOf(before, now, "");
        if (!difference.empty()) {
          return InvalidArgument(fmt::format(
              "study '{}' has a run of arm '{}' under other settings ({}): give the study another "
              "name, or pass another --store",
              config_.name, record->key.arm, OneLine(difference, 120)));
        }
        if (IsDone(*record)) Count(cell, *record);
      }
    }
    return Ok{};
  }

  StudyRunRecord* Find(const StudyRunKey& key) {
    const auto at = std::find_if(records_.begin(), records_.end(),
                                 [&](const StudyRunRecord& record) { return record.key == key; });
    return at == records_.end() ? nullptr : &*at;
  }

  bool IsDone(const StudyRunRecord& record) const {
    return record.status == "ok" || (record.status == "failed" && !options_.retry_failed);
  }

  // Returns the run's latency; NaN: none.
  double Count(const StudyCell& cell, const StudyRunRecord& record) {
    StudyProgress::Arm& arm = progress_.arms[cell.arm];
    ++arm.done;
    ++progress_.done;
    if (record.status == "failed") {
      ++arm.failed;
      ++progress_.failed;
      return kUnknown;
    }
    const auto run = deps_.store->LoadRun(record.run_id);
    if (!run.ok() || !run->result.is_object()) return kUnknown;
    const Json best = run->result.value("best_latency_ms", Json(nullptr));
    if (!best.is_number()) return kUnknown;
    const auto place =
        std::find(config_.workloads.begin(), config_.workloads.end(), cell.workload) -
        config_.workloads.begin();
    double& slot = arm.best_ms[static_cast<size_t>(place)];
    slot = std::fmin(slot, best.get<double>());
    return best.get<double>();
  }

  bool Cancelled() const { return deps_.cancel != nullptr && deps_.cancel->load(); }
  static Error CancelledError() { return {ErrorCode::kCancelled, "cancelled", {}}; }

  Status Save(const StudyRunRecord& record) {
    BANYAN_RETURN_IF_ERROR(deps_.log->Save(config_.name, record));
    if (StudyRunRecord* known = Find(record.key)) {
      *known = record;
    } else {
      records_.push_back(record);
    }
    return Ok{};
  }

  Status RunCell(const StudyCell& cell) {
    const StudyRunRequest request{.study = &config_, .cell = cell};
    const StudyRunKey key = KeyOf(config_, cell);
    StudyRunRecord record;
    if (const StudyRunRecord* known = Find(key)) record = *known;
    if (IsDone(record)) return Ok{};
    if (Cancelled()) return CancelledError();
    const std::string resume = record.status == "running" ? record.run_id : std::string();
    if (resume.empty()) {
      record = {};
      record.key = key;
      BANYAN_ASSIGN_OR_RETURN(const Json config, deps_.runner->Configuration(request));
      record.config = config.dump();
      record.status = "running";
      record.started_unix_ms = deps_.clock->UnixMs();
      record.facts = deps_.runner->Facts(request);
    }
    progress_.running = fmt::format("{}, seed {}, {}", cell.workload, cell.seed, key.arm);
    progress_.run = {};
    const Stopwatch watch(deps_.clock);
    Report(fmt::format("{} {}", resume.empty() ? "running" : "going on with", progress_.running));
    Status saved;
    const Status status = deps_.runner->Run(
        request, resume,
        [&](const std::string& run_id) {
          if (run_id == record.run_id) return;
          record.run_id = run_id;
          saved = Save(record);
        },
        [&](const RunProgress& run) {
          progress_.run = run;
          Report({});
        });
    if (!saved.ok()) return saved.error();
    const std::string ran = std::exchange(progress_.running, {});
    if (!status.ok() && status.error().code == ErrorCode::kCancelled) return status.error();
    record.status = status.ok() ? "ok" : "failed";
    record.error = status.ok() ? std::string() : status.error().message;
    record.ended_unix_ms = deps_.clock->UnixMs();
    BANYAN_RETURN_IF_ERROR(Save(record));
    const double best_ms = Count(cell, record);
    if (resume.empty()) spent_s_[cell.arm].push_back(watch.ElapsedS());
    Report(fmt::format("{}: {}", ran, status.ok() ? FormatMs(best_ms) : record.error));
    return Ok{};
  }

  // Both finals of every pair in one process, interleaved.
  Status MeasureAgain(const StudyGroup& group) {
    StudyFinalsRecord record;
    record.workload = group.workload;
    record.seed = group.seed;
    record.budget = BudgetText(group.budget);
    for (size_t arm = 0; arm < config_.arms.size(); ++arm) {
      const StudyRunRecord* run = Find(KeyOf(
          config_,
          {.workload = group.workload, .seed = group.seed, .budget = group.budget, .arm = arm}));
      if (run != nullptr && run->status == "ok") record.run_ids.push_back(run->run_id);
    }
    if (record.run_ids.size() < 2) return Ok{};  // nothing to compare with
    for (const StudyFinalsRecord& known : finals_) {
      if (known.workload == record.workload && known.seed == record.seed &&
          known.budget == record.budget && known.run_ids == record.run_ids) {
        return Ok{};
      }
    }
    if (Cancelled()) return CancelledError();
    progress_.running = fmt::format("{}, seed {}, finals", group.workload, group.seed);
    progress_.run = {};
    Report({});
    const Stopwatch watch(deps_.clock);
    const auto finals = deps_.runner->Finals(config_, record.run_ids);
    finals_spent_s_ += watch.ElapsedS();
    ++finals_made_;
    progress_.running.clear();
    if (Cancelled()) return CancelledError();
    if (!finals.ok()) {
      // The runs' own finals stand, and the tables say so; the next call tries again.
      Report(fmt::format("{}, seed {}: the finals were not measured again: {}", group.workload,
                         group.seed, finals.error().message));
      return Ok{};
    }
    for (const FinalOutcome& final : *finals) record.finals.push_back(ToJson(final));
    BANYAN_RETURN_IF_ERROR(deps_.log->Save(config_.name, record));
    return Ok{};
  }

  // Remaining runs at the mean cost of their arm so far, or of all; remaining finals likewise.
  double EtaS() const {
    double all_s = 0;
    size_t all = 0;
    for (const auto& [arm, spent] : spent_s_) {
      for (const double seconds : spent) all_s += seconds;
      all += spent.size();
    }
    if (all == 0) return kUnknown;
    const double mean_s = all_s / static_cast<double>(all);
    double eta_s = 0;
    for (size_t arm = 0; arm < config_.arms.size(); ++arm) {
      double arm_s = mean_s;
      if (const auto at = spent_s_.find(arm); at != spent_s_.end()) {
        arm_s = 0;
        for (const double seconds : at->second) {
          arm_s += seconds / static_cast<double>(at->second.size());
        }
      }
      eta_s +=
          arm_s * static_cast<double>(static_cast<int>(groups_.size()) - progress_.arms[arm].done);
    }
    if (finals_made_ > 0) {
      const int left = progress_.runs - progress_.done;
      eta_s += finals_spent_s_ / finals_made_ * left / static_cast<double>(config_.arms.size());
    }
    return eta_s;
  }

  void Report(std::string what) {
    if (!deps_.on_progress) return;
    progress_.elapsed_s = watch_.ElapsedS();
    progress_.eta_s = EtaS();
    progress_.last = std::move(what);
    deps_.on_progress(progress_);
  }

  const StudyConfig& config_;
  const StudyOptions& options_;
  const StudyDependencies& deps_;
  Stopwatch watch_;
  std::vector<StudyGroup> groups_;
  std::vector<StudyRunRecord> records_;
  std::vector<StudyFinalsRecord> finals_;
  std::map<size_t, std::vector<double>> spent_s_;  // by arm, of runs made by this process
  double finals_spent_s_ = 0;                      // by this process
  int finals_made_ = 0;
  StudyProgress progress_;
};

}  // namespace

Status RunStudy(const StudyConfig& config, const std::string& file_text,
                const StudyOptions& options, const StudyDependencies& deps) {
  BANYAN_RETURN_IF_ERROR(deps.log->Begin(config.name, file_text));
  const Status status = Study(config, options, deps).Run();
  const Status ended = deps.log->End(config.name);
  return status.ok() ? ended : status;
}

std::string ProgressText(const StudyProgress& progress, int columns) {
  const auto width = static_cast<size_t>(std::max(20, columns));
  const double share = progress.runs > 0 ? static_cast<double>(progress.done) / progress.runs : 1;
  std::string line =
      fmt::format("{} {}/{} runs", ProgressBar(share, 20), progress.done, progress.runs);
  if (progress.failed > 0) line += fmt::format(", {} failed", progress.failed);
  if (std::isfinite(progress.eta_s) && progress.done < progress.runs)
    line += ", " + FormatSeconds(progress.eta_s) + " left";
  if (!progress.running.empty()) {
    line += fmt::format("; {}", progress.running);
    if (progress.run.trials_done > 0) {
      line += fmt::format(": {} trials, {}", progress.run.trials_done,
                          FormatMs(progress.run.best_latency_ms));
    }
  }
  TextTable table({TextTable::Align::kLeft});
  std::vector<std::string> header = {"best so far", "done"};
  header.insert(header.end(), progress.workloads.begin(), progress.workloads.end());
  table.AddRow(header);
  for (const StudyProgress::Arm& arm : progress.arms) {
    std::vector<std::string> row = {
        arm.label, fmt::format("{}{}", arm.done,
                               arm.failed > 0 ? fmt::format(" ({} failed)", arm.failed) : "")};
    for (const double best_ms : arm.best_ms) row.push_back(FormatMs(best_ms));
    table.AddRow(row);
  }
  std::string text;
  for (const std::string& row : Split(line + "\n" + table.Print(), '\n')) {
    if (row.empty()) continue;
    std::string fitted = FitWidth(row, width - 1);
    fitted.erase(fitted.find_last_not_of(' ') + 1);
    text += fitted + "\n";
  }
  return text;
}

}  // namespace banyan
