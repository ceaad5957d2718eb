#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace banyan {

// Keys keep insertion order, so that printed records and schemas read as designed.
using Json = nlohmann::ordered_json;

// JSON has no infinity and no NaN: both are null.
inline Json NumberOrNull(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace banyan
