#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace banyan {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 1;  // how many to skip; 1 for an invalid byte
  bool valid = false;
};

// The first code point of a non-empty text. Overlong forms, surrogates and values above U+10FFFF
// are invalid.
CodePoint NextCodePoint(std::string_view text);

bool IsUtf8(std::string_view text);

// With '?' for every byte that is not valid UTF-8; `invalid` counts them.
std::string ValidUtf8(std::string_view text, size_t* invalid = nullptr);

// Columns a terminal uses for the text: 0 for combining marks, 2 for East Asian wide characters and
// emoji (the common ranges of Unicode's East Asian Width), else 1.
size_t DisplayWidth(std::string_view text);

}  // namespace banyan
