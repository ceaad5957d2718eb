#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schedule/step.h"
#include "schedule/step_text.h"

namespace banyan {
namespace {

constexpr size_t kMaxSteps = 10000;
constexpr size_t kMaxPlanBytes = 4 << 20;

bool IsNameByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '*' ||
         c == '%' || c == '/' || c == '+' || c == '-';
}

std::optional<int64_t> AsInteger(std::string_view token) {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (code != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return value;
}

// Digits with a point or an exponent; "inf", "nan" and "1e" stay names.
std::optional<double> AsFloat(std::string_view token) {
  const char first = token.size() > 1 && token[0] == '-' ? token[1] : token[0];
  if (std::isdigit(static_cast<unsigned char>(first)) == 0) return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (code != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return value;
}

// A digit string too long for int64 is not quietly taken for a float or a name.
bool IsDigits(std::string_view token) {
  if (token[0] == '-') token.remove_prefix(1);
  if (token.empty()) return false;
  for (const char c : token) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

// Recursive descent over the whole text; positions are 1-based, columns count bytes.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Plan> ReadPlan() {
    if (text_.size() > kMaxPlanBytes) return InvalidArgument("the plan is larger than 4 MB");
    Plan plan;
    for (;;) {
      SkipSpace(true);
      if (AtEnd()) return plan;
      if (plan.steps.size() == kMaxSteps) return At(position_, "more than 10000 steps");
      BANYAN_ASSIGN_OR_RETURN(Step step, ReadStep());
      plan.steps.push_back(std::move(step));
      SkipSpace(false);
      if (!AtEnd() && Peek() != '\n' && Peek() != ';') {
        return Expected("a new line after the step");
      }
      if (!AtEnd() && Peek() == ';') ++position_;
    }
  }

  Result<Step> ReadOnlyStep() {
    SkipSpace(true);
    BANYAN_ASSIGN_OR_RETURN(Step step, ReadStep());
    SkipSpace(true);
    if (!AtEnd()) return Expected("the end of the step");
    return step;
  }

 private:
  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek() const { return text_[position_]; }

  Error At(size_t position, const std::string& message) const {
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < position && i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        ++line;
        column = 1;
      } else {
        ++column;
      }
    }
    return InvalidArgument(fmt::format("{}:{}: {}", line, column, message));
  }

  Error Expected(const std::string& what) const {
    if (AtEnd()) return At(position_, fmt::format("expected {}, got the end of the text", what));
    const char c = Peek();
    if (c == '\n') return At(position_, fmt::format("expected {}, got the end of the line", what));
    const bool printable = c >= 0x20 && c < 0x7f;
    return At(position_, printable ? fmt::format("expected {}, got '{}'", what, c)
                                   : fmt::format("expected {}, got byte 0x{:02x}", what,
                                                 static_cast<unsigned char>(c)));
  }

  void SkipSpace(bool lines) {
    while (!AtEnd()) {
      const char c = Peek();
      if (c == '#') {
        while (!AtEnd() && Peek() != '\n') ++position_;
      } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
        ++position_;
      } else {
        return;
      }
    }
  }

  bool Take(char c) {
    SkipSpace(true);
    if (AtEnd() || Peek() != c) return false;
    ++position_;
    return true;
  }

  std::string_view Token() {
    const size_t start = position_;
    while (!AtEnd() && IsNameByte(Peek())) ++position_;
    return text_.substr(start, position_ - start);
  }

  Result<std::string> Quoted() {
    const size_t start = position_++;
    while (!AtEnd() && Peek() != '"' && Peek() != '\n') position_ += Peek() == '\\' ? 2 : 1;
    if (AtEnd() || Peek() != '"') return At(start, "this quoted text does not end on its line");
    ++position_;
    const auto text = text_.substr(start, position_ - start);
    const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
    if (!json.is_string()) return At(start, "bad escape or bad UTF-8 in quoted text");
    return json.get<std::string>();
  }

  Result<std::string> Key(const char* what) {
    SkipSpace(true);
    if (!AtEnd() && Peek() == '"') return Quoted();
    const auto token = Token();
    if (token.empty()) return Expected(what);
    return std::string(token);
  }

  Result<Json> Value(int depth) {
    SkipSpace(true);
    if (depth > kMaxStepDepth) return At(position_, "nested too deeply");
    if (AtEnd()) return Expected("a value");
    if (Peek() == '[') return List(depth);
    if (Peek() == '{') return Object(depth);
    if (Peek() == '"') {
      BANYAN_ASSIGN_OR_RETURN(std::string text, Quoted());
      return Json(std::move(text));
    }
    const size_t start = position_;
    const auto token = Token();
    if (token.empty()) return Expected("a value: a number, true, false, a name, [...] or {...}");
    if (token == "true") return Json(true);
    if (token == "false") return Json(false);
    if (const auto integer = AsInteger(token)) return Json(*integer);
    if (IsDigits(token)) return At(start, fmt::format("{} does not fit 64 bits", token));
    if (const auto number = AsFloat(token)) return Json(*number);
    return Json(std::string(token));
  }

  Result<Json> List(int depth) {
    ++position_;
    Json list = Json::array();
    if (Take(']')) return list;
    for (;;) {
      BANYAN_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      list.push_back(std::move(value));
      if (Take(']')) return list;
      if (!Take(',')) return Expected("',' or ']'");
      if (Take(']')) return list;  // a trailing comma is harmless
    }
  }

  Result<Json> Object(int depth) {
    ++position_;
    Json object = Json::object();
    if (Take('}')) return object;
    for (;;) {
      SkipSpace(true);
      const size_t start = position_;
      BANYAN_ASSIGN_OR_RETURN(std::string key, Key("a name, then ':'"));
      if (object.contains(key)) return At(start, fmt::format("'{}' is given twice", key));
      if (!Take(':')) return Expected(fmt::format("':' after '{}'", key));
      BANYAN_ASSIGN_OR_RETURN(Json value, Value(depth + 1));
      object[key] = std::move(value);
      if (Take('}')) return object;
      if (!Take(',')) return Expected("',' or '}'");
      if (Take('}')) return object;
    }
  }

  Result<Step> ReadStep() {
    const size_t start = position_;
    Step step;
    step.op = std::string(Token());
    if (step.op.empty()) return Expected("a transformation's name");
    if (!Take('(')) return Expected(fmt::format("'(' after '{}'", step.op));
    std::vector<std::pair<std::string, size_t>> places;
    while (!Take(')')) {
      if (!places.empty()) {
        if (!Take(',')) return Expected("',' or ')'");
        if (Take(')')) break;
      }
      SkipSpace(true);
      const size_t place = position_;
      BANYAN_ASSIGN_OR_RETURN(std::string key, Key("an argument's name or ')'"));
      if (step.args.contains(key)) return At(place, fmt::format("'{}' is given twice", key));
      if (!Take('=')) return Expected(fmt::format("'=' after '{}'", key));
      BANYAN_ASSIGN_OR_RETURN(Json value, Value(0));
      step.args[key] = std::move(value);
      places.emplace_back(std::move(key), place);
    }
    std::string bad_key;
    if (auto status = NormalizeStep(step, &bad_key); !status.ok()) {
      size_t place = start;
      for (const auto& [key, at] : places) {
        if (key == bad_key) place = at;
      }
      return At(place, status.error().message);
    }
    return step;
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

bool IsBareName(std::string_view text) {
  if (text.empty() || text == "true" || text == "false") return false;
  for (const char c : text) {
    if (!IsNameByte(c)) return false;
  }
  return !AsInteger(text) && !IsDigits(text) && !AsFloat(text);
}

Result<Step> ParseStep(std::string_view text) { return Parser(text).ReadOnlyStep(); }

Result<Plan> ParsePlan(std::string_view text) { return Parser(text).ReadPlan(); }

}  // namespace banyan
