#pragma once

#include <string>

namespace banyan {

// The commit that the program was built from, with "-dirty" if tracked files had changes; empty
// where the sources are no git checkout.
std::string BuildCommit();

}  // namespace banyan
