#include "model/testing/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace banyan {
namespace {

// Until the end of the body that Content-Length announces, or of the connection.
std::string ReadRequest(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const size_t head = text.find("\r\n\r\n");
    if (head != std::string::npos) {
      const size_t at = text.find("Content-Length: ");
      const size_t length =
          at < head ? std::strtoul(text.c_str() + at + std::strlen("Content-Length: "), nullptr, 10)
                    : 0;
      if (text.size() >= head + 4 + length) return text;
    }
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
}

void SendAll(int fd, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<size_t>(count);
  }
}

}  // namespace

LoopbackServer::LoopbackServer(std::string reply, bool hold)
    : reply_(std::move(reply)), hold_(hold) {
  setenv("no_proxy", "127.0.0.1", 1);  // whatever the machine's environment says
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool up = bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  listen(listener_, 16) == 0 &&
                  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!up) std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

LoopbackServer::~LoopbackServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

std::string LoopbackServer::url() const {
  return "http://127.0.0.1:" + std::to_string(port_) + "/";
}

std::vector<std::string> LoopbackServer::requests() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void LoopbackServer::WaitForRequests(size_t count) {
  while (requests().size() < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void LoopbackServer::Serve() {
  std::vector<int> held;
  while (!stop_) {
    pollfd polled = {listener_, POLLIN, 0};
    if (poll(&polled, 1, 10) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::string request = ReadRequest(fd);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(request));
    }
    SendAll(fd, reply_);
    if (hold_) {
      held.push_back(fd);
    } else {
      close(fd);
    }
  }
  for (const int fd : held) close(fd);
}

std::string HttpText(int status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Text\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" +
         headers + "\r\n" + body;
}

}  // namespace banyan
