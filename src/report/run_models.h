#pragma once

#include <cstddef>

#include "base/json.h"
#include "report/json_parts.h"
#include "report/run_data.h"
#include "report/run_tree.h"

namespace banyan {

// The ledger by origin of nodes: every model of the pool (also one never asked), then free moves.
// "gain" is log-latency: the sum of log(best before / new best) over the trials that were the
// fastest of the run when they ended, credited to whoever made their last steps; "first_gain" is
// the part of the run's first new best, over the unscheduled program. A "hit" is a
// measured node faster than its nearest measured ancestor.
Json ModelsJson(const RunRecords& records, const RunTree& tree);

// The calls one by one: why this model, what it proposed, what came of it. At most `limit`, the
// first ones.
Json CallsJson(const RunRecords& records, const RunTree& tree, size_t limit, StringTable* texts);

}  // namespace banyan
