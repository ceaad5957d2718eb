#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace banyan {

// 64-bit content hash (XXH3), stable across machines and versions of Banyan: it is stored.
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// Order-dependent combination of two hashes.
uint64_t HashCombine(uint64_t a, uint64_t b);

// 16 lower-case hexadecimal digits.
std::string HashHex(uint64_t hash);
// Its inverse; nullopt if the text is no hexadecimal number of 64 bits.
std::optional<uint64_t> ParseHashHex(std::string_view text);

}  // namespace banyan
