#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace banyan {

// Numbers for people: about three significant digits, with a unit; "-" for NaN. Machines get JSON
// instead.

std::string FormatMs(double ms);             // "12.3 us", "1.23 ms", "4.56 s"
std::string FormatSeconds(double seconds);   // "250 ms", "12.3 s", "4m05s", "2h03m"
std::string FormatBytes(int64_t bytes);      // "512 B", "1.50 MiB"
std::string FormatGflops(double gflops);     // "98.7 GFLOP/s", "1.23 TFLOP/s"
std::string FormatRatio(double ratio);       // "12.3x"
std::string FormatPercent(double fraction);  // "87.5 %"
std::string FormatCount(int64_t count);      // "1,234,567"
// "0.333333333": nine digits, enough to tell states apart, few enough to survive another libm.
std::string FormatExact(double value);
std::string FormatUsd(double usd);  // "$0.0123", "$12.30"
// GFLOP/s of `flops` operations in `latency_ms`; NaN if that is not positive.
double GflopsOf(double flops, double latency_ms);

// Rows of cells, printed in columns that line up by display width. The first row is the header.
class TextTable {
 public:
  enum class Align { kLeft, kRight };

  // One for each column; columns beyond them are left-aligned.
  explicit TextTable(std::vector<Align> alignment = {}) : alignment_(std::move(alignment)) {}

  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Lines end in '\n' and have no spaces before it; a rule follows the header.
  std::string Print() const;

 private:
  std::vector<Align> alignment_;
  std::vector<std::vector<std::string>> rows_;
};

// `text` filled up with spaces, or cut (with an ellipsis), to exactly `width` columns.
std::string FitWidth(std::string_view text, size_t width);

// "[#######-------]" of `width` characters in all, at least 3; `fraction` is clamped to [0, 1].
std::string ProgressBar(double fraction, size_t width);

}  // namespace banyan
