#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "search/run_config.h"
#include "store/store.h"

namespace banyan {

// A run of TVM's own search, recorded in the store like one of ours: trials and a result object,
// whose `module_json` is the best program, since TVM's trace is no plan. Blocks; `on_begun` hears
// the run's id. Not resumable: an interrupted one is run anew.
Status RunPeer(Store& store, const RunConfig& config,
               const std::function<void(const std::string& run_id)>& on_begun);

}  // namespace banyan
