#include "model/redact.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace banyan {
namespace {

constexpr const char* kKey = "sk-abc/def+0123";

TEST(HideKey, HidesEveryOccurrence) {
  EXPECT_EQ(HideKey("a sk-abc/def+0123sk-abc/def+0123 b", kKey), "a [key][key] b");
  EXPECT_EQ(HideKey("nothing", kKey), "nothing");
  EXPECT_EQ(HideKey("none is none", "none"), "none is none") << "a placeholder is no key";
  EXPECT_EQ(HideKey("x", ""), "x");
}

TEST(KeptBody, HidesAKeyBehindEscapes) {
  EXPECT_EQ(KeptBody(R"({"m": "sk-abc\/def\u002b0123"})", kKey, 1000), R"({"m": "[key]"})");
  EXPECT_EQ(KeptBody(R"({"m": "sk\u002Dabc/def+0123 and cut off)", kKey, 1000),
            R"({"m": "[key] and cut off)");
  EXPECT_EQ(KeptBody(R"({"m": "a \"b\" \\u0041 \/"})", kKey, 1000),
            R"({"m": "a \"b\" \\u0041 \/"})")
      << "a body without the key stays as it was";
}

TEST(KeptBody, IsValidAndShort) {
  EXPECT_EQ(KeptBody("a\xff\xc3", "", 100), "a??");
  EXPECT_EQ(KeptBody("ab\xc3\xa9"
                     "def",
                     "", 3),
            "ab... (7 bytes in all)");
}

TEST(HideMaskedKeys, HidesWhatServersShowOfAKey) {
  EXPECT_EQ(HideMaskedKeys("Incorrect API key provided: sk-pr***cdef. See x"),
            "Incorrect API key provided: [key] See x");
  EXPECT_EQ(HideMaskedKeys("key sk-a...wxyz!"), "key [key]!");
  EXPECT_EQ(HideMaskedKeys("please wait... or not ...yet. 2 * 3 ** 4"),
            "please wait... or not ...yet. 2 * 3 ** 4");
}

TEST(HideEnvironmentKeys, KnowsVariablesOfKeysByName) {
  setenv("BANYAN_TEST_API_KEY", "planted-key", 1);
  setenv("BANYAN_TEST_TOKEN", "planted-token", 1);
  EXPECT_EQ(HideEnvironmentKeys("a planted-key and planted-token"), "a [key] and [key]");
  unsetenv("BANYAN_TEST_API_KEY");
  unsetenv("BANYAN_TEST_TOKEN");
  EXPECT_EQ(HideEnvironmentKeys("a planted-key"), "a planted-key");
}

}  // namespace
}  // namespace banyan
