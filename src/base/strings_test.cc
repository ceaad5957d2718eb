#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/utf8.h"

namespace banyan {
namespace {

using testing::ElementsAre;

TEST(StringsTest, TrimSplitJoin) {
  EXPECT_EQ(Trim(" \t a b\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
  EXPECT_THAT(Split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_EQ(Join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(Join({}, ", "), "");
}

TEST(StringsTest, EditDistance) {
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("matmul", "matmlu"), 1u);  // a swap of neighbours
  EXPECT_EQ(EditDistance("same", "same"), 0u);
}

TEST(StringsTest, EditDistanceIsSymmetricAndBounded) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    std::string a(rng.Below(8), ' ');
    std::string b(rng.Below(8), ' ');
    for (char& c : a) c = static_cast<char>('a' + rng.Below(3));
    for (char& c : b) c = static_cast<char>('a' + rng.Below(3));
    EXPECT_EQ(EditDistance(a, b), EditDistance(b, a));
    EXPECT_LE(EditDistance(a, b), std::max(a.size(), b.size()));
    EXPECT_EQ(EditDistance(a, b) == 0, a == b);
  }
}

TEST(StringsTest, SuggestsWhatIsLike) {
  const std::vector<std::string> names = {"attention", "conv", "mlp", "matmul", "batch-matmul"};
  EXPECT_EQ(ClosestMatch("mtamul", names), "matmul");
  EXPECT_EQ(ClosestMatch("cnov", names), "conv");
  EXPECT_EQ(ClosestMatch("att", names), "attention");
  EXPECT_EQ(ClosestMatch("zebra", names), std::nullopt);
  EXPECT_EQ(ClosestMatch("", names), std::nullopt);
  EXPECT_EQ(ClosestMatch("x", {"y"}), std::nullopt);
  EXPECT_EQ(DidYouMean("mpl", names), "; did you mean 'mlp'?");
  EXPECT_EQ(DidYouMean("zebra", names), "");
}

TEST(StringsTest, OneLineIsPrintableAndValid) {
  EXPECT_EQ(OneLine(" a\nb\tc "), "a b c");
  EXPECT_EQ(OneLine("gr\xC3\xBC\xC3\x9F \xFF\xC3"), "gr\xC3\xBC\xC3\x9F ??");
  EXPECT_EQ(OneLine("abcdef", 4), "abcd...");
  EXPECT_EQ(OneLine("ab\xC3\xBC", 3), "ab...");  // never half a character
  EXPECT_EQ(OneLine(std::string("a\x1b[31m\x7F\0z", 9)), "a [31m  z");
}

TEST(StringsTest, LastLine) {
  EXPECT_EQ(LastLine("one\ntwo\n\n"), "two");
  EXPECT_EQ(LastLine("one"), "one");
  EXPECT_EQ(LastLine("\n"), "");
}

TEST(Utf8Test, RejectsWhatIsNotUtf8) {
  for (const char* bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_FALSE(NextCodePoint(bad).valid);
    EXPECT_EQ(NextCodePoint(bad).bytes, 1u);
  }
  EXPECT_EQ(NextCodePoint("\xE2\x82\xAC").value, 0x20ACu);
  EXPECT_EQ(NextCodePoint("\xF0\x9F\x8C\xB3").bytes, 4u);
}

TEST(Utf8Test, DisplayWidth) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\xC2\xB5s"), 2u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
  EXPECT_EQ(DisplayWidth("\xE6\xA0\x91"), 2u);
  EXPECT_EQ(DisplayWidth("\xF0\x9F\x8C\xB3"), 2u);
}

}  // namespace
}  // namespace banyan
