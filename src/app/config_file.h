#pragma once

#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace banyan {

// Gives the options of `command` that were not on the command line the values of a TOML file, whose
// keys are the flags' names without dashes ("min-repeat-ms" or "min_repeat_ms"). kInvalidArgument
// names the file and the line of what is wrong.
Status ApplyConfigFile(const std::string& path, CLI::App& command);

}  // namespace banyan
