#include "base/format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/utf8.h"

namespace banyan {
namespace {

// Three significant digits, without an exponent.
std::string Significant(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  if (size >= 0.9995) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

}  // namespace

std::string FormatMs(double ms) {
  if (std::isnan(ms)) return "-";
  const double size = std::abs(ms);
  if (size < 0.9995) return Significant(ms * 1e3) + " us";
  if (size < 999.5) return Significant(ms) + " ms";
  return Significant(ms / 1e3) + " s";
}

std::string FormatSeconds(double seconds) {
  if (std::isnan(seconds)) return "-";
  if (std::isinf(seconds)) return "no limit";
  if (std::abs(seconds) < 59.95) return FormatMs(seconds * 1e3);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (std::abs(bytes) < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return Significant(value) + " " + kUnits[unit];
}

std::string FormatGflops(double gflops) {
  if (std::isnan(gflops)) return "-";
  if (gflops < 999.5) return Significant(gflops) + " GFLOP/s";
  return Significant(gflops / 1e3) + " TFLOP/s";
}

std::string FormatRatio(double ratio) {
  return std::isnan(ratio) ? std::string("-") : Significant(ratio) + "x";
}

std::string FormatPercent(double fraction) {
  return std::isnan(fraction) ? std::string("-") : fmt::format("{:.1f} %", fraction * 100);
}

std::string FormatCount(int64_t count) {
  const std::string digits = fmt::format("{}", count);
  const size_t sign = count < 0 ? 1 : 0;
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > sign && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string FormatExact(double value) {
  return std::isfinite(value) ? fmt::format("{:.9g}", value) : "-";
}

std::string FormatUsd(double usd) {
  if (std::isnan(usd)) return "-";
  return std::abs(usd) >= 1 || usd == 0 ? fmt::format("${:.2f}", usd) : fmt::format("${:.4f}", usd);
}

double GflopsOf(double flops, double latency_ms) {
  if (!(latency_ms > 0)) return std::numeric_limits<double>::quiet_NaN();
  return flops / latency_ms / 1e6;
}

std::string TextTable::Print() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    if (row.size() > widths.size()) widths.resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  const auto add_line = [&text](std::string line) {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      const std::string& cell = rows_[r][i];
      const std::string fill(widths[i] - DisplayWidth(cell), ' ');
      const bool right = i < alignment_.size() && alignment_[i] == Align::kRight;
      if (i > 0) line += "  ";
      line += right ? fill + cell : cell + fill;
    }
    add_line(std::move(line));
    if (r > 0) continue;
    std::string rule;
    for (size_t i = 0; i < widths.size(); ++i) {
      rule += (i > 0 ? "  " : "") + std::string(widths[i], '-');
    }
    add_line(std::move(rule));
  }
  return text;
}

std::string FitWidth(std::string_view text, size_t width) {
  const size_t all = DisplayWidth(text);
  if (all <= width) return std::string(text) + std::string(width - all, ' ');
  if (width == 0) return {};
  std::string cut;
  size_t used = 0;
  while (!text.empty()) {
    const size_t bytes = NextCodePoint(text).bytes;
    const size_t columns = DisplayWidth(text.substr(0, bytes));
    if (used + columns > width - 1) break;
    cut += text.substr(0, bytes);
    used += columns;
    text.remove_prefix(bytes);
  }
  return cut + "\u2026" + std::string(width - 1 - used, ' ');
}

std::string ProgressBar(double fraction, size_t width) {
  const size_t inside = std::max<size_t>(width, 3) - 2;
  const double clamped = std::isnan(fraction) ? 0 : std::clamp(fraction, 0.0, 1.0);
  const auto full = static_cast<size_t>(clamped * static_cast<double>(inside) + 1e-9);
  return "[" + std::string(full, '#') + std::string(inside - full, '-') + "]";
}

}  // namespace banyan
