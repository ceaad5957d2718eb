#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/model.h"

namespace banyan {

// One question to a language model: what a prompt is made into, whatever the provider's API.
struct ChatRequest {
  std::string system;
  std::string user;
  Json schema;              // of the answer, as JSON schema
  std::string schema_name;  // [a-z_]+
  int64_t max_output_tokens = 4096;
};

// What came back. `text` is the answer as the model wrote it (the arguments of a tool call as
// JSON text), to be parsed by model/reply.h; it is kept where the reply was truncated, too.
struct ChatReply {
  std::string text;
  CallFailure failure = CallFailure::kNone;
  std::string error;  // one line that says what to do, free of keys; empty: answered
  Usage usage;        // of all tries; seconds measured, cost by the entry's prices
  std::vector<std::string>
      notes;  // one line each: what was estimated, which way of asking was left
  std::vector<Exchange> exchanges;
};

// A provider's API behind one entry of the pool. Ask blocks, with the entry's timeouts, retries and
// concurrency limit; thread-safe.
class ChatClient {
 public:
  virtual ~ChatClient() = default;
  virtual ChatReply Ask(const ChatRequest& request) = 0;
  // Calls in flight end soon with kCancelled, later ones at once. Thread-safe.
  virtual void Cancel() = 0;
};

}  // namespace banyan
