#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace banyan {

// Without white space at both ends.
std::string_view Trim(std::string_view text);
// The parts between separators; n separators give n + 1 parts, some perhaps empty.
std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// Smallest number of insertions, deletions, replacements and swaps of neighbours that turn one into
// the other (optimal string alignment distance), over bytes.
size_t EditDistance(std::string_view a, std::string_view b);
// The candidate most like a mistyped `word`, if one is like it at all; the first of equals.
std::optional<std::string> ClosestMatch(std::string_view word,
                                        const std::vector<std::string>& candidates);
// "; did you mean 'mlp'?", or nothing: for the end of an error message.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

// Any bytes as one line of valid UTF-8 for records and messages: line breaks and control characters
// become spaces, invalid bytes '?', and what is beyond `max_bytes` "...".
std::string OneLine(std::string_view text, size_t max_bytes = 300);
// The last line that is not blank; empty if there is none.
std::string_view LastLine(std::string_view text);

}  // namespace banyan
