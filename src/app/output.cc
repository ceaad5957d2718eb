#include "app/output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace banyan {

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

double NumberFromJson(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
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

std::string Shorten(const std::string& text, size_t columns) {
  if (text.size() <= columns) return text;
  return columns < 3 ? text.substr(0, columns) : text.substr(0, columns - 3) + "...";
}

}  // namespace banyan
