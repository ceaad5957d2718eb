#include "measure/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/strings.h"

namespace banyan {
namespace {

// Read per step, so that a worker that writes without end cannot hold up the others.
constexpr size_t kReadPerStep = 4 << 20;
constexpr size_t kNoiseTail = 4096;
// The whole group is summed up only now and then: it means reading all of /proc.
constexpr int kGroupWatchEvery = 10;
// A pipe this large takes most modules in one write.
constexpr int kPipeBytes = 1 << 20;

std::string Mebibytes(int64_t bytes) { return fmt::format("{} MiB", bytes >> 20); }

}  // namespace

Result<WorkerProcess> WorkerProcess::Start(std::vector<std::string> argv,
                                           std::vector<std::pair<std::string, std::string>> env,
                                           const WorkerLimits& limits) {
  SpawnOptions options;
  options.argv = std::move(argv);
  options.env = std::move(env);
  options.file_size_limit_bytes = limits.file_bytes;
  BANYAN_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Spawn(options));
  for (const int fd : {process.stdin_fd(), process.stdout_fd(), process.stderr_fd()}) {
    BANYAN_RETURN_IF_ERROR(SetNonBlocking(fd));
  }
  // Only speed is lost where the system does not allow it.
  fcntl(process.stdin_fd(), F_SETPIPE_SZ, kPipeBytes);
  WorkerProcess worker;
  worker.process_ = std::move(process);
  worker.limits_ = limits;
  worker.alive_ = true;
  return worker;
}

void WorkerProcess::Call(const Message& request, double timeout_s, bool watch_memory) {
  request_ = EncodeMessage(request);
  request_sent_ = 0;
  noise_bytes_ = 0;
  noise_tail_.clear();
  busy_ = true;
  watch_memory_ = watch_memory;
  call_start_s_ = SystemNowS();
  deadline_s_ = call_start_s_ + timeout_s;
  why_limited_.clear();
  next_watch_s_ = call_start_s_ + kWatchIntervalS;
  watches_ = 0;
  WriteRequest();
}

void WorkerProcess::LimitCall(double timeout_s, const std::string& why) {
  if (!busy_ || call_start_s_ + timeout_s >= deadline_s_) return;
  deadline_s_ = call_start_s_ + timeout_s;
  why_limited_ = why;
}

void WorkerProcess::AddPollFds(std::vector<pollfd>* fds) const {
  if (!alive_) return;
  if (request_sent_ < request_.size()) fds->push_back({process_.stdin_fd(), POLLOUT, 0});
  if (!closed_) fds->push_back({process_.stdout_fd(), POLLIN, 0});
  fds->push_back({process_.stderr_fd(), POLLIN, 0});
}

void WorkerProcess::WriteRequest() {
  while (request_sent_ < request_.size()) {
    const ssize_t wrote = write(process_.stdin_fd(), request_.data() + request_sent_,
                                request_.size() - request_sent_);
    if (wrote > 0) {
      request_sent_ += static_cast<size_t>(wrote);
    } else if (errno != EINTR) {
      // EAGAIN: later. EPIPE: it died, which Step will find.
      return;
    }
  }
  std::string().swap(request_);
  request_sent_ = 0;
}

void WorkerProcess::ReadReplies() {
  std::array<char, 65536> buffer;
  for (size_t total = 0; !closed_ && total < kReadPerStep;) {
    const ssize_t got = read(process_.stdout_fd(), buffer.data(), buffer.size());
    if (got > 0) {
      reader_.Append({buffer.data(), static_cast<size_t>(got)});
      total += static_cast<size_t>(got);
    } else if (got == 0) {
      closed_ = true;
    } else if (errno != EINTR) {
      return;
    }
  }
}

void WorkerProcess::ReadNoise() {
  std::array<char, 65536> buffer;
  for (size_t total = 0; total < kReadPerStep;) {
    const ssize_t got = read(process_.stderr_fd(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    total += static_cast<size_t>(got);
    noise_bytes_ += got;
    noise_tail_.append(buffer.data(), static_cast<size_t>(got));
    if (noise_tail_.size() > 2 * kNoiseTail) noise_tail_.erase(0, noise_tail_.size() - kNoiseTail);
  }
}

std::optional<CallResult> WorkerProcess::Step() {
  if (!alive_) return std::nullopt;
  WriteRequest();
  ReadReplies();
  ReadNoise();
  if (busy_ && noise_bytes_ > limits_.output_bytes) {
    return End(CallEnd::kTooMuchOutput,
               fmt::format("wrote more than {} bytes to its output", limits_.output_bytes));
  }
  auto message = reader_.Next();
  if (!message.ok()) return End(CallEnd::kGarbage, message.error().message);
  if (message->has_value()) {
    const Json& header = (*message)->header;
    if (!busy_ || !header.contains("ok") || !header["ok"].is_boolean()) {
      return End(CallEnd::kGarbage, "sent what is not a reply");
    }
    busy_ = false;
    return CallResult{.end = CallEnd::kReply,
                      .reply = std::move((*message)->header),
                      .text = {},
                      .elapsed_s = SystemNowS() - call_start_s_};
  }
  const double now = SystemNowS();
  // A child of the kernel's may keep the pipes open after the worker's death, so ask the system as
  // well.
  if (closed_ || (busy_ && now >= next_watch_s_)) {
    if (auto status = process_.Poll()) return Died(*status);
    if (closed_) {
      // It has closed its streams or is about to end: give it a moment to say how.
      if (auto status = process_.Wait(0.2)) return Died(*status);
      return End(CallEnd::kGarbage, "closed its streams");
    }
  }
  if (!busy_) return std::nullopt;
  if (now >= deadline_s_) {
    return End(CallEnd::kTimeout, fmt::format("took longer than {:.3g} s{}",
                                              deadline_s_ - call_start_s_, why_limited_));
  }
  if (now >= next_watch_s_) {
    next_watch_s_ = now + kWatchIntervalS;
    return CheckMemory();
  }
  return std::nullopt;
}

std::optional<CallResult> WorkerProcess::CheckMemory() {
  if (!watch_memory_) return std::nullopt;
  const pid_t pid = process_.pid();
  const bool whole_group = ++watches_ % kGroupWatchEvery == 0;
  seen_bytes_ = whole_group ? GroupResidentBytes(pid) : ResidentBytes(pid);
  if (seen_bytes_ - baseline_bytes_ <= limits_.memory_bytes) return std::nullopt;
  return End(CallEnd::kOutOfMemory,
             fmt::format("used {} of memory beyond its idle {}; the limit is {}",
                         Mebibytes(seen_bytes_ - baseline_bytes_), Mebibytes(baseline_bytes_),
                         Mebibytes(limits_.memory_bytes)));
}

std::optional<CallResult> WorkerProcess::Died(const ExitStatus& status) {
  ReadNoise();
  std::string text = status.Text();
  const std::string last_words = OneLine(LastLine(noise_tail_));
  if (!last_words.empty()) text += ": " + last_words;
  // SIGKILL from outside while memory grew: the kernel's own limit was nearer than ours.
  const bool grew = seen_bytes_ - baseline_bytes_ > limits_.memory_bytes / 4;
  if (status.signal == SIGKILL && busy_ && watch_memory_ && grew) {
    return End(CallEnd::kOutOfMemory, text + ", most likely by the system for lack of memory");
  }
  return End(CallEnd::kDied, text);
}

std::optional<CallResult> WorkerProcess::End(CallEnd end, const std::string& text) {
  const bool was_busy = busy_;
  Kill();
  if (!was_busy) return std::nullopt;
  return CallResult{
      .end = end, .reply = {}, .text = text, .elapsed_s = SystemNowS() - call_start_s_};
}

void WorkerProcess::Kill() {
  alive_ = false;
  busy_ = false;
  process_ = Subprocess();
}

}  // namespace banyan
