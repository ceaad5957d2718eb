#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace banyan {

// A server of one canned reply on 127.0.0.1, for tests of the HTTP client: reads a request, sends
// `reply` as it is, then closes the connection or, with `hold`, keeps it open until its own end.
class LoopbackServer {
 public:
  explicit LoopbackServer(std::string reply, bool hold = false);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  std::string url() const;
  // What came, headers and body.
  std::vector<std::string> requests();
  // Blocks until that many requests have come.
  void WaitForRequests(size_t count);

 private:
  void Serve();

  const std::string reply_;
  const bool hold_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

// A reply with a status line, headers and a length.
std::string HttpText(int status, const std::string& headers, const std::string& body);

}  // namespace banyan
