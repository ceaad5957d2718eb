#pragma once

#include <string>
#include <string_view>

namespace banyan {

// Keys shorter than this are placeholders ("none") that local servers are given: not hidden.
inline constexpr size_t kMinKeyBytes = 8;

// `text` with every occurrence of the key as "[key]".
std::string HideKey(std::string text, std::string_view key);

// The values of environment variables whose names end with KEY, TOKEN, SECRET or PASSWORD as
// "[key]": for what programs that inherit the environment print.
std::string HideEnvironmentKeys(std::string text);

// A body as it is kept: valid UTF-8 ('?' for what is not), without the key, also where JSON's
// escapes spell it, and at most `max_bytes` of it.
std::string KeptBody(std::string_view body, std::string_view key, size_t max_bytes);

// Words with "***" or "..." between letters, which is how servers show part of a key they refuse,
// as
// "[key]". For error messages only.
std::string HideMaskedKeys(std::string_view text);

}  // namespace banyan
