#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cost/cost_model.h"

namespace banyan {

// Bytes as the store keeps them. Pure functions.

// Identity of contents: 32 hexadecimal digits (XXH3 under two seeds).
std::string ContentHash(std::string_view bytes);

// zstd, at its default level.
std::string Compress(std::string_view bytes);
// kCorrupt if it is no such text, or would be larger than any that is written.
Result<std::string> Decompress(std::string_view compressed);

// Rows of equal length become one block of numbers, compressed.
std::string PackFeatures(const Features& features);
Result<Features> UnpackFeatures(std::string_view packed);

}  // namespace banyan
