#pragma once

#include "base/result.h"
#include "store/sqlite.h"

namespace banyan {

// Makes the tables in an empty file, or checks that the file is a store of a version this program
// reads. `writable` is false for a reader, which makes nothing.
Status PrepareSchema(const Database& database, bool writable, int version);

}  // namespace banyan
