#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "app/commands.h"
#include "app/output.h"
#include "app/run_files.h"
#include "app/run_view.h"
#include "app/wiring.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/strings.h"
#include "study/study_file.h"
#include "tvm/database.h"
#include "tvm/export.h"
#include "tvm/live_schedule.h"

namespace banyan {
namespace {

constexpr size_t kDatabaseRecords = 8;

Json TargetFingerprint(const Target& target) {
  return {{"fingerprint", HashHex(target.fingerprint)},
          {"target", target.json},
          {"cpu", target.cpu},
          {"cpu_model", target.cpu_model},
          {"cores", target.cores},
          {"vector_bits", target.vector_bits},
          {"l1_bytes", target.l1_bytes},
          {"l2_bytes", target.l2_bytes},
          {"l3_bytes", target.l3_bytes}};
}

std::string Readme(const RunView& view, const std::string& name) {
  const Workload& workload = view.run.start.workload;
  return fmt::format(R"(# {0}

The best schedule of Banyan's run {1} for `{2}`, found on {3}.

| file | what it is |
|---|---|
| `database/` | MetaSchedule database: `database_workload.json`, `database_tuning_record.json` |
| `workload.json` | the unscheduled program (TVM IRModule), for looking it up in the database |
| `scheduled.py` | the scheduled program as TVMScript |
| `schedule.py` | the schedule as Python statements on a TVM `Schedule` named `sch` |
| `plan.txt` | the plan, for `banyan apply` |
| `{4}.o`, `{4}.h`, `{4}_runtime.c`, `example.c`, `Makefile` | the kernel for C: `make && ./example` |
| `target.json` | the machine it was tuned and compiled for |
| `result.json` | what was measured |

From TVM's Python:

```python
import tvm
from tvm.s_tir import meta_schedule as ms

mod = tvm.ir.load_json(open("workload.json").read())
target = tvm.target.Target({5})
database = ms.database.JSONDatabase(work_dir="database")
scheduled = database.query_ir_module(mod, target, "main")
```

The object file uses the instructions of this CPU and runs only where they exist.
)",
                     workload.id, view.run.run_id, workload.id, view.run.start.target.cpu_model,
                     name, Json(view.run.start.target.json).dump());
}

using Texts = std::vector<std::pair<std::string, std::string>>;  // file name, content

// Writes the C files and the texts; the paths of all.
Result<Json> WriteFiles(const RunStart& start, const std::string& module_json,
                        const std::string& folder, const Texts& texts) {
  Json files = Json::array();
  BANYAN_ASSIGN_OR_RETURN(const auto c_files, ExportC(start.workload, start.target, module_json,
                                                      ExportName(start.workload), folder));
  for (const auto& [file, text] : texts) {
    BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/" + file, text));
    files.push_back(folder + "/" + file);
  }
  for (const std::string& file : c_files) files.push_back(file);
  return files;
}

void SayExported(const CommonOptions& common, const RunView& view, const std::string& folder,
                 const Json& files, const std::string& what) {
  if (common.json) {
    PrintJson({{"run_id", view.run.run_id},
               {"folder", folder},
               {"name", ExportName(view.run.start.workload)},
               {"files", files}});
  } else {
    fmt::print("{}: {}\n", folder, what);
  }
}

// Of a run of TVM's own search, whose best program is recorded whole and not as a plan.
Result<int> ExportProgram(const CommonOptions& common, const RunView& view,
                          const std::string& folder) {
  const RunStart& start = view.run.start;
  const Json& result = view.run.result;
  const auto found = result.is_object() ? result.find("module_json") : result.end();
  if (found == result.end() || !found->is_string() ||
      found->get_ref<const std::string&>().empty()) {
    return NotFound(fmt::format("run {} measured nothing that could be exported", view.run.run_id));
  }
  const auto module_json = found->get<std::string>();
  BANYAN_ASSIGN_OR_RETURN(auto schedule, MakeLiveSchedule(module_json, start.workload.entry));
  BANYAN_ASSIGN_OR_RETURN(const std::string script, schedule->Script());
  BANYAN_RETURN_IF_ERROR(MakeFolder(folder));
  BANYAN_ASSIGN_OR_RETURN(
      const Json files, WriteFiles(start, module_json, folder,
                                   {{"workload.json", start.workload.module_json},
                                    {"scheduled.json", module_json},
                                    {"scheduled.py", script},
                                    {"target.json", TargetFingerprint(start.target).dump(2) + "\n"},
                                    {"result.json", view.run.result.dump(2) + "\n"}}));
  SayExported(common, view, folder, files,
              "the best program of TVM's own search as TVM JSON, TVMScript, C object and example");
  return 0;
}

}  // namespace

Result<int> RunExport(const CommonOptions& common, const ExportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const RunView view, LoadRunView(*store, options.run));
  if (view.nodes.empty()) {
    return NotFound(fmt::format("run {} measured nothing that could be exported", view.run.run_id));
  }
  const RunStart& start = view.run.start;
  const std::string folder = options.out.empty() ? "banyan-export-" + view.run.run_id : options.out;
  if (start.config.strategy.name == kTvmEvolutionary) return ExportProgram(common, view, folder);
  BANYAN_ASSIGN_OR_RETURN(const Plan plan, view.PlanOf(view.best_node));
  BANYAN_ASSIGN_OR_RETURN(auto compiler,
                          MakeCompiler(start.workload, start.target, ActionSpaceOf(plan)));
  BANYAN_ASSIGN_OR_RETURN(const Candidate best, compiler->Apply(plan));
  BANYAN_ASSIGN_OR_RETURN(const std::string module_json, compiler->ModuleJson(best));
  BANYAN_ASSIGN_OR_RETURN(const std::string script, compiler->Script(best));
  BANYAN_ASSIGN_OR_RETURN(const std::string trace, compiler->TracePython(best));

  // The winner first; then the fastest others. Their latencies are the search's own.
  std::vector<DatabaseRecord> records;
  for (const TrialRecord* trial : view.FastestTrials()) {
    const bool is_best = trial->node_id == view.best_node;
    if (!is_best && records.size() >= kDatabaseRecords) continue;
    BANYAN_ASSIGN_OR_RETURN(const Plan other_plan, ParsePlan(trial->plan));
    BANYAN_ASSIGN_OR_RETURN(const Candidate other, compiler->Apply(other_plan));
    BANYAN_ASSIGN_OR_RETURN(Json trace_json, compiler->TraceJson(other));
    DatabaseRecord record{std::move(trace_json), trial->outcome.samples_ms};
    // A database picks the least latency, and the finals may have chosen otherwise: only what was
    // slower in the search may stand beside the winner.
    if (is_best) {
      records.clear();
      records.push_back(std::move(record));
    } else {
      records.push_back(std::move(record));
    }
  }
  const bool best_is_recorded = std::any_of(
      view.trials.begin(), view.trials.end(),
      [&](const TrialRecord& trial) { return trial.finished && trial.node_id == view.best_node; });
  if (!best_is_recorded && std::isfinite(view.default_latency_ms)) {
    // The unscheduled program won: its empty trace is the record, and nothing slower beside it.
    BANYAN_ASSIGN_OR_RETURN(Json trace_json, compiler->TraceJson(best));
    records = {{std::move(trace_json), {view.default_latency_ms}}};
  }
  BANYAN_RETURN_IF_ERROR(MakeFolder(folder));
  BANYAN_RETURN_IF_ERROR(MakeFolder(folder + "/database"));
  if (!records.empty()) {
    BANYAN_RETURN_IF_ERROR(
        WriteDatabase(start.workload, start.target, records, folder + "/database"));
  }
  BANYAN_ASSIGN_OR_RETURN(
      Json files, WriteFiles(start, module_json, folder,
                             {{"workload.json", start.workload.module_json},
                              {"scheduled.py", script},
                              {"schedule.py", trace},
                              {"plan.txt", PrintPlan(plan)},
                              {"target.json", TargetFingerprint(start.target).dump(2) + "\n"},
                              {"result.json", view.run.result.dump(2) + "\n"},
                              {"README.md", Readme(view, ExportName(start.workload))}}));
  files.push_back(folder + "/database");
  SayExported(
      common, view, folder, files,
      fmt::format("MetaSchedule database, TVMScript, Python trace, C object and example; see "
                  "{}/README.md",
                  folder));
  return 0;
}

}  // namespace banyan
