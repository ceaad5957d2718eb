#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace banyan {

// RFC 4648, with padding.
std::string Base64(std::string_view bytes);

// RFC 1952. The same bytes for the same text.
std::string Gzip(std::string_view text);

// A study's data as its page holds it: every run's tree but its models' records is gzipped and in
// base64, under "gz". The page unpacks the tree that is looked at.
Json PackTrees(Json data);

}  // namespace banyan
