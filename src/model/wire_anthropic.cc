// Anthropic's messages.
#include <fmt/format.h>

#include "base/strings.h"
#include "model/wire.h"

namespace banyan {
namespace {

class Anthropic final : public Wire {
 public:
  std::string Url(const PoolEntry& entry) const override {
    const std::string base = entry.base_url.empty() ? "https://api.anthropic.com" : entry.base_url;
    // With and without the version, as both are written.
    const bool versioned = base.ends_with("/v1") || base.ends_with("/v1/");
    return JoinUrl(base, versioned ? "messages" : "v1/messages");
  }

  std::vector<std::pair<std::string, std::string>> Headers(const std::string& key) const override {
    std::vector<std::pair<std::string, std::string>> headers = {
        {"anthropic-version", "2023-06-01"}};
    if (!key.empty()) headers.emplace_back("x-api-key", key);
    return headers;
  }

  Json Body(const PoolEntry& entry, const ChatRequest& request,
            const Dialect& dialect) const override {
    Json body = {{"model", entry.model}, {"max_tokens", request.max_output_tokens}};
    if (!request.system.empty()) body["system"] = request.system;
    body["messages"] = Json::array({{{"role", "user"}, {"content", UserText(request, dialect)}}});
    if (dialect.structured == Structured::kTool) {
      body["tools"] = Json::array({{{"name", request.schema_name},
                                    {"description", "Takes the answer."},
                                    {"input_schema", request.schema}}});
      body["tool_choice"] = {
          {"type", "tool"}, {"name", request.schema_name}, {"disable_parallel_tool_use", true}};
    } else if (dialect.structured == Structured::kSchema) {
      body["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", request.schema}}}};
    }
    return body;
  }

  WireAnswer Read(const Json& body) const override {
    WireAnswer answer;
    ReadUsage(Member(body, "usage"), &answer);
    std::string texts;
    std::string arguments;
    const Json& content = Member(body, "content");
    if (content.is_array()) {
      for (const Json& block : content) {
        const std::string type = TextOf(Member(block, "type"));
        if (type == "text") texts += TextOf(Member(block, "text"));
        const Json& input = Member(block, "input");
        if (type == "tool_use" && arguments.empty() && input.is_object() && !input.empty()) {
          arguments = input.dump();
        }
      }
    }
    answer.text = arguments.empty() ? texts : arguments;
    const std::string stop = TextOf(Member(body, "stop_reason"));
    if (stop == "refusal") {
      answer.failure = CallFailure::kRefused;
      answer.error = texts.empty() ? "the model declined; use another model"
                                   : fmt::format("the model declined: {}", OneLine(texts, 200));
    } else if (stop == "max_tokens" || stop == "model_context_window_exceeded") {
      answer.failure = CallFailure::kTruncated;
    } else if (Trim(answer.text).empty()) {
      answer.failure = CallFailure::kUnusable;
      answer.error =
          "the server's reply holds neither text nor a tool's input; ask again, or try "
          "another model";
    }
    return answer;
  }

  std::vector<Structured> Preferences() const override {
    return {Structured::kTool, Structured::kSchema, Structured::kText};
  }
  Dialect First(const PoolEntry&) const override { return {.structured = Structured::kTool}; }
  bool RefusesField(std::string_view, const Dialect&) const override { return false; }

 private:
  static void ReadUsage(const Json& usage, WireAnswer* answer) {
    Usage& read = answer->usage;
    const bool in = ReadTokens(Member(usage, "input_tokens"), &read.tokens_in);
    const bool out = ReadTokens(Member(usage, "output_tokens"), &read.tokens_out);
    answer->has_usage = in && out;
    // input_tokens leaves out what was read from or written to the cache.
    int64_t written = 0;
    ReadTokens(Member(usage, "cache_creation_input_tokens"), &written);
    ReadTokens(Member(usage, "cache_read_input_tokens"), &read.tokens_cached);
    read.tokens_in += written + read.tokens_cached;
    ReadTokens(Member(Member(usage, "output_tokens_details"), "thinking_tokens"),
               &read.tokens_reasoning);
  }
};

}  // namespace

const Wire& AnthropicWire() {
  static const Anthropic kWire;
  return kWire;
}

}  // namespace banyan
