#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "app/commands.h"
#include "app/output.h"
#include "app/progress.h"
#include "app/run_files.h"
#include "app/signals.h"
#include "app/wiring.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/strings.h"
#include "store/store.h"

namespace banyan {
namespace {

struct TrialName {
  std::string run = "last";
  uint64_t trial_id = 0;
};

// "RUN:N" or "N".
Result<TrialName> ParseTrialName(const std::string& text) {
  TrialName name;
  std::string number = text;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    name.run = text.substr(0, colon);
    number = text.substr(colon + 1);
  }
  const bool digits = !number.empty() && number.size() < 18 &&
                      number.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || name.run.empty()) {
    return InvalidArgument(
        fmt::format("'{}' is no trial: give its number (of the last run), or RUN:NUMBER", text));
  }
  name.trial_id = std::stoull(number);
  return name;
}

std::string InWords(const TrialOutcome& outcome) {
  if (outcome.ok()) {
    return fmt::format("{} ({} samples, error {:.2g} of the tolerance)",
                       FormatMs(RankingLatencyMs(outcome.samples_ms)), outcome.samples_ms.size(),
                       outcome.max_relative_error);
  }
  return fmt::format("{}: {}", FailureKindName(outcome.failure), OneLine(outcome.failure_text));
}

// Runs the case with TVM's Python alone.
constexpr const char* kCaseScript =
    R"py("""Builds and runs the scheduled program beside the unscheduled one and compares their outputs.

Needs only Python with TVM and numpy: python case.py [seed]
"""
import json
import pathlib
import sys

import numpy as np
import tvm

folder = pathlib.Path(__file__).resolve().parent
case = json.loads((folder / "case.json").read_text())
rng = np.random.default_rng(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
target = tvm.target.Target(case["target"])


def arrays():
    made = []
    for tensor in case["parameters"]:
        dtype = np.dtype(tensor["dtype"])
        if tensor["is_output"]:
            made.append(np.full(tensor["shape"], np.nan if dtype.kind == "f" else 77, dtype))
        elif dtype.kind == "f":
            made.append(rng.uniform(-1, 1, tensor["shape"]).astype(dtype))
        else:
            made.append(rng.integers(-8, 8, tensor["shape"]).astype(dtype))
    return made


def run(name, inputs):
    module = tvm.ir.load_json((folder / name).read_text())
    built = tvm.compile(module, target=target)
    tensors = [tvm.runtime.tensor(array) for array in inputs]
    built[case["entry"]](*tensors)
    return [tensor.numpy() for tensor in tensors]


inputs = arrays()
expected = run("workload.json", inputs)
print("unscheduled: done", flush=True)
actual = run("scheduled.json", inputs)
print("scheduled: done", flush=True)
for tensor, want, got in zip(case["parameters"], expected, actual):
    wrong = ~np.isclose(got, want, rtol=1e-3, atol=1e-4 * case["reduction_length"] ** 0.5)
    print(f"{tensor['name']}: {int(wrong.sum())} of {wrong.size} elements differ")
)py";

Status WriteCase(const std::string& folder, const StoredRun& run, const TrialRecord& trial,
                 const std::string& module_json, const std::string& script,
                 const TrialOutcome& now) {
  const Workload& workload = run.start.workload;
  Json parameters = Json::array();
  for (const TensorSpec& tensor : workload.parameters) {
    parameters.push_back({{"name", tensor.name},
                          {"shape", tensor.shape},
                          {"dtype", tensor.dtype},
                          {"is_output", tensor.is_output}});
  }
  const Json about = {{"run_id", run.run_id},
                      {"trial", trial.trial_id},
                      {"workload", workload.id},
                      {"entry", workload.entry},
                      {"parameters", std::move(parameters)},
                      {"reduction_length", workload.reduction_length},
                      {"target", run.start.target.json},
                      {"cpu", run.start.target.cpu_model},
                      {"program_hash", HashHex(trial.program_hash)},
                      {"seed", run.start.config.seed},
                      {"recorded", trial.finished ? ToJson(trial.outcome) : Json(nullptr)},
                      {"reproduced", ToJson(now)},
                      {"versions", run.start.versions}};
  const std::string readme = fmt::format(
      "# Trial {} of run {}\n\n`{}` with the plan in `plan.txt`.\n\n- recorded: {}\n- reproduced: "
      "{}\n\n"
      "`python case.py` builds and runs `scheduled.json` beside the unscheduled `workload.json` "
      "with plain "
      "TVM and compares; `scheduled.py` shows the program; `case.json` has the rest. With Banyan: "
      "`banyan apply '{}' plan.txt`.\n",
      trial.trial_id, run.run_id, workload.id,
      trial.finished ? InWords(trial.outcome) : std::string("never finished"), InWords(now),
      workload.id);
  BANYAN_RETURN_IF_ERROR(MakeFolder(folder));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/README.md", readme));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/workload.json", workload.module_json));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/scheduled.json", module_json));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/scheduled.py", script));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(folder + "/plan.txt", trial.plan));
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(
      folder + "/case.json", about.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  return WriteFileAtomically(folder + "/case.py", kCaseScript);
}

}  // namespace

Result<int> RunReproduce(const CommonOptions& common, const ReproduceOptions& options) {
  const std::atomic<bool>* cancel = InstallSignalHandlers();
  BANYAN_ASSIGN_OR_RETURN(const TrialName name, ParseTrialName(options.trial));
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const StoredRun run, store->LoadRun(name.run));
  BANYAN_ASSIGN_OR_RETURN(const TrialRecord trial, store->LoadTrial(run.run_id, name.trial_id));
  BANYAN_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(trial.plan));

  ProgressLine progress({.quiet = common.quiet});
  progress.Say(fmt::format("reproducing trial {} of run {} ({})", trial.trial_id, run.run_id,
                           run.start.workload.id));
  BANYAN_ASSIGN_OR_RETURN(auto compiler,
                          MakeCompiler(run.start.workload, run.start.target, ActionSpaceOf(plan)));
  BANYAN_ASSIGN_OR_RETURN(const Candidate candidate, compiler->Apply(plan));
  BANYAN_ASSIGN_OR_RETURN(const std::string module_json, compiler->ModuleJson(candidate));
  BANYAN_ASSIGN_OR_RETURN(const std::string script, compiler->Script(candidate));
  const bool same_program = candidate.program_hash == trial.program_hash;

  MeasureOptions measure = run.start.config.measure;
  measure.workers = 1;
  auto measurer = MakeMeasurer(measure);
  const auto reference =
      measurer->Prepare(run.start.workload, run.start.target, run.start.config.seed);
  if (!reference.ok()) return reference.error();
  measurer->Submit({.trial_id = trial.trial_id,
                    .program_hash = candidate.program_hash,
                    .module_json = module_json,
                    .timing = measure.timing});
  std::optional<TrialOutcome> now;
  while (!now && measurer->InFlight() > 0 && !cancel->load()) now = measurer->Wait(0.1);
  if (!now) return Error{ErrorCode::kCancelled, "cancelled", {}};
  progress.Finish();

  if (!options.out.empty()) {
    BANYAN_RETURN_IF_ERROR(WriteCase(options.out, run, trial, module_json, script, *now));
  }
  const bool same_end = !trial.finished || trial.outcome.failure == now->failure;
  if (common.json) {
    PrintJson({{"run_id", run.run_id},
               {"trial", trial.trial_id},
               {"plan", trial.plan},
               {"same_program", same_program},
               {"same_outcome", same_end},
               {"recorded", trial.finished ? ToJson(trial.outcome) : Json(nullptr)},
               {"reproduced", ToJson(*now)},
               {"out", options.out.empty() ? Json(nullptr) : Json(options.out)}});
    return 0;
  }
  std::fputs(
      AlignedRows({{"trial", fmt::format("{} of run {}", trial.trial_id, run.run_id)},
                   {"recorded", trial.finished ? InWords(trial.outcome) : "never finished"},
                   {"now", InWords(*now)},
                   {"verdict", same_end ? "it happened again" : "it ended differently this time"}})
          .c_str(),
      stdout);
  if (!same_program) {
    std::fputs("  note: the plan makes another program than it did when it was recorded\n", stdout);
  }
  if (options.out.empty()) {
    fmt::print("next: --out DIR writes it as a self-contained case\n");
  } else {
    fmt::print("case: {0}/README.md; `python {0}/case.py` runs it with plain TVM\n", options.out);
  }
  return 0;
}

}  // namespace banyan
