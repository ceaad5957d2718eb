#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "report/run_data.h"

namespace banyan {

// The TVMScript of up to `most` of a run's programs, by node: as it was written (node 0), the best,
// then by latency. Loads TVM. A program that cannot be made again is left out.
std::map<int64_t, std::string> ProgramScripts(const RunRecords& records, size_t most);

}  // namespace banyan
