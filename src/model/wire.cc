#include "model/wire.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace banyan {

const char* StructuredName(Structured structured) {
  switch (structured) {
    case Structured::kSchema:
      return "schema";
    case Structured::kTool:
      return "tool";
    case Structured::kText:
      break;
  }
  return "text";
}

std::string UserText(const ChatRequest& request, const Dialect& dialect) {
  if (dialect.structured != Structured::kText) return request.user;
  return fmt::format(
      "{}\n\nAnswer with one JSON object that fits this JSON schema, and nothing else:\n{}\n",
      request.user, request.schema.dump());
}

std::string JoinUrl(std::string_view base, std::string_view path) {
  while (!base.empty() && base.back() == '/') base.remove_suffix(1);
  return fmt::format("{}/{}", base, path);
}

const Json& Member(const Json& json, const char* key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto found = json.find(key);
  return found == json.end() ? kNull : *found;
}

std::string TextOf(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

bool ReadTokens(const Json& json, int64_t* tokens) {
  *tokens = 0;
  if (!json.is_number_integer()) return false;
  const auto value = json.get<double>();
  if (!(value >= 0 && value <= 1e9)) return false;
  *tokens = json.get<int64_t>();
  return true;
}

bool IsStrictSchema(const Json& schema) {
  if (schema.is_array()) {
    for (const Json& item : schema) {
      if (!IsStrictSchema(item)) return false;
    }
    return true;
  }
  if (!schema.is_object()) return true;
  const Json& type = Member(schema, "type");
  const Json& properties = Member(schema, "properties");
  if (properties.is_object() || type == "object") {
    if (Member(schema, "additionalProperties") != false) return false;
    const Json& required = Member(schema, "required");
    const size_t wanted = properties.is_object() ? properties.size() : 0;
    if ((required.is_array() ? required.size() : 0) != wanted) return false;
  }
  for (const auto& [key, value] : schema.items()) {
    if (key == "enum" || key == "const" || key == "default" || key == "examples") continue;
    if (key == "oneOf" || key == "allOf" || key == "not" || key == "if") return false;
    if (!IsStrictSchema(value)) return false;
  }
  return true;
}

bool NestsTooDeep(std::string_view json) {
  constexpr int kLimit = 128;
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kLimit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

std::string ErrorMessage(const Json& body) {
  // Gemini answers streams, and some proxies anything, with a list of one.
  const Json& top = body.is_array() && !body.empty() ? body.front() : body;
  const Json& error = Member(top, "error");
  for (const Json* candidate : {&Member(error, "message"), &error, &Member(top, "message"),
                                &Member(top, "detail"), &Member(top, "error_message")}) {
    if (candidate->is_string()) return candidate->get<std::string>();
  }
  if (Member(top, "detail").is_array()) return Member(top, "detail").dump();
  return error.is_object() ? error.dump() : std::string();
}

}  // namespace banyan
