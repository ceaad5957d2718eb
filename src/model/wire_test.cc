#include "model/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PoolEntry Entry(const std::string& base_url = "", const std::string& model = "m") {
  PoolEntry entry;
  entry.model = model;
  entry.base_url = base_url;
  return entry;
}

ChatRequest Question(Json schema) {
  ChatRequest request;
  request.system = "sys";
  request.user = "ask";
  request.schema = std::move(schema);
  request.schema_name = "answer";
  return request;
}

TEST(WireUrl, IsTheProvidersOwnOrTheServers) {
  EXPECT_EQ(OpenAiWire().Url(Entry()), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(OpenAiWire().Url(Entry("http://h:1/v1/")), "http://h:1/v1/chat/completions");
  EXPECT_EQ(AnthropicWire().Url(Entry()), "https://api.anthropic.com/v1/messages");
  EXPECT_EQ(AnthropicWire().Url(Entry("http://h/v1")), "http://h/v1/messages");
  EXPECT_EQ(AnthropicWire().Url(Entry("http://h/x/")), "http://h/x/v1/messages");
  EXPECT_EQ(
      GeminiWire().Url(Entry("", "models/a?b/../c")),
      "https://generativelanguage.googleapis.com/v1beta/models/a%3Fb%2F..%2Fc:generateContent");
}

TEST(WireBody, AsksOpenAiStrictlyWhereTheSchemaAllowsIt) {
  const Json closed = {{"type", "object"},
                       {"properties", {{"a", {{"type", "integer"}}}}},
                       {"required", {"a"}},
                       {"additionalProperties", false}};
  const auto strict = [](const Json& schema) {
    const Json body = OpenAiWire().Body(Entry(), Question(schema), {});
    return body["response_format"]["json_schema"]["strict"].get<bool>();
  };
  EXPECT_TRUE(strict(closed));
  Json open = closed;
  open.erase("additionalProperties");
  EXPECT_FALSE(strict(open));
  Json optional = closed;
  optional["required"] = Json::array();
  EXPECT_FALSE(strict(optional));
  EXPECT_FALSE(strict({{"type", "array"}, {"items", open}}));
  EXPECT_TRUE(strict({{"type", "array"}, {"items", closed}}));
}

TEST(WireBody, PutsTheSchemaInWordsForText) {
  const ChatRequest question = Question({{"type", "object"}, {"title", "Planted"}});
  for (const Wire* wire : {&OpenAiWire(), &AnthropicWire(), &GeminiWire()}) {
    const std::string text =
        wire->Body(Entry(), question, {.structured = Structured::kText}).dump();
    EXPECT_THAT(text, HasSubstr("fits this JSON schema"));
    EXPECT_THAT(text, HasSubstr("Planted"));
    for (const Structured way : {Structured::kSchema, Structured::kTool}) {
      EXPECT_THAT(wire->Body(Entry(), question, {.structured = way}).dump(),
                  Not(HasSubstr("fits this JSON schema")));
    }
  }
}

TEST(WireBody, MakesGeminisOlderSchemaOfAnyOther) {
  const Json schema = {
      {"$schema", "x"},
      {"type", "object"},
      {"additionalProperties", false},
      {"properties",
       {{"op", {{"const", "tile"}}},
        {"n", {{"type", {"integer", "null"}}}},
        {"format", {{"oneOf", Json::array({{{"type", "string"}, {"$id", "y"}}})}}}}}};
  const Json body = GeminiWire().Body(Entry(), Question(schema), {.old_field = true});
  const Json expected = {{"type", "object"},
                         {"properties",
                          {{"op", {{"enum", {"tile"}}}},
                           {"n", {{"type", "integer"}, {"nullable", true}}},
                           {"format", {{"anyOf", Json::array({{{"type", "string"}}})}}}}}};
  EXPECT_EQ(body["generationConfig"]["responseSchema"], expected);
}

TEST(ErrorMessage, ReadsEveryServersWay) {
  EXPECT_EQ(ErrorMessage({{"error", {{"message", "a"}}}}), "a");
  EXPECT_EQ(ErrorMessage({{"error", "b"}}), "b");
  EXPECT_EQ(ErrorMessage({{"message", "c"}}), "c");
  EXPECT_EQ(ErrorMessage({{"detail", "d"}}), "d");
  EXPECT_EQ(ErrorMessage(Json::array({{{"error", {{"message", "e"}}}}})), "e");
  EXPECT_EQ(ErrorMessage({{"detail", Json::array({{{"msg", "f"}}})}}), R"([{"msg":"f"}])");
  EXPECT_EQ(ErrorMessage(3), "");
}

TEST(ReadTokens, TakesSaneCountsOnly) {
  int64_t tokens = 7;
  EXPECT_TRUE(ReadTokens(12, &tokens));
  EXPECT_EQ(tokens, 12);
  for (const Json& json : {Json(-1), Json(1.5), Json("3"), Json(), Json(uint64_t{1} << 63)}) {
    EXPECT_FALSE(ReadTokens(json, &tokens)) << json;
    EXPECT_EQ(tokens, 0);
  }
}

TEST(NestsTooDeep, LooksAtBracketsOutsideOfTexts) {
  EXPECT_FALSE(NestsTooDeep(std::string(100, '[')));
  EXPECT_TRUE(NestsTooDeep(std::string(200, '{')));
  EXPECT_FALSE(NestsTooDeep("\"" + std::string(200, '[') + "\\\"[["));
}

// Whatever a server sends, the three readers give an outcome.
TEST(WireRead, SurvivesAnyShape) {
  const std::vector<Json> leaves = {
      nullptr, 3, "x", Json::array(), Json::object(), true, Json::array({nullptr, 3, "x"})};
  for (const Wire* wire : {&OpenAiWire(), &AnthropicWire(), &GeminiWire()}) {
    for (const Json& leaf : leaves) {
      for (const Json& body :
           {leaf,
            Json({{"choices", leaf}, {"content", leaf}, {"candidates", leaf}, {"usage", leaf}}),
            Json({{"choices", Json::array({{{"message", leaf}}})},
                  {"content", Json::array({{{"type", "tool_use"}, {"input", leaf}}})},
                  {"candidates", Json::array({{{"content", leaf}}})}}),
            Json({{"choices",
                   Json::array({{{"message", {{"tool_calls", leaf}, {"content", leaf}}}}})},
                  {"candidates", Json::array({{{"content", {{"parts", leaf}}}}})},
                  {"promptFeedback", leaf}})}) {
        const WireAnswer answer = wire->Read(body);
        EXPECT_TRUE(answer.failure == CallFailure::kNone || !answer.error.empty() ||
                    answer.failure == CallFailure::kTruncated)
            << body;
      }
    }
  }
}

}  // namespace
}  // namespace banyan
