#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/pool.h"

namespace banyan {

// The keys of a pool entry, shared by the TOML file and the stored JSON.

// What is wrong with an entry: `key` is the one to blame, empty if it is the entry as a whole.
struct FieldProblem {
  std::string key;
  std::string message;
};

// An entry made of keys and values, checked: types, ranges, what the provider needs and does not
// take. The first problem goes into `problem`; false then.
bool ReadPoolEntry(const Json& fields, PoolEntry* entry, FieldProblem* problem);

// Every provider's name, in the order of the documentation.
const std::vector<std::string>& ProviderNames();
// Whether the provider is an API over HTTP.
bool IsHttpProvider(const std::string& provider);

}  // namespace banyan
