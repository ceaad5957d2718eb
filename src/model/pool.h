#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/chat.h"
#include "model/model.h"

namespace banyan {

// One model of the pool as a person configures it; keys of the TOML file are the fields' names.
struct PoolEntry {
  std::string name;      // how the run calls it; unique; letters, digits and ._:/@+-
  std::string provider;  // openai | anthropic | gemini | command | replay | builtin
  std::string model;     // the provider's id; of a builtin: analytic, heuristic, random
  std::string base_url;  // empty: the provider's own
  // Environment variable that holds the key; empty: none is sent. Not given: the provider's usual
  // one (OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY) if there is no base_url either.
  std::string key_env;
  ModelRole role = ModelRole::kStrong;
  double parameters_b = 0;  // billions
  // USD per million tokens: price_in, price_out, price_cached (not given: price_in).
  Price price;
  int64_t max_output_tokens = 8192;
  int64_t max_prompt_tokens = 24'000;  // the prompt's budget; see model/prompt.h
  int concurrency = 2;
  int retries = 3;  // beyond the first try
  double connect_timeout_s = 10;
  double first_byte_timeout_s = 120;
  double total_timeout_s = 300;  // of one try
  std::string structured =
      "auto";  // auto | schema | tool | text: how a structured answer is asked for
  std::vector<std::string> command;  // provider command: argv
  std::string store;                 // provider replay: file
  std::string run;                   // provider replay: which run, "last" by default
  Json extra = Json::object();  // further fields of the request, as they are (temperature, ...)
};

// [[model]] tables of a TOML file; `where` names it in errors. A person's file: every mistake is a
// kInvalidArgument with the line.
Result<std::vector<PoolEntry>> ParsePool(std::string_view toml, const std::string& where);

// The models that `items` name, in their order: "builtin:NAME", a TOML file (all its models) or
// "FILE.toml#name" (one of them). A name that occurs twice is a kInvalidArgument.
Result<std::vector<PoolEntry>> LoadPool(const std::vector<std::string>& items);

// An entry as it is stored with a run: the keys of the TOML file. Holds no key, as an entry has
// none. The inverse checks as ParsePool does.
Json ToJson(const PoolEntry& entry);
Result<PoolEntry> PoolEntryFromJson(const Json& json);

// kNotFound or kInvalidArgument if the entry cannot be used, in words that say what to do (the
// key's variable is not set, ...); never shows a key. Connects to nothing.
Status CheckUsable(const PoolEntry& entry);

// A client of the providers openai, anthropic and gemini (over libcurl; the key is read here, once)
// and command.
Result<std::unique_ptr<ChatClient>> MakeChatClient(const PoolEntry& entry);

// Any entry but `replay` (the store makes those) as a model. Destroy it after its last call
// returned.
Result<std::unique_ptr<Model>> MakeModel(const PoolEntry& entry);

}  // namespace banyan
