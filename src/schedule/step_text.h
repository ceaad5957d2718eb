#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "schedule/step.h"

namespace banyan {

// Shared by printer (step.cc) and parser (step_parser.cc) of plan text; not for other rooms.

// True if `text` may be printed without quotes: it reads back as a name, not as a number or
// boolean.
bool IsBareName(std::string_view text);

// CanonicalStep in place; on failure `bad_key` names the argument at fault (empty: the step).
Status NormalizeStep(Step& step, std::string* bad_key);

}  // namespace banyan
