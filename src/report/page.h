#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace banyan {

// Text for between tags and in quoted attributes of HTML.
std::string HtmlEscape(std::string_view text);

// JSON that no text inside can break out of a <script> element: <, >, & and the two line separators
// are written as \uXXXX; invalid UTF-8 is replaced.
std::string ScriptSafeJson(const Json& json);

// One self-contained page over `data` (docs/report.md): style and scripts within, nothing loaded,
// which its content security policy says as well. `data` is untrusted: models wrote part of it.
std::string MakePage(std::string_view title, const Json& data);

}  // namespace banyan
