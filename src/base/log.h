#pragma once

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace banyan {

// The program's log on stderr: for whoever looks for a fault, not for results or progress. Quiet
// (warnings and worse) until SetLogLevel. Thread-safe. Use: Log().debug("built {} in {} s", id,
// seconds).
spdlog::logger& Log();

// One of LogLevels(); kInvalidArgument otherwise.
Status SetLogLevel(const std::string& level);
// "trace", "debug", "info", "warn", "error", "off".
const std::vector<std::string>& LogLevels();

}  // namespace banyan
