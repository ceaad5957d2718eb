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
  std::string name;      // how the run calls it; unique
  std::string provider;  // openai | anthropic | gemini | command | replay | builtin
  std::string model;     // the provider's id; of a builtin: analytic, heuristic, random
  std::string base_url;  // empty: the provider's own
  std::string key_env;   // environment variable that holds the key; empty: none is sent
  ModelRole role = ModelRole::kStrong;
  double parameters_b = 0;  // billions
  Price price;              // USD per million tokens: price_in, price_out, price_cached
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

// kNotFound or kInvalidArgument if the entry cannot be used, in words that say what to do (the
// key's variable is not set, ...); never shows a key.
Status CheckUsable(const PoolEntry& entry);

// A client over libcurl for the providers openai, anthropic and gemini.
Result<std::unique_ptr<ChatClient>> MakeChatClient(const PoolEntry& entry);

// Any entry but `replay` (the store makes those) as a model.
Result<std::unique_ptr<Model>> MakeModel(const PoolEntry& entry);

}  // namespace banyan
