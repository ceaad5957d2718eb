#pragma once

namespace banyan {

// Of the program; raised with CMakeLists.txt and CHANGELOG.md.
inline constexpr const char* kVersion = "0.1.0";

}  // namespace banyan
