#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/live_schedule.h"
#include "schedule/program.h"
#include "schedule/step.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// A plan that applied cleanly. A value (the picture is shared); safe to read from any thread.
struct Candidate {
  Plan plan;
  uint64_t plan_hash = 0;
  uint64_t program_hash = 0;
  std::shared_ptr<const ProgramView> program;
};

// What a compiler did so far, for time accounting and tests.
struct CompilerCounters {
  size_t candidates = 0;     // Root, Extend and Apply that succeeded
  size_t cache_hits = 0;     // the wanted schedule was live
  size_t rebuilds = 0;       // it had been dropped and was rebuilt from an ancestor
  size_t copies = 0;         // schedules copied
  size_t steps_applied = 0;  // tried, whether they succeeded or not
  size_t evictions = 0;
};

// What the search needs of a compiler. Deterministic: the same calls give the same answers. Not
// thread-safe: one thread (the loop's) calls it.
class Compiler {
 public:
  virtual ~Compiler() = default;

  virtual const Workload& workload() const = 0;
  virtual const Target& target() const = 0;
  virtual CompilerCounters counters() const { return {}; }

  virtual Result<Candidate> Root() = 0;
  // Only the new steps are applied, on a copy of the parent's schedule.
  virtual Result<Candidate> Extend(const Candidate& parent, const std::vector<Step>& steps) = 0;
  virtual Result<Candidate> Apply(const Plan& plan) = 0;  // from the nearest cached prefix
  virtual Result<std::string> ModuleJson(const Candidate& candidate) = 0;
  virtual Result<std::string> Script(const Candidate& candidate) = 0;
  virtual Result<std::string> TracePython(const Candidate& candidate) = 0;
  virtual Result<Json> TraceJson(const Candidate& candidate) = 0;
  virtual Result<std::vector<std::vector<float>>> Features(const Candidate& candidate) = 0;
};

// The Compiler over live schedules: keeps at most `capacity` of them, least recently used out, and
// rebuilds a dropped one from its nearest cached ancestor. `root` is the workload's default
// program.
std::unique_ptr<Compiler> MakeScheduleCompiler(Workload workload, Target target,
                                               std::unique_ptr<LiveSchedule> root,
                                               size_t capacity = 256);

}  // namespace banyan
