#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "schedule/live_schedule.h"

namespace banyan {

// TVM's schedule of the function `entry` of an IRModule (TVM's JSON graph), ready for the first
// primitive. Fails if the text is no IRModule or has no such function. Thread-safe.
Result<std::unique_ptr<LiveSchedule>> MakeLiveSchedule(const std::string& module_json,
                                                       const std::string& entry);

}  // namespace banyan
