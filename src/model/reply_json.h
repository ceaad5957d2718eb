#pragma once

#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace banyan {

// JSON as language models write it: comments, trailing and missing commas, single and typographic
// quotes, quotes inside quoted text, unquoted keys and values, Python's words and tuples, NaN, line
// breaks in strings, closing brackets that are missing or of the other kind. Strict JSON reads as
// what it says. Untrusted input: nesting, keys and time are bounded (linear in the text).

// An object that the end of the text cut off holds, under this key, the name of the value that was
// being read; a cut-off string or number is left out, a cut-off object or list kept as far as read.
inline constexpr const char* kCutKey = "\x01";

// Of a name.
inline bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

struct LooseJson {
  Json value;
  size_t end = 0;          // just past it
  bool truncated = false;  // the text ended inside
  bool repaired = false;   // it was not strict JSON
  bool failed = false;     // no value: nested too deeply, or a '{' that no "name:" follows
};

// The value at `start`, which is at a '{' or '['.
LooseJson ReadLooseJson(std::string_view text, size_t start);

// A step in plan text, tile(block=O, factors={i: [8]}): also with ':' for '=', quotes, Python's
// brackets, arguments by position.
struct LooseCall {
  std::string op;
  Json args = Json::object();
  std::vector<Json> positional;
  size_t end = 0;  // just past it
};

// The call whose name starts at `start`; nullopt: it is none or is cut off.
std::optional<LooseCall> ReadLooseCall(std::string_view text, size_t start);

}  // namespace banyan
