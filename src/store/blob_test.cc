#include "store/blob.h"

#include <gtest/gtest.h>

namespace banyan {
namespace {

TEST(BlobTest, TextComesBack) {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string(100'000, 'x'), std::string("a\0b\xff", 4)}) {
    const std::string packed = Compress(text);
    const auto back = Decompress(packed);
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(*back, text);
  }
  EXPECT_LT(Compress(std::string(100'000, 'x')).size(), 1000u);
}

TEST(BlobTest, DamageIsSaid) {
  std::string packed = Compress("some text that is long enough to be damaged in the middle");
  EXPECT_FALSE(Decompress(packed.substr(0, packed.size() / 2)).ok());
  EXPECT_FALSE(Decompress("").ok());
  EXPECT_FALSE(Decompress("no such thing at all").ok());
  EXPECT_EQ(Decompress("no such thing at all").error().code, ErrorCode::kCorrupt);
}

TEST(BlobTest, ContentsHaveNames) {
  EXPECT_EQ(ContentHash("a").size(), 32u);
  EXPECT_EQ(ContentHash("a"), ContentHash("a"));
  EXPECT_NE(ContentHash("a"), ContentHash("b"));
}

TEST(BlobTest, FeaturesComeBack) {
  const Features features = {{1, 2.5, -3}, {0, 1e-9F, 4}};
  const auto back = UnpackFeatures(PackFeatures(features));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, features);
  EXPECT_TRUE(UnpackFeatures(PackFeatures({}))->empty());
  EXPECT_FALSE(UnpackFeatures(Compress("12345678901")).ok());
  EXPECT_FALSE(UnpackFeatures(Compress("123")).ok());
}

}  // namespace
}  // namespace banyan
