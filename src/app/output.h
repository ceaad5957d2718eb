#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

namespace banyan {

// How things look on paper and on a terminal.

// Newlines and runs of spaces become one space.
std::string OneLine(const std::string& text);
// To stdout: indented on a terminal, one line when piped.
void PrintJson(const Json& json);
bool IsTerminal(int fd);
// Columns of the terminal behind `fd`; 80 if it does not tell.
int TerminalColumns(int fd);

// NaN becomes null.
Json NumberOrNull(double value);
// NaN for null or no number.
double NumberOrNan(const Json& json);

// "7.51 ms", "306 us", "1.39 s"; "-" for NaN. Three significant digits.
std::string LatencyText(double latency_ms);
// "3.2 s", "1 min 20 s".
std::string DurationText(double seconds);
std::string BytesText(double bytes);  // "64 KiB"
// `digits` significant digits, without an exponent; "-" for NaN.
std::string NumberText(double value, int digits = 3);

// Rows of label and text with the texts below one another.
std::string AlignedRows(const std::vector<std::pair<std::string, std::string>>& rows,
                        const std::string& indent = "  ");
// A table with a header; columns of numbers are right-aligned. UTF-8 is not measured: ASCII only.
std::string Table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows,
                  const std::string& indent = "  ");
// Cut to `columns` with "..." at the end.
std::string Shorten(const std::string& text, size_t columns);

}  // namespace banyan
