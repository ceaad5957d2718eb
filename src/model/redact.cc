#include "model/redact.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <charconv>

#include "base/utf8.h"

namespace banyan {
namespace {

// JSON's escapes of printable ASCII ("\\u002d", "\\/") as the characters they stand for; quotes and
// backslashes stay escaped. Works on broken JSON, too.
std::string WithoutAsciiEscapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 >= text.size()) {
      plain += text[at];
      continue;
    }
    unsigned value = 0;
    if (text[at + 1] == 'u' && at + 6 <= text.size() &&
        std::from_chars(text.data() + at + 2, text.data() + at + 6, value, 16).ptr ==
            text.data() + at + 6 &&
        value > 0x20 && value < 0x7f && value != '"' && value != '\\') {
      plain += static_cast<char>(value);
      at += 5;
    } else if (text[at + 1] == '/') {
      plain += text[++at];
    } else {
      plain += text[at];
      plain += text[++at];
    }
  }
  return plain;
}

}  // namespace

std::string HideKey(std::string text, std::string_view key) {
  static constexpr std::string_view kShown = "[key]";
  if (key.size() < kMinKeyBytes) return text;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    text.replace(at, key.size(), kShown);
    at += kShown.size();
  }
  return text;
}

std::string HideEnvironmentKeys(std::string text) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    if (name.ends_with("KEY") || name.ends_with("TOKEN") || name.ends_with("SECRET") ||
        name.ends_with("PASSWORD")) {
      text = HideKey(std::move(text), variable.substr(equals + 1));
    }
  }
  return text;
}

std::string KeptBody(std::string_view body, std::string_view key, size_t max_bytes) {
  std::string kept = HideKey(ValidUtf8(body), key);
  if (key.size() >= kMinKeyBytes && kept.find('\\') != std::string::npos) {
    const std::string plain = WithoutAsciiEscapes(kept);
    std::string hidden = HideKey(plain, key);
    if (hidden != plain) kept = std::move(hidden);
  }
  if (kept.size() <= max_bytes) return kept;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(kept[end]) & 0xC0) == 0x80) --end;
  return fmt::format("{}... ({} bytes in all)", std::string_view(kept).substr(0, end), body.size());
}

std::string HideMaskedKeys(std::string_view text) {
  const auto is_part = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '*' ||
           c == '.';
  };
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_part(text[end])) ++end;
    if (end == at) {
      shown += text[at++];
      continue;
    }
    const std::string_view word = text.substr(at, end - at);
    const size_t dots = word.find("...");
    const bool masked = word.find("***") != std::string_view::npos ||
                        (dots != std::string_view::npos && dots > 0 && dots + 3 < word.size());
    shown += masked ? std::string_view("[key]") : word;
    at = end;
  }
  return shown;
}

}  // namespace banyan
