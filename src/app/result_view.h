#pragma once

#include <string>

#include "base/json.h"
#include "schedule/target.h"
#include "schedule/workload.h"
#include "search/run.h"
#include "search/run_config.h"

namespace banyan {

// The object that `tune --json` prints and the store keeps: the keys of the design, in its order.
// Latencies in ms, else SI units; what is not known is null.
Json MakeResultObject(const RunConfig& config, const Workload& workload, const Target& target,
                      const SearchResult& result, const std::string& run_id);

// The same for people: a table, then what to do next.
std::string ResultText(const Json& object, const std::string& store);

// Lines that a person should know of besides: drift of the machine, a cancelled run, ... May be
// empty.
std::string ResultRemarks(const SearchResult& result);

}  // namespace banyan
