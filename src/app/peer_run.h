#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/result.h"
#include "search/run_config.h"
#include "store/store.h"

namespace banyan {

// A run of TVM's own search, recorded in the store like one of ours: trials and a result object,
// whose `module_json` is the best program, since TVM's trace is no plan. Blocks; `on_begun` hears
// the run's id. The search has no memory: `resume` (the id of one that was cut off; empty: a new
// run) searches from the beginning, as the same run. All is recorded at its end, so that nothing of
// an attempt that was cut off remains. kCancelled leaves the run to be resumed.
Status RunPeer(Store& store, const RunConfig& config, const std::string& resume,
               const std::atomic<bool>* cancel,
               const std::function<void(const std::string& run_id)>& on_begun);

}  // namespace banyan
