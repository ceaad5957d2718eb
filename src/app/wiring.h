#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/options.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "cost/cost_model.h"
#include "measure/measurer.h"
#include "model/model.h"
#include "schedule/compiler.h"
#include "search/history.h"
#include "search/run_config.h"

namespace banyan {

class Store;

// Where the rooms are put together: the only place that knows which class implements which port.

// What one run works with. Making it loads TVM; workers start with the measurer's Prepare.
struct Workbench {
  std::unique_ptr<Compiler> compiler;
  std::unique_ptr<Measurer> measurer;
  std::vector<std::unique_ptr<Model>> models;
  std::unique_ptr<CostModel> cost_model;  // nullptr: the strategy has none
  Clock* clock = SystemClock::Get();      // a simulation has its own, the measurer's

  std::vector<Model*> pool() const;
};

// Checks of what a person typed that need no TVM: budget, strategy, models, cores.
Result<RunConfig> MakeRunConfig(const TuneOptions& options);
// The configuration under which `apply` records its one trial.
RunConfig MakeApplyConfig(const ApplyOptions& options);

// Fails at once, without TVM, on a name that can be neither a built-in workload nor a file.
Status CheckWorkloadText(const std::string& text);

// For plans of that action space: our steps, or MetaSchedule's mutators on sampled traces.
Result<std::unique_ptr<Compiler>> MakeCompiler(const Workload& workload, const Target& target,
                                               const std::string& action_space = "plan");
// The action space that a plan is written in.
const char* ActionSpaceOf(const Plan& plan);
// Compilers of one workload by action space, made when a plan first asks for one.
class PlanCompilers {
 public:
  PlanCompilers(const Workload* workload, const Target* target)
      : workload_(workload), target_(target) {}
  Result<Compiler*> For(const Plan& plan);

 private:
  const Workload* workload_;  // borrowed, as the target
  const Target* target_;
  std::map<std::string, std::unique_ptr<Compiler>> compilers_;
};

std::unique_ptr<Measurer> MakeMeasurer(const MeasureOptions& options);
Result<Workbench> MakeWorkbench(const RunConfig& config, const Workload& workload,
                                const Target& target);

// What the run `run_id` may learn from: `own` or the configuration's snapshot; nullptr: nothing.
Result<std::unique_ptr<History>> MakeHistory(const RunConfig& config, const Store* own,
                                             const std::string& run_id);

// The multiply-add peak of the core that runs kernels, GFLOP/s; pins this thread meanwhile (~20
// ms).
Result<double> PeakGflopsOfRunCore(const MeasureOptions& options);

// The CPU that runs kernels.
int RunCpu(const MeasureOptions& options);

// Versions of Banyan and of what it stands on, by name. Does not load TVM.
Json ToolVersions();

}  // namespace banyan
