#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// One tuning record for TVM's MetaSchedule.
struct DatabaseRecord {
  Json trace;                      // LiveSchedule::TraceJson of the schedule
  std::vector<double> samples_ms;  // its measured latencies
};

// Appends the records to the MetaSchedule JSON database in `folder` (database_workload.json and
// database_tuning_record.json), which TVM's own Python reads:
//   ms.database.JSONDatabase(work_dir=folder).query_ir_module(mod, target, "main")
// Each trace is applied to the workload first, so that what is written is known to replay. Blocks.
Status WriteDatabase(const Workload& workload, const Target& target,
                     const std::vector<DatabaseRecord>& records, const std::string& folder);

}  // namespace banyan
