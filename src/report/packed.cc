#include "report/packed.h"

#include <zlib.h>

#include <cstdint>
#include <utility>

namespace banyan {

std::string Base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k < bytes.size() + 1 ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::string Gzip(std::string_view text) {
  constexpr int kGzip = 16;  // deflateInit2: a gzip header around the stream
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, 9,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib reads the input and leaves it as it is.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);  // one call: deflateBound is room for everything
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Json PackTrees(Json data) {
  const auto trees = data.find("trees");
  if (trees == data.end()) return data;
  for (Json& tree : *trees) {
    std::string packed = Base64(Gzip(DumpJson(tree)));
    tree = Json{{"models", tree["models"]}, {"gz", std::move(packed)}};
  }
  return data;
}

}  // namespace banyan
