#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "model/chat.h"
#include "model/pool.h"

namespace banyan {

// How a structured answer is asked for.
enum class Structured { kSchema, kTool, kText };

const char* StructuredName(Structured structured);

// What a server was found to take; starts with the API's best and is remembered by the client.
struct Dialect {
  Structured structured = Structured::kSchema;
  bool old_field = false;  // openai: max_tokens; gemini: responseSchema
};

// An answer of status 200, read.
struct WireAnswer {
  std::string text;
  CallFailure failure = CallFailure::kNone;
  std::string error;
  Usage usage;  // tokens only
  bool has_usage = false;
};

// One provider's API: how a question is written and an answer read. Pure and stateless, so
// thread-safe. Written after the public API references of the three providers and checked against
// the types of their Python SDKs in tests/e2e.
class Wire {
 public:
  virtual ~Wire() = default;

  virtual std::string Url(const PoolEntry& entry) const = 0;
  // Authentication and version; `key` may be empty.
  virtual std::vector<std::pair<std::string, std::string>> Headers(
      const std::string& key) const = 0;
  virtual Json Body(const PoolEntry& entry, const ChatRequest& request,
                    const Dialect& dialect) const = 0;
  // Any JSON, as it comes from outside.
  virtual WireAnswer Read(const Json& body) const = 0;

  // In the order of preference.
  virtual std::vector<Structured> Preferences() const = 0;
  virtual Dialect First(const PoolEntry& entry) const = 0;
  // Whether a refusal (status 400 or 422, its text in lower case) is about the field that
  // `old_field` chooses between; then the other one may help.
  virtual bool RefusesField(std::string_view text, const Dialect& dialect) const = 0;
};

const Wire& OpenAiWire();
const Wire& AnthropicWire();
const Wire& GeminiWire();

// What the three have in common.

// The question with the schema in words, for models that are asked for plain text.
std::string UserText(const ChatRequest& request, const Dialect& dialect);
// `base` without a slash at its end, then `path`.
std::string JoinUrl(std::string_view base, std::string_view path);
// The member if there is one of an object, else null.
const Json& Member(const Json& json, const char* key);
// The text, or nothing if it is none.
std::string TextOf(const Json& json);
// A count of tokens from outside: false and 0 unless it is a whole number in [0, 1e9].
bool ReadTokens(const Json& json, int64_t* tokens);
// Whether every object of the schema is closed and requires all it has: what the strict modes want.
bool IsStrictSchema(const Json& schema);
// Whether brackets nest so deep that the text is no answer; where not, recursion over the parsed
// text is safe. For any bytes.
bool NestsTooDeep(std::string_view json);
// The message of an error body, whatever the server's way to say it; empty if there is none.
std::string ErrorMessage(const Json& body);

}  // namespace banyan
