#include "base/utf8.h"

#include <algorithm>
#include <array>

namespace banyan {
namespace {

struct Range {
  uint32_t first;
  uint32_t last;
};

constexpr std::array<Range, 9> kZeroWidth = {{{0x0300, 0x036F},
                                              {0x0483, 0x0489},
                                              {0x0591, 0x05BD},
                                              {0x064B, 0x065F},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x200B, 0x200F},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F}}};

constexpr std::array<Range, 10> kDoubleWidth = {{{0x1100, 0x115F},
                                                 {0x2E80, 0x303E},
                                                 {0x3041, 0x33FF},
                                                 {0x3400, 0x4DBF},
                                                 {0x4E00, 0x9FFF},
                                                 {0xA000, 0xA4CF},
                                                 {0xAC00, 0xD7A3},
                                                 {0xF900, 0xFAFF},
                                                 {0xFF00, 0xFF60},
                                                 {0x1F300, 0x1FAFF}}};

template <size_t N>
bool Contains(const std::array<Range, N>& ranges, uint32_t value) {
  return std::any_of(ranges.begin(), ranges.end(), [value](const Range& range) {
    return range.first <= value && value <= range.last;
  });
}

}  // namespace

CodePoint NextCodePoint(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  size_t bytes = 0;
  uint32_t value = 0;
  uint32_t smallest = 0;
  if ((lead & 0xE0) == 0xC0) {
    bytes = 2, value = lead & 0x1F, smallest = 0x80;
  } else if ((lead & 0xF0) == 0xE0) {
    bytes = 3, value = lead & 0x0F, smallest = 0x800;
  } else if ((lead & 0xF8) == 0xF0) {
    bytes = 4, value = lead & 0x07, smallest = 0x10000;
  } else {
    return {};
  }
  if (text.size() < bytes) return {};
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    value = value << 6 | (next & 0x3F);
  }
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, bytes, true};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = NextCodePoint(text);
    if (!point.valid) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

std::string ValidUtf8(std::string_view text, size_t* invalid) {
  if (invalid != nullptr) *invalid = 0;
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = NextCodePoint(text);
    if (point.valid) {
      valid += text.substr(0, point.bytes);
    } else {
      valid += '?';
      if (invalid != nullptr) ++*invalid;
    }
    text.remove_prefix(point.bytes);
  }
  return valid;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const CodePoint point = NextCodePoint(text);
    if (!point.valid || !Contains(kZeroWidth, point.value)) {
      width += point.valid && Contains(kDoubleWidth, point.value) ? 2 : 1;
    }
    text.remove_prefix(point.bytes);
  }
  return width;
}

}  // namespace banyan
