#include "store/blob.h"

#include <zstd.h>

#include <cstdint>
#include <cstring>

#include "base/hash.h"

namespace banyan {
namespace {

constexpr unsigned long long kLargestBytes = 1ULL << 28;

Error Damaged(const char* what) {
  return {ErrorCode::kCorrupt,
          std::string("the store holds damaged ") + what +
              ": restore a copy of it, or pass another file with --store",
          {}};
}

}  // namespace

std::string ContentHash(std::string_view bytes) {
  return HashHex(Hash64(bytes, 0)) + HashHex(Hash64(bytes, 1));
}

std::string Compress(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT);
  out.resize(ZSTD_isError(size) != 0 ? 0 : size);  // only for lack of memory
  return out;
}

Result<std::string> Decompress(std::string_view compressed) {
  const unsigned long long size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > kLargestBytes) {
    return Damaged("text");
  }
  std::string out(static_cast<size_t>(size), '\0');
  const size_t got = ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(got) != 0 || got != out.size()) return Damaged("text");
  return out;
}

std::string PackFeatures(const Features& features) {
  const auto rows = static_cast<uint32_t>(features.size());
  const auto columns = static_cast<uint32_t>(features.empty() ? 0 : features.front().size());
  std::string bytes(2 * sizeof(uint32_t), '\0');
  std::memcpy(bytes.data(), &rows, sizeof rows);
  std::memcpy(bytes.data() + sizeof rows, &columns, sizeof columns);
  for (std::vector<float> row : features) {
    row.resize(columns);
    bytes.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  }
  return Compress(bytes);
}

Result<Features> UnpackFeatures(std::string_view packed) {
  BANYAN_ASSIGN_OR_RETURN(const std::string bytes, Decompress(packed));
  uint32_t rows = 0;
  uint32_t columns = 0;
  constexpr size_t kHead = 2 * sizeof(uint32_t);
  if (bytes.size() < kHead) return Damaged("features");
  std::memcpy(&rows, bytes.data(), sizeof rows);
  std::memcpy(&columns, bytes.data() + sizeof rows, sizeof columns);
  if (bytes.size() - kHead != uint64_t{rows} * columns * sizeof(float) ||
      (columns == 0 && rows > 0)) {
    return Damaged("features");
  }
  Features features(rows, std::vector<float>(columns));
  for (size_t i = 0; i < features.size(); ++i) {
    std::memcpy(features[i].data(), bytes.data() + kHead + i * columns * sizeof(float),
                columns * sizeof(float));
  }
  return features;
}

}  // namespace banyan
