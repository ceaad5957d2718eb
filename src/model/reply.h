#pragma once

#include <string>
#include <string_view>

#include "model/model.h"

namespace banyan {

// Reads what a language model really sends: JSON in fenced blocks, prose around it, trailing
// commas, single quotes, unknown fields, names off by a letter, plans as text, out-of-range factors
// (brought to the nearest legal one). What was repaired or left out is said in `notes`; a reply
// with nothing usable gets `failure` and an `error` that the next prompt shows to the model. Never
// more than the request's max_proposals; every step is canonical (schedule/step.h). Untrusted
// input: any bytes, at most 4 MiB are looked at. Pure, thread-safe.
ModelReply ParseReply(std::string_view text, const ModelRequest& request);

}  // namespace banyan
