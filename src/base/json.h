#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace banyan {

// Keys keep insertion order, so that printed records and schemas read as designed.
using Json = nlohmann::ordered_json;

// JSON has no infinity and no NaN: both are null.
inline Json NumberOrNull(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

// On one line; bytes that are not valid UTF-8 become U+FFFD, where dump() would throw.
inline std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace banyan
