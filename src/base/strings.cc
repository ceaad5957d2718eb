#include "base/strings.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace banyan {

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += separator;
    text += parts[i];
  }
  return text;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the table are alive at a time.
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> ClosestMatch(std::string_view word,
                                        const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    size_t distance = EditDistance(word, candidate);
    // An abbreviation is far by edits but clear to a reader.
    if (word.size() >= 2 && candidate.rfind(word, 0) == 0) distance = std::min<size_t>(distance, 1);
    const size_t limit = 1 + std::max(word.size(), candidate.size()) / 4;
    if (distance > limit || distance >= std::max(word.size(), candidate.size())) continue;
    if (best == nullptr || distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  if (best == nullptr) return std::nullopt;
  return *best;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto match = ClosestMatch(word, candidates);
  return match ? "; did you mean '" + *match + "'?" : std::string();
}

std::string OneLine(std::string_view text, size_t max_bytes) {
  text = Trim(text);
  std::string line;
  while (!text.empty()) {
    const CodePoint point = NextCodePoint(text);
    if (line.size() + point.bytes > max_bytes) {
      line += "...";
      break;
    }
    if (!point.valid) {
      line += '?';
    } else if (point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0)) {
      line += ' ';
    } else {
      line += text.substr(0, point.bytes);
    }
    text.remove_prefix(point.bytes);
  }
  return line;
}

std::string_view LastLine(std::string_view text) {
  text = Trim(text);
  const size_t start = text.find_last_of("\r\n");
  return start == std::string_view::npos ? text : Trim(text.substr(start + 1));
}

}  // namespace banyan
