#pragma once

#include <memory>

#include "base/result.h"
#include "model/model.h"
#include "model/pool.h"

namespace banyan {

// A model that answers with what a recorded one answered: entry.store is the file, entry.run the
// run ("last" if empty), entry.model the recorded model's name (entry.name if empty). A request
// that the recording holds word for word (the same run again) gets its own answer; else the n-th
// call of a run gets the n-th answer. Usage is as recorded, so that budgets hold as they did. Where
// the recording has no further answer the call fails with CallFailure::kRefused, charged as any
// other. A pure function of the request, thread-safe. The file is read once, here; kNotFound if the
// run asked no such model.
Result<std::unique_ptr<Model>> MakeReplayModel(const PoolEntry& entry);

}  // namespace banyan
