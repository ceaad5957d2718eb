#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "study/tables.h"

namespace banyan {

// Tables in the published CSV layout, or our own, from a folder or single files: tables of runs (a
// column latency_samples_ms) and, where there are none, of pairs (baseline_median_latency_ms and a
// seed). Where both are given, the pairs are made from the runs and must agree with the table.
// Other tables of the layout (summaries) are derived again, not read. `baseline` names the arm to
// compare with; empty: the one whose name says so. Every mistake is a kInvalidArgument with
// FILE:LINE.
Result<StudyTables> ImportStudy(const std::vector<std::string>& paths, std::string baseline);

}  // namespace banyan
