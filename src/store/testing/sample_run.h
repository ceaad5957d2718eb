#pragma once

#include <cstdint>

#include "store/store.h"

namespace banyan {

// A made-up run whose records exercise every column, for tests of what reads a store.
RunStart SampleRunStart(uint64_t seed = 7);
// Event `index` of a run: the reference first, then outcomes and replies in turn.
Event SampleEvent(int64_t index);
NodeRecord SampleNode(int64_t node_id);
TrialRecord SampleTrial(uint64_t trial_id);
CallRecord SampleCall(uint64_t call_id);
// Appends event `index` with the rows that belong to it.
Status WriteSample(Journal& journal, int64_t index);

}  // namespace banyan
