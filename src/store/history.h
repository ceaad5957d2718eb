#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "search/history.h"

namespace banyan {

class Store;

// The history that a store knows. A workload is related to another if it has the same structure, or
// is of the same built-in family (of runs before schema 2 no more is known). Plans and samples come
// from equal targets only, gains from any. What a run simulated or failed to measure counts for
// nothing. Not thread-safe.
//
// Of `store`, which must outlive it, without the run `except` (a resumed one; may be empty).
std::unique_ptr<History> MakeStoreHistory(const Store* store, std::string except);
// Of a store that stays as it is, opened read-only.
Result<std::unique_ptr<History>> OpenSnapshot(const std::string& path);

}  // namespace banyan
