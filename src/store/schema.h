#pragma once

#include "base/result.h"
#include "store/sqlite.h"

namespace banyan {

// Makes the tables in an empty file, or checks that the file is a store of a version this program
// reads, and brings it up to `version`. `writable` is false for a reader, which changes nothing.
// Gives the version that the file has then: a reader's may be older.
Result<int> PrepareSchema(const Database& database, bool writable, int version);

}  // namespace banyan
