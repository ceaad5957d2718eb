#include "app/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace banyan {

std::string OneLine(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void PrintJson(const Json& json) {
  const int indent = IsTerminal(STDOUT_FILENO) ? 2 : -1;
  std::fputs(json.dump(indent, ' ', false, Json::error_handler_t::replace).c_str(), stdout);
  std::fputc('\n', stdout);
}

bool IsTerminal(int fd) { return isatty(fd) == 1; }

int TerminalColumns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

Json NumberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double NumberOrNan(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string NumberText(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::fabs(value))));
  return fmt::format("{:.{}f}", value, std::clamp(digits - 1 - magnitude, 0, 12));
}

std::string LatencyText(double latency_ms) {
  if (!std::isfinite(latency_ms)) return "-";
  if (latency_ms >= 1000) return NumberText(latency_ms / 1000) + " s";
  if (latency_ms >= 1) return NumberText(latency_ms) + " ms";
  return NumberText(latency_ms * 1000) + " us";
}

std::string DurationText(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string BytesText(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", bytes, bytes < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

std::string AlignedRows(const std::vector<std::pair<std::string, std::string>>& rows,
                        const std::string& indent) {
  size_t width = 0;
  for (const auto& [label, text] : rows) width = std::max(width, label.size());
  std::string lines;
  for (const auto& [label, text] : rows) {
    lines += fmt::format("{}{:<{}}  {}\n", indent, label, width, text);
  }
  return lines;
}

std::string Table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows, const std::string& indent) {
  std::vector<size_t> widths;
  std::vector<bool> numeric(header.size(), true);
  for (const std::string& name : header) widths.push_back(name.size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
      const bool number = row[i].empty() || row[i] == "-" || std::isdigit(row[i][0]) != 0 ||
                          ((row[i][0] == '-' || row[i][0] == '+') && row[i].size() > 1 &&
                           std::isdigit(row[i][1]) != 0);
      if (!number) numeric[i] = false;
    }
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = indent;
    for (size_t i = 0; i < cells.size(); ++i) {
      text += numeric[i] ? fmt::format("{:>{}}", cells[i], widths[i])
                         : fmt::format("{:<{}}", cells[i], widths[i]);
      if (i + 1 < cells.size()) text += "  ";
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text + "\n";
  };
  std::string lines = line(header);
  for (const auto& row : rows) lines += line(row);
  return lines;
}

std::string Shorten(const std::string& text, size_t columns) {
  if (text.size() <= columns) return text;
  return columns < 3 ? text.substr(0, columns) : text.substr(0, columns - 3) + "...";
}

}  // namespace banyan
