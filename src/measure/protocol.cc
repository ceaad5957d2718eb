#include "measure/protocol.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace banyan {
namespace {

constexpr uint32_t kMagic = 0x314e5942;  // "BYN1"
constexpr uint32_t kMaxHeaderBytes = 16 << 20;
constexpr uint64_t kMaxPayloadBytes = uint64_t{1} << 30;

struct Prefix {
  uint32_t magic;
  uint32_t header_bytes;
  uint64_t payload_bytes;
};
static_assert(sizeof(Prefix) == 16);

Error Corrupt(std::string message) { return {ErrorCode::kCorrupt, std::move(message), {}}; }

// Runs a conversion that throws on a missing or mistyped field.
template <typename F>
auto Convert(const char* what, F convert) -> Result<decltype(convert())> {
  try {
    return convert();
  } catch (const nlohmann::json::exception& error) {
    return Corrupt(std::string("bad ") + what + ": " + error.what());
  }
}

}  // namespace

std::string EncodeMessage(const Message& message) {
  const std::string header = DumpJson(message.header);
  const Prefix prefix = {kMagic, static_cast<uint32_t>(header.size()), message.payload.size()};
  std::string bytes;
  bytes.reserve(sizeof(prefix) + header.size() + message.payload.size());
  bytes.append(reinterpret_cast<const char*>(&prefix), sizeof(prefix));
  bytes += header;
  bytes += message.payload;
  return bytes;
}

Result<std::optional<Message>> MessageReader::Next() {
  Prefix prefix;
  // Checked as soon as it can be: garbage may well be shorter than a prefix.
  const size_t seen = std::min(buffer_.size(), sizeof(prefix.magic));
  if (std::memcmp(buffer_.data(), &kMagic, seen) != 0) {
    return Corrupt("not a message of the worker protocol");
  }
  if (buffer_.size() < sizeof(prefix)) return std::optional<Message>();
  std::memcpy(&prefix, buffer_.data(), sizeof(prefix));
  if (prefix.header_bytes > kMaxHeaderBytes || prefix.payload_bytes > kMaxPayloadBytes) {
    return Corrupt("a message of the worker protocol is too long");
  }
  const size_t total = sizeof(prefix) + prefix.header_bytes + prefix.payload_bytes;
  if (buffer_.size() < total) {
    buffer_.reserve(total);
    return std::optional<Message>();
  }
  Message message;
  const char* header = buffer_.data() + sizeof(prefix);
  message.header = Json::parse(header, header + prefix.header_bytes, nullptr, false);
  if (!message.header.is_object()) return Corrupt("a message of the worker protocol is not JSON");
  message.payload.assign(header + prefix.header_bytes, prefix.payload_bytes);
  buffer_.erase(0, total);
  return std::optional<Message>(std::move(message));
}

Result<std::optional<Message>> ReadMessage(int fd, MessageReader* reader) {
  std::array<char, 65536> buffer;
  bool started = false;
  for (;;) {
    auto next = reader->Next();
    if (!next.ok() || next->has_value()) return next;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return EnvironmentError(std::string("cannot read: ") + std::strerror(errno));
    if (got == 0) {
      if (started) return Corrupt("the stream ended within a message");
      return std::optional<Message>();
    }
    started = true;
    reader->Append({buffer.data(), static_cast<size_t>(got)});
  }
}

Status WriteMessage(int fd, const Message& message) {
  const std::string bytes = EncodeMessage(message);
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t wrote = write(fd, left.data(), left.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return EnvironmentError(std::string("cannot write: ") + std::strerror(errno));
    left.remove_prefix(static_cast<size_t>(wrote));
  }
  return Ok{};
}

Json ToJson(const RunResult& result) {
  // A kernel that gives NaN has an error of NaN or infinity, which JSON does not have.
  const bool finite = std::isfinite(result.max_relative_error);
  return {{"failure", FailureKindName(result.failure)},
          {"failure_text", result.failure_text},
          {"samples_ms", result.samples_ms},
          {"stopped_early", result.stopped_early},
          {"max_relative_error", finite ? Json(result.max_relative_error) : Json(nullptr)}};
}

Result<RunResult> RunResultFromJson(const Json& json) {
  return Convert("result", [&]() -> RunResult {
    RunResult result;
    auto failure = ParseFailureKind(json.at("failure").get<std::string>());
    result.failure = failure.ok() ? *failure : FailureKind::kRunError;
    json.at("failure_text").get_to(result.failure_text);
    json.at("samples_ms").get_to(result.samples_ms);
    json.at("stopped_early").get_to(result.stopped_early);
    const Json& error = json.at("max_relative_error");
    result.max_relative_error = error.is_null() ? std::nan("") : error.get<double>();
    return result;
  });
}

}  // namespace banyan
