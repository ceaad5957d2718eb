#include "store/history.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/numbers.h"
#include "schedule/mutator_steps.h"
#include "search/scorer.h"
#include "store/blob.h"
#include "store/records.h"
#include "store/sqlite.h"
#include "store/store.h"

namespace banyan {
namespace {

constexpr size_t kExamples = 8;
constexpr int64_t kGainsOfAModel = 64;  // that are read of one model in one phase
constexpr int64_t kSamples = 4000;

// A run of which the latencies were measured, not simulated.
constexpr const char* kMeasured = "json_extract(r.config, '$.simulate') IS NULL";

struct PastRun {
  int64_t number = 0;
  Workload workload;
  double default_latency_ms = kNaN;
};

class StoreHistory final : public History {
 public:
  StoreHistory(std::unique_ptr<Store> owned, const Store* store, std::string except)
      : owned_(std::move(owned)), store_(store), except_(std::move(except)) {}

  Result<RunHistory> Load(const Workload& workload, const Target& target,
                          const std::vector<std::string>& models) override {
    RunHistory history;
    BANYAN_ASSIGN_OR_RETURN(history.examples, Examples(workload, target));
    if (store_->schema() < 2) return history;  // the rest was not recorded then
    BANYAN_ASSIGN_OR_RETURN(history.gains, Gains(workload, models));
    BANYAN_ASSIGN_OR_RETURN(history.samples, Samples(workload, target));
    return history;
  }

 private:
  const Database& database() const { return store_->database(); }

  // SQL that is true of a row `w` of the table workload that is related to the one bound by
  // BindRelated, for the parameters ?1 and ?2.
  std::string Related() const {
    const std::string family = "(w.family=?2 AND w.family<>'user')";
    return store_->schema() < 2 ? "(?1=?1 AND " + family + ")"
                                : "coalesce(w.structure=?1, 0) OR " + family;
  }
  static void BindRelated(Statement& statement, const Workload& workload) {
    statement.Bind(1, workload.structure == 0 ? std::string("none") : HashHex(workload.structure))
        .Bind(2, workload.family);
  }

  // Runs on this target that measured, related ones first, then the newest; or only related ones.
  Result<std::vector<PastRun>> Runs(const Workload& workload, const Target& target, bool related) {
    BANYAN_ASSIGN_OR_RETURN(
        Statement row,
        database().Prepare(
            "SELECT r.number, w.record, e.json, (" + Related() +
            ") AS related FROM run r JOIN workload w ON w.hash=r.workload_hash JOIN event e ON "
            "e.run=r.number AND e.event_index=0 WHERE r.target_fingerprint=?3 AND r.run_id<>?4 "
            "AND (related OR NOT ?5) AND " +
            std::string(kMeasured) + " ORDER BY related DESC, r.number DESC"));
    BindRelated(row, workload);
    row.Bind(3, HashHex(target.fingerprint)).Bind(4, except_).Bind(5, int64_t{related});
    std::vector<PastRun> runs;
    while (true) {
      BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
      if (!found) return runs;
      PastRun run;
      run.number = row.Integer(0);
      BANYAN_ASSIGN_OR_RETURN(run.workload, WorkloadFromRecord(row.Text(1), ""));
      BANYAN_ASSIGN_OR_RETURN(const Json json, ParseStored(row.Text(2), "event"));
      const auto event = EventFromJson(json);
      if (!event.ok()) continue;  // a run whose journal is damaged teaches nothing
      if (const auto* reference = std::get_if<ReferenceEvent>(&event->body)) {
        run.default_latency_ms = reference->reference.default_latency_ms;
      }
      runs.push_back(std::move(run));
    }
  }

  // The fastest plan of each related run; this very workload first, then those of the nearest
  // size, then by speedup.
  Result<std::vector<ExamplePlan>> Examples(const Workload& workload, const Target& target) {
    BANYAN_ASSIGN_OR_RETURN(const auto runs, Runs(workload, target, /*related=*/true));
    BANYAN_ASSIGN_OR_RETURN(
        Statement best,
        database().Prepare("SELECT plan, latency_ms FROM trial WHERE run=?1 AND latency_ms IS "
                           "NOT NULL ORDER BY latency_ms, trial_id LIMIT 1"));
    struct Ranked {
      double distance = 0;  // |ln| of the ratio of operations; -1: the same workload
      ExamplePlan example;
    };
    std::vector<Ranked> ranked;
    for (const PastRun& run : runs) {
      BANYAN_ASSIGN_OR_RETURN(const bool found, best.Bind(1, run.number).Step());
      if (!found) continue;
      auto plan = ParsePlan(best.Text(0));
      const double latency_ms = best.Real(1);
      BANYAN_ASSIGN_OR_RETURN(const bool more, best.Step());
      (void)more;  // there is one; this resets the statement
      // Plans of MetaSchedule's space are draws for one program.
      if (!plan.ok() || plan->steps.empty() || IsDesignSpaceStep(plan->steps.front())) continue;
      double distance = -1;
      if (run.workload.hash != workload.hash) {
        distance = run.workload.flops > 0 && workload.flops > 0
                       ? std::abs(std::log(run.workload.flops / workload.flops))
                       : 0;
      }
      ranked.push_back({distance,
                        {.workload = run.workload.id,
                         .plan = *std::move(plan),
                         .speedup = run.default_latency_ms / latency_ms}});
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
      if (a.distance != b.distance) return a.distance < b.distance;
      // Unknown ones last.
      return (std::isfinite(a.example.speedup) ? a.example.speedup : 0) >
             (std::isfinite(b.example.speedup) ? b.example.speedup : 0);
    });
    std::vector<ExamplePlan> examples;
    std::set<uint64_t> seen;
    for (Ranked& candidate : ranked) {
      if (examples.size() >= kExamples) break;
      if (!seen.insert(PlanHash(candidate.example.plan)).second) continue;
      examples.push_back(std::move(candidate.example));
    }
    return examples;
  }

  Result<std::vector<PastGain>> Gains(const Workload& workload,
                                      const std::vector<std::string>& models) {
    BANYAN_ASSIGN_OR_RETURN(
        Statement row,
        database().Prepare("SELECT c.gain, (" + Related() +
                           ") AS related FROM call c JOIN run r ON r.number=c.run JOIN workload "
                           "w ON w.hash=r.workload_hash WHERE c.model=?3 AND c.phase=?4 AND "
                           "c.gain IS NOT NULL AND r.run_id<>?5 AND " +
                           std::string(kMeasured) +
                           " "
                           "ORDER BY related DESC, c.run DESC, c.call_id DESC LIMIT ?6"));
    std::vector<PastGain> gains;
    for (const std::string& model : models) {
      for (const Phase phase : {Phase::kStructure, Phase::kRefinement, Phase::kStuck}) {
        BindRelated(row, workload);
        row.Bind(3, model).Bind(4, PhaseName(phase)).Bind(5, except_).Bind(6, kGainsOfAModel);
        while (true) {
          BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
          if (!found) break;
          gains.push_back({model, phase, row.Real(0), row.Integer(1) != 0});
        }
      }
    }
    return gains;
  }

  // Without a latency of the unscheduled program the values of a run are over its first measured
  // trial, as the search has them; such a run is a group of its own.
  Result<std::vector<CostSample>> Samples(const Workload& workload, const Target& target) {
    BANYAN_ASSIGN_OR_RETURN(const auto runs, Runs(workload, target, /*related=*/false));
    BANYAN_ASSIGN_OR_RETURN(
        Statement row,
        database().Prepare("SELECT t.latency_ms, f.bytes FROM trial t JOIN features f ON "
                           "f.program_hash=t.program_hash AND f.target=?2 WHERE t.run=?1 AND "
                           "t.failure NOT IN ('cancelled', 'not_measured') "
                           "ORDER BY t.finished_s, t.trial_id LIMIT ?3"));
    std::vector<CostSample> samples;
    for (const PastRun& run : runs) {
      const bool known = std::isfinite(run.default_latency_ms) && run.default_latency_ms > 0;
      double basis_ms = run.default_latency_ms;
      uint64_t group = CostGroup(run.workload, target);
      if (!known) group = HashCombine(group, static_cast<uint64_t>(run.number));
      row.Bind(1, run.number)
          .Bind(2, HashHex(target.fingerprint))
          .Bind(3, kSamples - static_cast<int64_t>(samples.size()));
      while (true) {
        BANYAN_ASSIGN_OR_RETURN(const bool found, row.Step());
        if (!found) break;
        CostSample sample{.features = {}, .group = group, .failed = row.IsNull(0)};
        BANYAN_ASSIGN_OR_RETURN(sample.features, UnpackFeatures(row.Blob(1)));
        if (!sample.failed) {
          if (!std::isfinite(basis_ms) || basis_ms <= 0) basis_ms = row.Real(0);
          sample.log_speedup = std::log(basis_ms / row.Real(0));
        }
        samples.push_back(std::move(sample));
      }
    }
    return samples;
  }

  const std::unique_ptr<Store> owned_;
  const Store* const store_;
  const std::string except_;
};

}  // namespace

std::unique_ptr<History> MakeStoreHistory(const Store* store, std::string except) {
  return std::make_unique<StoreHistory>(nullptr, store, std::move(except));
}

Result<std::unique_ptr<History>> OpenSnapshot(const std::string& path) {
  BANYAN_ASSIGN_OR_RETURN(auto store, Store::Open(path, Store::Mode::kRead));
  const Store* const raw = store.get();
  return std::unique_ptr<History>(std::make_unique<StoreHistory>(std::move(store), raw, ""));
}

}  // namespace banyan
