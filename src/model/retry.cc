#include "model/retry.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/strings.h"

namespace banyan {

std::optional<double> ParseRetryAfter(std::string_view header, int64_t now_unix_ms) {
  const std::string text(Trim(header));
  if (text.empty() || text.size() > 64) return std::nullopt;
  double seconds = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (failure == std::errc() && end == text.data() + text.size()) {
    return std::isfinite(seconds) && seconds >= 0 ? std::optional<double>(seconds) : std::nullopt;
  }
  // A date starts with the day's name; curl's parser alone would also take "2 May".
  if (std::isalpha(static_cast<unsigned char>(text[0])) == 0) return std::nullopt;
  const time_t when = curl_getdate(text.c_str(), nullptr);
  if (when < 0) return std::nullopt;
  return std::max(0.0, static_cast<double>(when) - static_cast<double>(now_unix_ms) / 1000);
}

bool IsRetryStatus(int status) {
  return status == 408 || status == 409 || status == 429 || (status >= 500 && status <= 599);
}

double BackoffSeconds(int attempt, double base_s, double max_s, double uniform) {
  const double whole = std::min(max_s, std::ldexp(base_s, std::clamp(attempt - 1, 0, 60)));
  return whole * (0.5 + 0.5 * uniform);
}

}  // namespace banyan
