#include "model/reply_json.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"

namespace banyan {
namespace {

constexpr int kMaxDepth = 24;
constexpr size_t kMaxKeys = 64;        // of one object: finding one is linear
constexpr size_t kMaxItems = 4096;     // of one list
constexpr size_t kMaxBareBytes = 400;  // of a text without quotes
constexpr size_t kMaxKeyBytes = 200;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// The quotation marks of typesetting, as UTF-8.
constexpr std::string_view kDoubleMarks[] = {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E"};
constexpr std::string_view kSingleMarks[] = {"\xE2\x80\x98", "\xE2\x80\x99"};

void AppendUtf8(uint32_t point, std::string& out) {
  auto byte = [&](uint32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6);
    byte(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3F));
    byte(0x80 | (point & 0x3F));
  } else {
    byte(0xF0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3F));
    byte(0x80 | (point >> 6 & 0x3F));
    byte(0x80 | (point & 0x3F));
  }
}

std::optional<Json> AsNumber(std::string_view token) {
  if (token.size() > 1 && token[0] == '+') token.remove_prefix(1);
  const char* const first = token.data();
  const char* const last = first + token.size();
  int64_t integer = 0;
  if (const auto [end, code] = std::from_chars(first, last, integer);
      code == std::errc() && end == last) {
    return Json(integer);
  }
  // "inf", "nan" and "1e" are no numbers here.
  for (const char c : token) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0 && c != '.' && c != 'e' && c != 'E' &&
        c != '-' && c != '+') {
      return std::nullopt;
    }
  }
  double number = 0;
  if (const auto [end, code] = std::from_chars(first, last, number);
      code == std::errc() && end == last && std::isfinite(number)) {
    return Json(number);
  }
  return std::nullopt;
}

// Recursive descent that goes on wherever a reader would.
class Reader {
 public:
  Reader(std::string_view text, size_t start, bool plan_text)
      : text_(text), position_(start), plan_text_(plan_text) {}

  size_t position() const { return position_; }
  bool truncated() const { return truncated_; }
  bool repaired() const { return repaired_; }
  bool failed() const { return failed_; }

  Json Value(int depth) {
    SkipSpace();
    if (AtEnd()) return Cut();
    if (Peek() == '{') return Object(depth);
    if (Peek() == '[' || Peek() == '(') return List(depth);
    if (auto text = Quoted()) return *std::move(text);
    if (failed_ || truncated_) return nullptr;
    return Bare();
  }

  // "key=value, ..." up to ')'; a value without a key goes to `positional`.
  bool Arguments(Json& args, std::vector<Json>& positional) {
    for (;;) {
      SkipSpace();
      if (AtEnd()) return false;
      if (TakeChar(')')) return true;
      if (TakeChar(',') || TakeChar(';')) continue;
      if (Peek() == '}' || Peek() == ']') return false;
      const size_t before = position_;
      std::string key = Key();
      SkipSpace();
      const bool named = !key.empty() && !AtEnd() && (Peek() == '=' || Peek() == ':');
      if (named) {
        ++position_;
      } else {
        position_ = before;
      }
      Json value = Value(1);
      if (failed_ || truncated_) return false;
      if (position_ == before) return false;
      if (!named) {
        positional.push_back(std::move(value));
      } else if (args.size() < kMaxKeys) {
        args[key] = std::move(value);
      }
      if (positional.size() > kMaxKeys) return false;
    }
  }

  std::string Word() {
    const size_t start = position_;
    while (!AtEnd() && IsWordByte(Peek()) && position_ - start <= kMaxKeyBytes) ++position_;
    return std::string(text_.substr(start, position_ - start));
  }
  bool TakeChar(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++position_;
    return true;
  }
  void SkipSpace() {
    while (!AtEnd()) {
      const char c = Peek();
      if (IsSpace(c)) {
        ++position_;
      } else if (c == '#' || (!plan_text_ && StartsWith("//"))) {
        repaired_ = true;
        while (!AtEnd() && Peek() != '\n') ++position_;
      } else if (StartsWith("/*")) {
        repaired_ = true;
        const size_t end = text_.find("*/", position_ + 2);
        position_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else if (StartsWith("\xEF\xBB\xBF") || StartsWith("\xC2\xA0")) {
        repaired_ = true;  // byte order mark, non-breaking space
        position_ += Peek() == '\xEF' ? 3 : 2;
      } else {
        return;
      }
    }
  }

 private:
  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek() const { return text_[position_]; }
  bool StartsWith(std::string_view prefix) const {
    return text_.compare(position_, prefix.size(), prefix) == 0;
  }
  Json Cut() {
    truncated_ = true;
    return nullptr;
  }
  Json Fail() {
    failed_ = true;
    return nullptr;
  }

  Json Object(int depth) {
    if (depth > kMaxDepth) return Fail();
    ++position_;
    Json object = Json::object();
    for (bool first = true;; first = false) {
      SkipSpace();
      if (AtEnd()) return truncated_ = true, object;
      if (TakeChar('}')) return object;
      if (Peek() == ']' || Peek() == ')') return repaired_ = true, object;  // "}" was forgotten
      if (TakeChar(',')) {
        repaired_ = true;
        continue;
      }
      const std::string key = Key();
      SkipSpace();
      if (AtEnd()) return truncated_ = true, object;
      if (key.empty() || (Peek() != ':' && Peek() != '=')) {
        // Prose in braces is no object; a stray word in an object is passed over.
        if (first && depth == 0) return Fail();
        repaired_ = true;
        if (key.empty()) ++position_;
        continue;
      }
      repaired_ = repaired_ || Peek() == '=';
      ++position_;
      Json value = Value(depth + 1);
      if (failed_) return nullptr;
      const bool kept = object.contains(key) || object.size() < kMaxKeys;
      if (truncated_) {
        if (kept && value.is_structured()) object[key] = std::move(value);
        object[kCutKey] = key;
        return object;
      }
      if (kept) object[key] = std::move(value);
      SkipSpace();
      if (TakeChar(',')) {
        SkipSpace();
        repaired_ = repaired_ || (!AtEnd() && Peek() == '}');
      } else if (!AtEnd() && Peek() != '}') {
        repaired_ = true;
      }
    }
  }

  Json List(int depth) {
    if (depth > kMaxDepth) return Fail();
    const char close = Peek() == '[' ? ']' : ')';
    repaired_ = repaired_ || (close == ')' && !plan_text_);
    ++position_;
    Json list = Json::array();
    for (;;) {
      SkipSpace();
      if (AtEnd()) return truncated_ = true, list;
      if (TakeChar(close)) return list;
      if (Peek() == '}' || Peek() == ']' || Peek() == ')') return repaired_ = true, list;
      if (TakeChar(',')) {
        repaired_ = true;
        continue;
      }
      const size_t before = position_;
      Json value = Value(depth + 1);
      if (failed_) return nullptr;
      if (position_ == before) ++position_;  // a stray byte
      const bool kept = list.size() < kMaxItems && !(value.is_null() && ellipsis_);
      ellipsis_ = false;
      if (kept && (!truncated_ || value.is_structured())) list.push_back(std::move(value));
      if (truncated_) return list;
      SkipSpace();
      if (TakeChar(',')) {
        SkipSpace();
        repaired_ = repaired_ || (!AtEnd() && Peek() == close);
      } else if (!AtEnd() && Peek() != close) {
        repaired_ = true;
      }
    }
  }

  std::string Key() {
    if (auto quoted = Quoted()) return OneLine(quoted->get_ref<const std::string&>(), kMaxKeyBytes);
    const size_t start = position_;
    while (!AtEnd() && position_ - start < kMaxKeyBytes) {
      const char c = Peek();
      if (!IsWordByte(c) && c != '.' && c != '*' && c != '-' && c != '$') break;
      ++position_;
    }
    if (position_ > start && !plan_text_) repaired_ = true;
    return std::string(text_.substr(start, position_ - start));
  }

  // Where a quotation mark opens here, its length and what closes it.
  struct Mark {
    size_t bytes = 0;
    bool typeset = false;
    char kind = 0;  // " ' or `
  };
  Mark MarkHere() const {
    if (AtEnd()) return {};
    const char c = Peek();
    if (c == '"' || c == '\'' || c == '`') return {1, false, c};
    for (const auto mark : kDoubleMarks) {
      if (StartsWith(mark)) return {mark.size(), true, '"'};
    }
    for (const auto mark : kSingleMarks) {
      if (StartsWith(mark)) return {mark.size(), true, '\''};
    }
    return {};
  }

  // A mark ends its text only where the structure goes on: inside, models forget to escape it.
  bool Closes(size_t after) const {
    bool line_break = false;
    while (after < text_.size() && IsSpace(text_[after])) {
      line_break = line_break || text_[after] == '\n';
      ++after;
    }
    if (after >= text_.size()) return true;
    const char c = text_[after];
    if (c == ',' || c == '}' || c == ']' || c == ':' || c == ')' || c == '=' || c == '#')
      return true;
    const char next = after + 1 < text_.size() ? text_[after + 1] : '\0';
    if (c == '/' && (next == '/' || next == '*')) return true;
    return line_break && (c == '"' || c == '\'');
  }

  std::optional<Json> Quoted() {
    const Mark open = MarkHere();
    if (open.bytes == 0) return std::nullopt;
    repaired_ = repaired_ || open.typeset || open.kind != '"';
    position_ += open.bytes;
    std::string out;
    while (!AtEnd()) {
      const char c = Peek();
      if (c == '\\') {
        Escape(out);
        continue;
      }
      const Mark mark = MarkHere();
      if (mark.bytes != 0 && mark.kind == open.kind && Closes(position_ + mark.bytes)) {
        position_ += mark.bytes;
        return Json(std::move(out));
      }
      repaired_ = repaired_ || c == '\n' || mark.kind == open.kind;
      out += c;
      ++position_;
    }
    truncated_ = true;
    return std::nullopt;
  }

  std::optional<uint32_t> HexAt(size_t at) const {
    if (at + 4 > text_.size()) return std::nullopt;
    uint32_t value = 0;
    const char* const first = text_.data() + at;
    const auto [end, code] = std::from_chars(first, first + 4, value, 16);
    if (code != std::errc() || end != first + 4) return std::nullopt;
    return value;
  }

  void Escape(std::string& out) {
    ++position_;
    if (AtEnd()) return;
    const char c = Peek();
    ++position_;
    switch (c) {
      case 'n':
        out += '\n';
        return;
      case 't':
        out += '\t';
        return;
      case 'r':
      case 'b':
      case 'f':
        out += ' ';
        return;
      case 'u':
        if (auto point = HexAt(position_)) {
          position_ += 4;
          if (*point >= 0xD800 && *point < 0xDC00 && text_.compare(position_, 2, "\\u") == 0) {
            const auto low = HexAt(position_ + 2);
            if (low && *low >= 0xDC00 && *low < 0xE000) {
              position_ += 6;
              point = 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00);
            }
          }
          AppendUtf8(*point >= 0xD800 && *point < 0xE000 ? '?' : *point, out);
          return;
        }
        out += 'u';
        return;
      default:
        out += c;
    }
  }

  // A number, a word of JSON or Python, or text that should have been quoted.
  Json Bare() {
    const size_t start = position_;
    int open = 0;  // brackets of a step written without quotes
    while (!AtEnd() && position_ - start < kMaxBareBytes) {
      const char c = Peek();
      if (open == 0 && (c == ',' || c == ']' || c == '}' || c == ')' || c == ':' || c == '=' ||
                        c == '"' || c == '\n' || c == '{' || c == '[')) {
        break;
      }
      if (c == '(' || (open > 0 && (c == '[' || c == '{'))) ++open;
      if (open > 0 && (c == ')' || c == ']' || c == '}')) --open;
      ++position_;
    }
    if (AtEnd()) return Cut();
    const std::string_view token = Trim(text_.substr(start, position_ - start));
    if (token == "true" || token == "True") return true;
    if (token == "false" || token == "False") return false;
    if (token == "null") return nullptr;
    if (const auto number = AsNumber(token)) return *number;
    repaired_ = repaired_ || !plan_text_;
    if (token == "None" || token == "NaN" || token == "nan" || token == "undefined" ||
        token == "Infinity" || token == "-Infinity" || token == "inf") {
      return nullptr;
    }
    if (token.find_first_not_of('.') == std::string_view::npos || token == "\xE2\x80\xA6") {
      ellipsis_ = true;
      return nullptr;
    }
    return std::string(token);
  }

  std::string_view text_;
  size_t position_;
  const bool plan_text_;
  bool truncated_ = false;
  bool repaired_ = false;
  bool failed_ = false;
  bool ellipsis_ = false;
};

}  // namespace

LooseJson ReadLooseJson(std::string_view text, size_t start) {
  LooseJson read;
  read.end = start;
  read.failed = start >= text.size() || (text[start] != '{' && text[start] != '[');
  if (read.failed) return read;
  Reader reader(text, start, false);
  read.value = reader.Value(0);
  read.failed = reader.failed();
  read.end = reader.position();
  read.truncated = reader.truncated();
  read.repaired = reader.repaired();
  return read;
}

std::optional<LooseCall> ReadLooseCall(std::string_view text, size_t start) {
  Reader reader(text, start, true);
  LooseCall call;
  call.op = reader.Word();
  if (call.op.empty() || !reader.TakeChar('(')) return std::nullopt;
  if (!reader.Arguments(call.args, call.positional)) return std::nullopt;
  call.end = reader.position();
  return call;
}

}  // namespace banyan
