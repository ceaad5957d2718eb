#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schedule/target.h"

namespace banyan {

// Targets as Banyan sees them: TVM's target (host included) plus what schedules must know of the
// CPU. Thread-safe; loads TVM.

// The machine it runs on: `llvm` with the CPU that LLVM detects and `cores` cores.
Result<Target> DetectTarget(int cores);

// "host", any TVM target text or JSON, or the older command-line form ("llvm -mcpu=x
// --num-cores=1"). `cores` sets num-cores; 0: as the text says, else 1. kInvalidArgument, in one
// line, if TVM rejects it or it is no CPU target.
Result<Target> ParseTarget(std::string_view text, int cores);

}  // namespace banyan
