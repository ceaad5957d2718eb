#include "report/packed.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace banyan {
namespace {

std::string Unzipped(std::string packed) {
  constexpr int kGzip = 16;
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, MAX_WBITS + kGzip), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(PackedTest, Base64IsTheRfcs) {  // RFC 4648, section 10
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("f"), "Zg==");
  EXPECT_EQ(Base64("fo"), "Zm8=");
  EXPECT_EQ(Base64("foo"), "Zm9v");
  EXPECT_EQ(Base64("foob"), "Zm9vYg==");
  EXPECT_EQ(Base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64("\xff\xfe\xfd"), "//79");
}

TEST(PackedTest, GzipComesBack) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "step " + std::to_string(i * i) + "\n";
  EXPECT_EQ(Unzipped(Gzip(text)), text);
  EXPECT_LT(Gzip(text).size(), text.size() / 2);
  EXPECT_EQ(Gzip(text), Gzip(text));
  EXPECT_EQ(Unzipped(Gzip("")), "");
}

TEST(PackedTest, AllOfATreeButItsModelsIsPacked) {
  const Json tree = {{"models", {{{"name", "m"}}}}, {"strings", {"<a>"}}};
  const Json packed = PackTrees({{"kind", "study"}, {"trees", {{"run", tree}}}});
  const Json& run = packed["trees"]["run"];
  EXPECT_EQ(run["models"], tree["models"]);
  EXPECT_EQ(run["gz"], Base64(Gzip(DumpJson(tree))));
  EXPECT_EQ(run.size(), 2u);
  EXPECT_EQ(PackTrees({{"kind", "run"}}), (Json{{"kind", "run"}}));
}

}  // namespace
}  // namespace banyan
