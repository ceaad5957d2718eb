#include "base/format.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/numbers.h"
#include "base/utf8.h"

namespace banyan {
namespace {

TEST(FormatTest, Times) {
  EXPECT_EQ(FormatMs(0), "0 us");
  EXPECT_EQ(FormatMs(0.0123), "12.3 us");
  EXPECT_EQ(FormatMs(0.0005), "0.5 us");
  EXPECT_EQ(FormatMs(0.9996), "1.00 ms");
  EXPECT_EQ(FormatMs(1.234), "1.23 ms");
  EXPECT_EQ(FormatMs(123.4), "123 ms");
  EXPECT_EQ(FormatMs(999.6), "1.00 s");
  EXPECT_EQ(FormatMs(4560), "4.56 s");
  EXPECT_EQ(FormatMs(kNaN), "-");
  EXPECT_EQ(FormatSeconds(0.25), "250 ms");
  EXPECT_EQ(FormatSeconds(12.34), "12.3 s");
  EXPECT_EQ(FormatSeconds(245), "4m05s");
  EXPECT_EQ(FormatSeconds(7380), "2h03m");
  EXPECT_EQ(FormatSeconds(std::numeric_limits<double>::infinity()), "no limit");
}

TEST(FormatTest, Amounts) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1536 << 10), "1.50 MiB");
  EXPECT_EQ(FormatBytes(int64_t{4} << 30), "4.00 GiB");
  EXPECT_EQ(FormatGflops(98.71), "98.7 GFLOP/s");
  EXPECT_EQ(FormatGflops(1234), "1.23 TFLOP/s");
  EXPECT_EQ(FormatRatio(12.34), "12.3x");
  EXPECT_EQ(FormatPercent(0.875), "87.5 %");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-123), "-123");
  EXPECT_EQ(FormatCount(-1234), "-1,234");
  EXPECT_EQ(FormatUsd(0.01234), "$0.0123");
  EXPECT_EQ(FormatUsd(12.3), "$12.30");
  EXPECT_EQ(GflopsOf(2e9, 100), 20);
  EXPECT_TRUE(std::isnan(GflopsOf(2e9, kNaN)));
}

TEST(FormatTest, TablesLineUpByWidth) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kRight});
  table.AddRow({"name", "ms"});
  table.AddRow({"\xE6\xA0\x91", "1.5", "x"});
  table.AddRow({"longer name", "12"});
  EXPECT_EQ(table.Print(),
            "name          ms\n"
            "-----------  ---  -\n"
            "\xE6\xA0\x91           1.5  x\n"
            "longer name   12\n");
  EXPECT_EQ(TextTable().Print(), "");
}

TEST(FormatTest, FitsWidths) {
  EXPECT_EQ(FitWidth("ab", 4), "ab  ");
  EXPECT_EQ(FitWidth("abcdef", 4), "abc\u2026");
  EXPECT_EQ(FitWidth("abc", 0), "");
  EXPECT_EQ(DisplayWidth(FitWidth("a\xE6\xA0\x91\xE6\xA0\x91", 4)), 4u);
  EXPECT_EQ(ProgressBar(0.5, 12), "[#####-----]");
  EXPECT_EQ(ProgressBar(2, 5), "[###]");
  EXPECT_EQ(ProgressBar(kNaN, 1), "[-]");
}

}  // namespace
}  // namespace banyan
