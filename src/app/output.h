#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace banyan {

// How things look on stdout and on a terminal, beyond base/format.h.

// To stdout: indented on a terminal, one line when piped.
void PrintJson(const Json& json);
bool IsTerminal(int fd);
// Columns of the terminal behind `fd`; 80 if it does not tell.
int TerminalColumns(int fd);

// NaN for null or no number.
double NumberFromJson(const Json& json);

// Rows of label and text with the texts below one another.
std::string AlignedRows(const std::vector<std::pair<std::string, std::string>>& rows,
                        const std::string& indent = "  ");
// Cut to `columns` with "..." at the end.
std::string Shorten(const std::string& text, size_t columns);

}  // namespace banyan
