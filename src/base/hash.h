#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace banyan {

// 64-bit content hash (XXH3), stable across machines and versions of Banyan: it is stored.
uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// Order-dependent combination of two hashes.
uint64_t HashCombine(uint64_t a, uint64_t b);

// 16 lower-case hexadecimal digits.
std::string HashHex(uint64_t hash);

}  // namespace banyan
