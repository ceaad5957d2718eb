#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "search/journal.h"

namespace banyan {

class Database;

// The Journal of one run on `database`, which must outlive it. Rows are buffered and written with
// the next event in its transaction; a failed write keeps them, so that the call can be repeated.
Result<std::unique_ptr<Journal>> MakeSqliteJournal(const Database* database, int64_t run_number);

}  // namespace banyan
