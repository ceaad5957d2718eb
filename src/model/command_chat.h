#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "model/chat.h"
#include "model/pool.h"

namespace banyan {

// A program as a model's server: one JSON object a line on its stdin, one a line on its stdout (see
// docs/models.md). Up to `concurrency` copies run, each started when it is first needed, kept
// between calls, asked one question at a time, and started again when it died. A dead program is
// asked again at most `retries` times; a slow one is killed after total_timeout_s. stdout lines
// with another question's "id" are skipped. Thread-safe.
class CommandChat final : public ChatClient {
 public:
  explicit CommandChat(PoolEntry entry);
  ~CommandChat() override;

  // Asks with type "ping".
  ChatReply Ask(const ChatRequest& request) override { return Ask(request, "ping", {}); }
  // `state` goes into the request as it is. The reply's text is the whole line.
  ChatReply Ask(const ChatRequest& request, const std::string& type, Json state);
  void Cancel() override;

 private:
  class Program;
  struct Job {
    std::string line;
    int64_t id = 0;
    ChatReply reply;
    bool done = false;
  };

  // A thread that starts its program itself, since the kernel ends a program with the thread that
  // started it.
  void Serve();
  void Answer(Job* job, Program* program);

  const PoolEntry entry_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<int64_t> next_id_ = 1;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job*> waiting_;
  int idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace banyan
