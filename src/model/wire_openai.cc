// Chat completions, as OpenAI's API and the many servers compatible with it have them.
#include <fmt/format.h>

#include "base/strings.h"
#include "model/wire.h"

namespace banyan {
namespace {

class OpenAi final : public Wire {
 public:
  std::string Url(const PoolEntry& entry) const override {
    return JoinUrl(entry.base_url.empty() ? "https://api.openai.com/v1" : entry.base_url,
                   "chat/completions");
  }

  std::vector<std::pair<std::string, std::string>> Headers(const std::string& key) const override {
    if (key.empty()) return {};
    return {{"Authorization", "Bearer " + key}};
  }

  Json Body(const PoolEntry& entry, const ChatRequest& request,
            const Dialect& dialect) const override {
    Json messages = Json::array();
    if (!request.system.empty()) {
      messages.push_back({{"role", "system"}, {"content", request.system}});
    }
    messages.push_back({{"role", "user"}, {"content", UserText(request, dialect)}});
    Json body = {{"model", entry.model}, {"messages", std::move(messages)}};
    body[dialect.old_field ? "max_tokens" : "max_completion_tokens"] = request.max_output_tokens;
    if (dialect.structured == Structured::kSchema) {
      body["response_format"] = {{"type", "json_schema"},
                                 {"json_schema",
                                  {{"name", request.schema_name},
                                   {"schema", request.schema},
                                   {"strict", IsStrictSchema(request.schema)}}}};
    } else if (dialect.structured == Structured::kTool) {
      body["tools"] = Json::array({{{"type", "function"},
                                    {"function",
                                     {{"name", request.schema_name},
                                      {"description", "Takes the answer."},
                                      {"parameters", request.schema}}}}});
      body["tool_choice"] = {{"type", "function"}, {"function", {{"name", request.schema_name}}}};
    }
    return body;
  }

  WireAnswer Read(const Json& body) const override {
    WireAnswer answer;
    ReadUsage(Member(body, "usage"), &answer);
    const Json& choices = Member(body, "choices");
    if (!choices.is_array() || choices.empty()) {
      answer.failure = CallFailure::kUnusable;
      answer.error = "the server's reply holds no choice; ask again, or try another model";
      return answer;
    }
    const Json& message = Member(choices.front(), "message");
    const std::string finish = TextOf(Member(choices.front(), "finish_reason"));
    answer.text = Content(Member(message, "content"));
    const Json& calls = Member(message, "tool_calls");
    // Models call a tool now and then although none was asked for: its arguments are the answer.
    if (calls.is_array() && !calls.empty()) {
      const Json& arguments = Member(Member(calls.front(), "function"), "arguments");
      const std::string text = arguments.is_object() ? arguments.dump() : TextOf(arguments);
      if (!Trim(text).empty()) answer.text = text;
    }
    const std::string refusal = TextOf(Member(message, "refusal"));
    if (!refusal.empty() || finish == "content_filter") {
      answer.failure = CallFailure::kRefused;
      answer.error = refusal.empty()
                         ? "the provider's content filter stopped the answer; use another model"
                         : fmt::format("the model declined: {}", OneLine(refusal, 200));
    } else if (finish == "length") {
      answer.failure = CallFailure::kTruncated;
    } else if (Trim(answer.text).empty()) {
      answer.failure = CallFailure::kUnusable;
      answer.error = "the model answered with an empty text; ask again, or try another model";
    }
    return answer;
  }

  std::vector<Structured> Preferences() const override {
    return {Structured::kSchema, Structured::kTool, Structured::kText};
  }
  // Compatible servers know max_tokens at least; OpenAI's newer models refuse it.
  Dialect First(const PoolEntry& entry) const override {
    return {.structured = Structured::kSchema, .old_field = !entry.base_url.empty()};
  }
  bool RefusesField(std::string_view text, const Dialect& dialect) const override {
    const bool names_new = text.find("max_completion_tokens") != std::string_view::npos;
    const bool names_old = text.find("max_tokens") != std::string_view::npos;
    // "use max_completion_tokens instead" names both, whichever was sent.
    return dialect.old_field ? names_old : names_new;
  }

 private:
  // A text, or the texts of a list of parts.
  static std::string Content(const Json& content) {
    if (!content.is_array()) return TextOf(content);
    std::string text;
    for (const Json& part : content) text += TextOf(Member(part, "text"));
    return text;
  }

  static void ReadUsage(const Json& usage, WireAnswer* answer) {
    Usage& read = answer->usage;
    const bool in = ReadTokens(Member(usage, "prompt_tokens"), &read.tokens_in);
    const bool out = ReadTokens(Member(usage, "completion_tokens"), &read.tokens_out);
    answer->has_usage = in && out;
    const Json& cached = Member(Member(usage, "prompt_tokens_details"), "cached_tokens");
    if (!ReadTokens(cached, &read.tokens_cached)) {
      ReadTokens(Member(usage, "prompt_cache_hit_tokens"), &read.tokens_cached);  // DeepSeek's name
    }
    ReadTokens(Member(Member(usage, "completion_tokens_details"), "reasoning_tokens"),
               &read.tokens_reasoning);
  }
};

}  // namespace

const Wire& OpenAiWire() {
  static const OpenAi kWire;
  return kWire;
}

}  // namespace banyan
