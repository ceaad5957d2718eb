#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "search/journal.h"

namespace banyan {

// A journal that also writes every acknowledged event as a line of JSON to `path` ("-" is refused:
// stdout is for results). kEnvironment if the file cannot be written. `inner` is borrowed.
Result<std::unique_ptr<Journal>> MakeEventFileJournal(const std::string& path, Journal* inner);

// Makes a folder with its parents.
Status MakeFolder(const std::string& path);

}  // namespace banyan
