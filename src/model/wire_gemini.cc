// Google's generateContent.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/strings.h"
#include "model/wire.h"

namespace banyan {
namespace {

// The subset of OpenAPI 3.0 that responseSchema takes, made of a JSON schema: what it does not know
// is left out, a constant becomes an enumeration of one.
Json OpenApiSchema(const Json& schema) {
  static constexpr std::array kKnown = {
      "type",     "format",    "title",      "description",   "nullable",      "enum",  "maxItems",
      "minItems", "items",     "properties", "required",      "minProperties", "anyOf", "minimum",
      "maximum",  "minLength", "maxLength",  "maxProperties", "pattern"};
  Json made = Json::object();
  if (!schema.is_object()) return made;
  for (const auto& [key, value] : schema.items()) {
    if (key == "const" && value.is_string()) made["enum"] = Json::array({value});
    if (key == "oneOf") {
      for (const Json& item : value) made["anyOf"].push_back(OpenApiSchema(item));
    }
    if (std::none_of(kKnown.begin(), kKnown.end(),
                     [&key = key](const char* known) { return key == known; })) {
      continue;
    }
    if (key == "properties" && value.is_object()) {
      made[key] = Json::object();
      for (const auto& [name, property] : value.items()) made[key][name] = OpenApiSchema(property);
    } else if (key == "items") {
      made[key] = OpenApiSchema(value);
    } else if (key == "anyOf" && value.is_array()) {
      for (const Json& item : value) made[key].push_back(OpenApiSchema(item));
    } else if (key == "type" && value.is_array()) {  // ["string", "null"]
      for (const Json& type : value) {
        if (type == "null") {
          made["nullable"] = true;
        } else if (!made.contains("type")) {
          made["type"] = type;
        }
      }
    } else {
      made[key] = value;
    }
  }
  return made;
}

// The id as a part of a URL's path; "models/x" is written for x, too.
std::string PathPart(std::string_view model) {
  if (model.starts_with("models/")) model.remove_prefix(7);
  std::string part;
  for (const char c : model) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    part += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return part;
}

class Gemini final : public Wire {
 public:
  std::string Url(const PoolEntry& entry) const override {
    return JoinUrl(entry.base_url.empty() ? "https://generativelanguage.googleapis.com/v1beta"
                                          : entry.base_url,
                   fmt::format("models/{}:generateContent", PathPart(entry.model)));
  }

  // A header, not the URL's "?key=": URLs end up in logs.
  std::vector<std::pair<std::string, std::string>> Headers(const std::string& key) const override {
    if (key.empty()) return {};
    return {{"x-goog-api-key", key}};
  }

  Json Body(const PoolEntry&, const ChatRequest& request, const Dialect& dialect) const override {
    Json body = Json::object();
    if (!request.system.empty()) {
      body["systemInstruction"] = {{"parts", Json::array({{{"text", request.system}}})}};
    }
    body["contents"] = Json::array(
        {{{"role", "user"}, {"parts", Json::array({{{"text", UserText(request, dialect)}}})}}});
    Json config = {{"maxOutputTokens", request.max_output_tokens}};
    if (dialect.structured == Structured::kTool) {
      Json function = {{"name", request.schema_name}, {"description", "Takes the answer."}};
      if (dialect.old_field) {
        function["parameters"] = OpenApiSchema(request.schema);
      } else {
        function["parametersJsonSchema"] = request.schema;
      }
      body["tools"] = Json::array({{{"functionDeclarations", Json::array({std::move(function)})}}});
      body["toolConfig"] = {
          {"functionCallingConfig",
           {{"mode", "ANY"}, {"allowedFunctionNames", Json::array({request.schema_name})}}}};
    } else if (dialect.structured == Structured::kSchema) {
      config["responseMimeType"] = "application/json";
      if (dialect.old_field) {
        config["responseSchema"] = OpenApiSchema(request.schema);
      } else {
        config["responseJsonSchema"] = request.schema;
      }
    }
    body["generationConfig"] = std::move(config);
    return body;
  }

  WireAnswer Read(const Json& body) const override {
    WireAnswer answer;
    ReadUsage(Member(body, "usageMetadata"), &answer);
    const std::string blocked = TextOf(Member(Member(body, "promptFeedback"), "blockReason"));
    if (!blocked.empty()) {
      answer.failure = CallFailure::kRefused;
      answer.error = fmt::format("the provider blocked the prompt ({}); use another model",
                                 OneLine(blocked, 60));
      return answer;
    }
    const Json& candidates = Member(body, "candidates");
    if (!candidates.is_array() || candidates.empty()) {
      answer.failure = CallFailure::kUnusable;
      answer.error = "the server's reply holds no candidate; ask again, or try another model";
      return answer;
    }
    const Json& parts = Member(Member(candidates.front(), "content"), "parts");
    std::string arguments;
    if (parts.is_array()) {
      for (const Json& part : parts) {
        if (Member(part, "thought") == true) continue;
        answer.text += TextOf(Member(part, "text"));
        const Json& args = Member(Member(part, "functionCall"), "args");
        if (arguments.empty() && args.is_object()) arguments = args.dump();
      }
    }
    if (!arguments.empty()) answer.text = arguments;
    Judge(TextOf(Member(candidates.front(), "finishReason")), &answer);
    return answer;
  }

  std::vector<Structured> Preferences() const override {
    return {Structured::kSchema, Structured::kTool, Structured::kText};
  }
  Dialect First(const PoolEntry&) const override { return {}; }
  // responseJsonSchema and parametersJsonSchema came after responseSchema and parameters.
  bool RefusesField(std::string_view text, const Dialect& dialect) const override {
    const auto names = [text](const char* word) {
      return text.find(word) != std::string_view::npos;
    };
    return !dialect.old_field && (names("jsonschema") || names("json_schema"));
  }

 private:
  static void Judge(const std::string& finish, WireAnswer* answer) {
    static constexpr std::array kRefusals = {"SAFETY",     "RECITATION",         "LANGUAGE",
                                             "SPII",       "PROHIBITED_CONTENT", "BLOCKLIST",
                                             "MODEL_ARMOR"};
    const bool refused = std::any_of(kRefusals.begin(), kRefusals.end(),
                                     [&finish](const char* known) { return finish == known; });
    if (refused) {
      answer->failure = CallFailure::kRefused;
      answer->error =
          fmt::format("the provider stopped the answer ({}); use another model", finish);
    } else if (finish == "MAX_TOKENS") {
      answer->failure = CallFailure::kTruncated;
    } else if (Trim(answer->text).empty()) {
      answer->failure = CallFailure::kUnusable;
      answer->error = fmt::format(
          "the model answered with an empty text{}; ask again, or try "
          "another model",
          finish.empty() || finish == "STOP" ? std::string()
                                             : fmt::format(" ({})", OneLine(finish, 60)));
    }
  }

  static void ReadUsage(const Json& usage, WireAnswer* answer) {
    Usage& read = answer->usage;
    const bool in = ReadTokens(Member(usage, "promptTokenCount"), &read.tokens_in);
    int64_t tools = 0;
    ReadTokens(Member(usage, "toolUsePromptTokenCount"), &tools);
    read.tokens_in += tools;
    ReadTokens(Member(usage, "cachedContentTokenCount"), &read.tokens_cached);
    ReadTokens(Member(usage, "thoughtsTokenCount"), &read.tokens_reasoning);
    // Absent when all went into thoughts.
    const bool out = ReadTokens(Member(usage, "candidatesTokenCount"), &read.tokens_out);
    read.tokens_out += read.tokens_reasoning;
    answer->has_usage = in && (out || read.tokens_reasoning > 0);
  }
};

}  // namespace

const Wire& GeminiWire() {
  static const Gemini kWire;
  return kWire;
}

}  // namespace banyan
