#pragma once

#include <limits>

namespace banyan {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace banyan
