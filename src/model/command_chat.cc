#include "model/command_chat.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/clock.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "base/utf8.h"
#include "model/redact.h"
#include "model/wire.h"

namespace banyan {
namespace {

constexpr size_t kMaxLineBytes = size_t{8} << 20;
constexpr size_t kKeptErrorBytes = 4096;
constexpr double kLastMomentS = 2;
constexpr int kPollMs = 20;  // how late a cancellation is seen

// A write to a program that has just died must be an error code, not a signal. For threads that do
// nothing else.
void BlockSigPipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
}

}  // namespace

// One running copy; used by the thread that made it.
class CommandChat::Program {
 public:
  enum class End { kLine, kDied, kTimeout, kTooLong, kCancelled, kNotStarted };

  Program(const std::vector<std::string>& argv, const std::atomic<bool>* cancelled)
      : argv_(argv), cancelled_(*cancelled) {}

  // Sends a line and gives the next line that is not another question's.
  End Exchange(const std::string& line, int64_t id, double timeout_s, std::string* reply) {
    if (!Ready()) return End::kNotStarted;
    const Stopwatch watch;
    std::string_view left = line;
    out_.clear();
    for (;;) {
      if (cancelled_) return Stop(End::kCancelled);
      if (watch.ElapsedS() > timeout_s) return Stop(End::kTimeout);
      std::array<pollfd, 3> polled = {pollfd{left.empty() ? -1 : process_.stdin_fd(), POLLOUT, 0},
                                      pollfd{process_.stdout_fd(), POLLIN, 0},
                                      pollfd{process_.stderr_fd(), POLLIN, 0}};
      (void)poll(polled.data(), polled.size(), kPollMs);
      // Before reading: what a program wrote before its end is still to be read then.
      const std::optional<ExitStatus> ended = process_.Poll();
      if (polled[0].revents != 0 && !left.empty()) {
        const ssize_t wrote = write(process_.stdin_fd(), left.data(), left.size());
        if (wrote > 0) left.remove_prefix(static_cast<size_t>(wrote));
        if (wrote < 0 && errno != EAGAIN && errno != EINTR) left = {};  // it will be found dead
      }
      const bool open = Read(process_.stdout_fd(), &out_);
      Read(process_.stderr_fd(), &err_);
      if (err_.size() > kKeptErrorBytes) err_.erase(0, err_.size() - kKeptErrorBytes);
      while (TakeLine(reply)) {
        if (IsAnswer(*reply, id)) return End::kLine;
      }
      if (out_.size() > kMaxLineBytes) return Stop(End::kTooLong);
      if (ended || !open) {
        // Its streams close a moment before it ends.
        const auto status = ended ? ended : process_.Wait(kLastMomentS);
        Read(process_.stderr_fd(), &err_);
        how_ = status ? status->Text() : "closed its standard output";
        return Stop(End::kDied);
      }
    }
  }

  // "exited with status 1: ImportError: ..."
  std::string Why() const {
    const std::string last = OneLine(LastLine(err_), 200);
    return last.empty() ? how_ : fmt::format("{}: {}", how_, last);
  }

 private:
  bool Ready() {
    if (running_ && !process_.Poll()) return true;
    err_.clear();
    SpawnOptions options;
    options.argv = argv_;
    auto started = Subprocess::Spawn(options);
    if (!started.ok()) {
      how_ = started.error().message;
      running_ = false;
      return false;
    }
    process_ = std::move(started).value();
    running_ = true;
    for (const int fd : {process_.stdin_fd(), process_.stdout_fd(), process_.stderr_fd()}) {
      (void)SetNonBlocking(fd);
    }
    return true;
  }

  End Stop(End end) {
    process_.Kill();
    running_ = false;
    return end;
  }

  // Appends what is there; false at the end of the stream.
  static bool Read(int fd, std::string* text) {
    std::array<char, 65536> buffer;
    while (text->size() <= kMaxLineBytes) {
      const ssize_t got = read(fd, buffer.data(), buffer.size());
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      text->append(buffer.data(), static_cast<size_t>(got));
    }
    return true;
  }

  bool TakeLine(std::string* line) {
    const size_t end = out_.find('\n');
    if (end == std::string::npos) return false;
    *line = out_.substr(0, end);
    out_.erase(0, end + 1);
    return true;
  }

  // Anything that is meant as an object, also if it is broken (the parser of replies mends much);
  // what else programs print on their way, and answers to other questions, are skipped.
  static bool IsAnswer(const std::string& line, int64_t id) {
    if (!Trim(line).starts_with('{')) return false;
    if (NestsTooDeep(line)) return true;
    const Json parsed = Json::parse(line, nullptr, false);
    const Json& named = Member(parsed, "id");
    return !named.is_number_integer() || named == id;
  }

  const std::vector<std::string>& argv_;
  const std::atomic<bool>& cancelled_;
  Subprocess process_;
  bool running_ = false;
  std::string out_;
  std::string err_;
  std::string how_;  // it ended, or could not be started
};

CommandChat::CommandChat(PoolEntry entry) : entry_(std::move(entry)) {}

CommandChat::~CommandChat() {
  Cancel();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CommandChat::Cancel() {
  cancelled_ = true;
  changed_.notify_all();
}

ChatReply CommandChat::Ask(const ChatRequest& request, const std::string& type, Json state) {
  Job job;
  job.id = next_id_++;
  Json line = {{"version", 1},
               {"type", type},
               {"id", job.id},
               {"model", entry_.model.empty() ? entry_.name : entry_.model},
               {"system", request.system},
               {"user", request.user},
               {"schema", request.schema},
               {"schema_name", request.schema_name},
               {"max_output_tokens", request.max_output_tokens}};
  if (!state.is_null()) line["state"] = std::move(state);
  if (!entry_.extra.empty()) line["extra"] = entry_.extra;
  job.line = DumpJson(line) + "\n";
  const Stopwatch watch;
  std::unique_lock<std::mutex> lock(mutex_);
  waiting_.push_back(&job);
  if (waiting_.size() > static_cast<size_t>(idle_) &&
      threads_.size() < static_cast<size_t>(entry_.concurrency)) {
    threads_.emplace_back([this] { Serve(); });
  }
  changed_.notify_all();
  changed_.wait(lock, [&job] { return job.done; });
  job.reply.usage.seconds = watch.ElapsedS();
  return std::move(job.reply);
}

void CommandChat::Serve() {
  BlockSigPipe();
  Program program(entry_.command, &cancelled_);
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    Job* job = waiting_.front();
    waiting_.pop_front();
    lock.unlock();
    Answer(job, &program);
    lock.lock();
    job->done = true;
    changed_.notify_all();
  }
}

void CommandChat::Answer(Job* job, Program* program) {
  ChatReply& reply = job->reply;
  const auto end = [&reply](CallFailure failure, const std::string& error) {
    reply.failure = failure;
    reply.error = OneLine(HideEnvironmentKeys(error));
  };
  const std::string& name = entry_.command.front();
  const std::string sent = HideEnvironmentKeys(job->line.substr(0, job->line.size() - 1));
  for (int attempt = 0;; ++attempt) {
    if (cancelled_) return end(CallFailure::kCancelled, "cancelled");
    std::string line;
    const Program::End how = program->Exchange(job->line, job->id, entry_.total_timeout_s, &line);
    line = HideEnvironmentKeys(ValidUtf8(line));
    if (how != Program::End::kNotStarted) reply.exchanges.push_back({sent, line});
    switch (how) {
      case Program::End::kLine:
        if (NestsTooDeep(line)) {
          return end(CallFailure::kUnusable, fmt::format("'{}' wrote brackets in brackets", name));
        }
        reply.text = std::move(line);
        return;
      case Program::End::kDied:
        if (attempt < entry_.retries) continue;
        return end(CallFailure::kNetwork,
                   fmt::format("'{}' {}{}", name, program->Why(),
                               attempt > 0 ? fmt::format(" ({} tries)", attempt + 1) : ""));
      case Program::End::kTimeout:
        return end(CallFailure::kTimeout,
                   fmt::format("'{}' gave no answer within {} s and was killed; raise "
                               "total_timeout_s, or have it flush its output after every line",
                               name, entry_.total_timeout_s));
      case Program::End::kTooLong:
        return end(CallFailure::kNetwork,
                   fmt::format("'{}' wrote a line of more than {} bytes", name, kMaxLineBytes));
      case Program::End::kCancelled:
        return end(CallFailure::kCancelled, "cancelled");
      case Program::End::kNotStarted:
        return end(CallFailure::kNetwork, program->Why() + "; is 'command' right?");
    }
  }
}

}  // namespace banyan
