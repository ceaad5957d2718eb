#include "schedule/compiler.h"

#include <list>
#include <string>
#include <unordered_map>
#include <utility>

#include "schedule/transformation.h"

namespace banyan {
namespace {

class ScheduleCompiler final : public Compiler {
 public:
  ScheduleCompiler(Workload workload, Target target, std::unique_ptr<LiveSchedule> root,
                   size_t capacity)
      : workload_(std::move(workload)),
        target_(std::move(target)),
        root_(std::move(root)),
        root_hash_(PlanHash(Plan())),
        capacity_(capacity) {}

  const Workload& workload() const override { return workload_; }
  const Target& target() const override { return target_; }
  CompilerCounters counters() const override { return counters_; }

  Result<Candidate> Root() override { return MakeCandidate(Plan(), *root_); }

  Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) override {
    Plan plan = parent.plan;
    for (size_t i = 0; i < steps.size(); ++i) {
      auto step = CanonicalStep(steps[i]);
      if (!step.ok()) {
        return InvalidArgument("step " + std::to_string(parent.plan.steps.size() + i + 1) + ": " +
                               step.error().message);
      }
      plan.steps.push_back(std::move(step).value());
    }
    return Build(std::move(plan));
  }

  Result<Candidate> Apply(const Plan& plan) override {
    Candidate root;
    return Extend(root, plan.steps);
  }

  Result<std::string> ModuleJson(const Candidate& candidate) override {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(candidate.plan));
    return schedule->ModuleJson();
  }
  Result<std::string> Script(const Candidate& candidate) override {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(candidate.plan));
    return schedule->Script();
  }
  Result<std::string> TracePython(const Candidate& candidate) override {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(candidate.plan));
    return schedule->TracePython();
  }
  Result<Json> TraceJson(const Candidate& candidate) override {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(candidate.plan));
    return schedule->TraceJson();
  }
  Result<std::vector<std::vector<float>>> Features(const Candidate& candidate) override {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(candidate.plan));
    return schedule->Features();
  }

 private:
  struct Entry {
    uint64_t hash = 0;
    std::unique_ptr<LiveSchedule> schedule;
  };

  // A cached schedule, most recently used from now on; nullptr: not cached.
  LiveSchedule* Find(uint64_t hash) {
    if (hash == root_hash_) return root_.get();
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->schedule.get();
  }

  // Owned by the cache, or by `last_` where the cache holds nothing; valid until the next call.
  LiveSchedule* Keep(uint64_t hash, std::unique_ptr<LiveSchedule> schedule) {
    if (capacity_ == 0) {
      last_ = std::move(schedule);
      return last_.get();
    }
    entries_.push_front({hash, std::move(schedule)});
    by_hash_[hash] = entries_.begin();
    if (entries_.size() > capacity_) {
      by_hash_.erase(entries_.back().hash);
      entries_.pop_back();
      ++counters_.evictions;
    }
    return entries_.front().schedule.get();
  }

  // The schedule after `plan`: cached, or built from its longest cached prefix.
  Result<LiveSchedule*> Live(const Plan& plan) {
    const std::vector<uint64_t> hashes = PrefixHashes(plan);
    const uint64_t hash = hashes.back();
    if (LiveSchedule* cached = Find(hash)) {
      ++counters_.cache_hits;
      return cached;
    }
    size_t length = plan.steps.size();
    LiveSchedule* ancestor = root_.get();
    while (length > 0) {
      --length;
      if (LiveSchedule* cached = Find(hashes[length])) {
        ancestor = cached;
        break;
      }
    }
    std::unique_ptr<LiveSchedule> schedule = ancestor->Copy();
    ++counters_.copies;
    const auto first = plan.steps.begin() + static_cast<std::ptrdiff_t>(length);
    const std::vector<Step> missing(first, plan.steps.end());
    counters_.steps_applied += missing.size();
    BANYAN_RETURN_IF_ERROR(ApplySteps(*schedule, missing, length + 1, &target_));
    return Keep(hash, std::move(schedule));
  }

  Result<Candidate> Build(Plan plan) {
    BANYAN_ASSIGN_OR_RETURN(LiveSchedule * schedule, Live(plan));
    return MakeCandidate(std::move(plan), *schedule);
  }

  Result<Candidate> MakeCandidate(Plan plan, LiveSchedule& schedule) {
    Candidate candidate;
    candidate.plan_hash = PlanHash(plan);
    candidate.plan = std::move(plan);
    BANYAN_ASSIGN_OR_RETURN(candidate.program_hash, schedule.ProgramHash());
    BANYAN_ASSIGN_OR_RETURN(candidate.program, schedule.Program());
    ++counters_.candidates;
    return candidate;
  }

  Workload workload_;
  Target target_;
  std::unique_ptr<LiveSchedule> root_;
  uint64_t root_hash_;
  size_t capacity_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> by_hash_;
  std::unique_ptr<LiveSchedule> last_;
  CompilerCounters counters_;
};

}  // namespace

std::unique_ptr<Compiler> MakeScheduleCompiler(Workload workload, Target target,
                                               std::unique_ptr<LiveSchedule> root,
                                               size_t capacity) {
  return std::make_unique<ScheduleCompiler>(std::move(workload), std::move(target), std::move(root),
                                            capacity);
}

}  // namespace banyan
