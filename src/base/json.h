#pragma once

#include <nlohmann/json.hpp>

namespace banyan {

// Keys keep insertion order, so that printed records and schemas read as designed.
using Json = nlohmann::ordered_json;

}  // namespace banyan
