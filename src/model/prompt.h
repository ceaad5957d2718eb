#pragma once

#include <cstdint>
#include <string>

#include "model/chat.h"
#include "model/model.h"

namespace banyan {

// The prompt of a request: a pure function of it, without addresses, clocks or run ids (a golden
// file). Where it would be larger than `max_tokens` (estimated by EstimateTokens), parts are left
// out in a fixed order, each named in the prompt: examples, older failures, further best plans,
// legal ranges of rare transformations, the grandparent's and parent's text, last the middle of the
// program's text.
ChatRequest MakePrompt(const ModelRequest& request, int64_t max_tokens, int64_t max_output_tokens);

// JSON schema of the reply that MakePrompt asks for.
Json ReplyJsonSchema(ActionSpace space);

// Tokens of a text as the common byte-pair encodings count source code, about: bytes / 3.2. A bound
// that always holds is the number of bytes.
int64_t EstimateTokens(std::string_view text);
int64_t TokensOfBytes(int64_t bytes);

}  // namespace banyan
