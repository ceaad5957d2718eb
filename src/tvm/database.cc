#include "tvm/database.h"

#include <tvm/ffi/dtype.h>

#include <filesystem>

#include "tvm/ffi.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

using ffi::ObjectRef;

// Schedule options of TVM's Python: random seed, no debug checks, detailed errors, checks on.
ObjectRef MakeSchedule(const ObjectRef& module) {
  constexpr int kDetail = 0;
  return CallTvm<ObjectRef>("s_tir.schedule.TracedSchedule", module, /*seed=*/1, /*debug_mask=*/0,
                            kDetail,
                            /*enable_check=*/true);
}

}  // namespace

Status WriteDatabase(const Workload& workload, const Target& target,
                     const std::vector<DatabaseRecord>& records, const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return EnvironmentError("cannot make folder " + folder + ": " + failed.message());
  return TryTvm(
      [&] {
        const ObjectRef module = ModuleFromJson(workload.module_json);
        const auto database = CallTvm<ObjectRef>(
            "s_tir.meta_schedule.DatabaseJSONDatabase", folder + "/database_workload.json",
            folder + "/database_tuning_record.json", /*allow_missing=*/true, "structural");
        const auto entry =
            CallTvm<ObjectRef>("s_tir.meta_schedule.DatabaseCommitWorkload", database, module);
        const auto arguments =
            CallTvm<ObjectRef>("s_tir.meta_schedule.ArgInfoFromEntryFunc", module,
                               /*remove_preproc=*/false);
        for (const DatabaseRecord& record : records) {
          const ObjectRef schedule = MakeSchedule(module);
          CallTvm<void>("s_tir.schedule.TraceApplyJSONToSchedule",
                        CallTvm("ffi.json.Parse", record.trace.dump()), schedule);
          const auto trace = CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetTrace", schedule);
          ffi::Array<ObjectRef> seconds;
          for (const double ms : record.samples_ms) {
            seconds.push_back(
                CallTvm<ObjectRef>("ir.FloatImm", DLDataType{kDLFloat, 64, 1}, ms * 1e-3, nullptr));
          }
          const auto tuned = CallTvm<ObjectRef>("s_tir.meta_schedule.TuningRecord", trace, entry,
                                                seconds, TargetObject(target), arguments);
          CallTvm<void>("s_tir.meta_schedule.DatabaseCommitTuningRecord", database, tuned);
        }
      },
      ErrorCode::kEnvironment);
}

}  // namespace banyan
