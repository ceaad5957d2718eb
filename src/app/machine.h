#pragma once

#include <string>

#include "base/json.h"

namespace banyan {

// What a reader of numbers has to know of the machine beside its processor. Empty, 0: not known.

// "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"; from files under `root` ("" for the real ones).
std::string OperatingSystem(const std::string& root = {});
// Of the machine, or what this process's control group may use of it if that is less.
int64_t MemoryBytes(const std::string& root = {});
// {"cpus": how many this process may use, "memory_bytes"}
Json MachineFacts();

}  // namespace banyan
