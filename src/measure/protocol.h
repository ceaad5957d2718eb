#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "measure/kernel_host.h"

namespace banyan {

// What the pool and a worker say to each other. On the wire a message is a 16-byte prefix (magic,
// header length, payload length, little-endian), the header as JSON text, and the payload as raw
// bytes: modules are large and would be escaped twice inside JSON.
//
// The pool asks, the worker answers each request once, in order. Requests ("op"):
//   workload {workload, target, input_seed} + module JSON · make_reference {path, timing} ·
//   load_reference {path} · build {handle} + module JSON · run {handle, timing, check} · drop
//   {handle} · drift · peak · exit
// Replies: {"ok": true, "seconds": wall time, ...} or {"ok": false, "seconds", "code", "message",
// "context"}.
struct Message {
  Json header;
  std::string payload = {};
};

std::string EncodeMessage(const Message& message);

// Takes messages out of a stream of bytes. Not thread-safe.
class MessageReader {
 public:
  void Append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole message, nullopt if more bytes are needed. An Error (kCorrupt) if this is not
  // Banyan's protocol: the stream is then useless.
  Result<std::optional<Message>> Next();

 private:
  std::string buffer_;
};

// Blocking, for the worker's side. nullopt: the other side closed the stream between two messages.
Result<std::optional<Message>> ReadMessage(int fd, MessageReader* reader);
Status WriteMessage(int fd, const Message& message);

// The module's text is the message's payload, not part of these.
Json ToJson(const RunResult& result);
Result<RunResult> RunResultFromJson(const Json& json);

}  // namespace banyan
