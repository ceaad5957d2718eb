#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace banyan {

// Seconds that a Retry-After header asks to wait: a number of seconds, or an HTTP date (RFC 9110,
// all three forms) as seen from `now_unix_ms`; a date in the past is 0. nullopt for anything else.
std::optional<double> ParseRetryAfter(std::string_view header, int64_t now_unix_ms);

// Whether trying again may help: 408, 409, 429 and 5xx.
bool IsRetryStatus(int status);

// Wait before try `attempt` + 1 (attempt >= 1): base 2^(attempt - 1), at most `max_s`, times a
// `uniform` in [0, 1) brought to [0.5, 1), so that clients that failed together come back apart.
double BackoffSeconds(int attempt, double base_s, double max_s, double uniform);

}  // namespace banyan
