#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace banyan {

// What does not fit a schema: the argument (a key of the top object; empty: the object itself) and
// a one-line reason that names what is expected.
struct SchemaMismatch {
  std::string key;
  std::string reason;
};

// Checks `args` (an object) against `schema` and normalises: properties in schema order; nulls and
// values equal to the property's default left out; a single value where a list is wanted becomes a
// list of one; integral floats where integers are wanted become integers. Returns true if it fits;
// else `args` is unspecified and `mismatch` filled in.
bool NormalizeBySchema(const Json& schema, Json& args, SchemaMismatch* mismatch);

// The closest of `names` to a mistyped `name`, or an empty string if none is close.
std::string ClosestName(const std::string& name, const std::vector<std::string>& names);

}  // namespace banyan
