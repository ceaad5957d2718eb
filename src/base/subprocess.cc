#include "base/subprocess.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"

extern char** environ;

namespace banyan {
namespace {

// What the child needs between vfork and exec, made before: the child shares the parent's memory,
// so it may only make system calls and must not allocate.
struct ChildPlan {
  char* const* argv;
  char* const* envp;
  const char* cwd;  // nullptr: stay
  int fds[3];       // become stdin, stdout, stderr
  int error_fd;     // errno of a failure is written here; closed by exec
  pid_t parent;
  rlim_t file_size;  // RLIM_INFINITY: leave
  sigset_t signals;  // the mask to start with
};

[[noreturn]] void ChildFail(const ChildPlan& plan) {
  const int error = errno;
  const ssize_t ignored = write(plan.error_fd, &error, sizeof(error));
  static_cast<void>(ignored);
  _exit(127);
}

// Runs in the child.
[[noreturn]] void ExecChild(const ChildPlan& plan) {
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) ChildFail(plan);
  if (getppid() != plan.parent) _exit(127);  // it died before the line above

  // The parent's handlers would run in its memory once signals are unblocked.
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action;
    if (sigaction(signal, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && signal != SIGPIPE)) {
      continue;
    }
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }

  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (plan.file_size != RLIM_INFINITY) {
    // A stricter limit of the parent's stays: it may not be raised, and it is stricter.
    rlimit size = {plan.file_size, plan.file_size};
    rlimit inherited = {};
    if (getrlimit(RLIMIT_FSIZE, &inherited) != 0) ChildFail(plan);
    if (inherited.rlim_max < size.rlim_max) size = {inherited.rlim_max, inherited.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &size) != 0) ChildFail(plan);
  }
  if (plan.cwd != nullptr && chdir(plan.cwd) != 0) ChildFail(plan);
  // The sources are above 2 (see MakePipe), so no dup2 closes one that is still needed.
  for (int i = 0; i < 3; ++i) {
    if (dup2(plan.fds[i], i) < 0) ChildFail(plan);
  }
  sigprocmask(SIG_SETMASK, &plan.signals, nullptr);
  execvpe(plan.argv[0], plan.argv, plan.envp);
  ChildFail(plan);
}

// A separate function: locals of a function that calls vfork may be clobbered by the child.
__attribute__((noinline)) pid_t SpawnChild(const ChildPlan& plan) {
  const pid_t pid = vfork();
  if (pid == 0) ExecChild(plan);
  return pid;
}

void Close(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

// Moves a descriptor above 2, should the parent run without standard streams.
int AboveStandard(int fd) {
  if (fd < 0 || fd > 2) return fd;
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return moved;
}

// The descriptors of one Spawn: closed on the way out unless released.
struct Descriptors {
  int child[3] = {-1, -1, -1};
  int parent[3] = {-1, -1, -1};
  int error[2] = {-1, -1};
  Descriptors() = default;
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;
  ~Descriptors() {
    for (int& fd : child) Close(&fd);
    for (int& fd : parent) Close(&fd);
    for (int& fd : error) Close(&fd);
  }
};

bool MakePipe(int* read_end, int* write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  *read_end = AboveStandard(ends[0]);
  *write_end = AboveStandard(ends[1]);
  return *read_end >= 0 && *write_end >= 0;
}

bool OpenNull(int* fd) {
  *fd = AboveStandard(open("/dev/null", O_RDWR | O_CLOEXEC));
  return *fd >= 0;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> entries;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view key = text.substr(0, text.find('='));
    const bool changed = std::any_of(changes.begin(), changes.end(),
                                     [&](const auto& change) { return change.first == key; });
    if (!changed) entries.emplace_back(text);
  }
  for (const auto& [key, value] : changes) entries.push_back(key + "=" + value);
  return entries;
}

Error SystemError(const std::string& what, int error) {
  return EnvironmentError(what + ": " + std::strerror(error));
}

}  // namespace

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::string ExitStatus::Text() const {
  if (signal == 0) return "exited with status " + std::to_string(code);
  const char* description = sigdescr_np(signal);
  std::string text = "was killed by " + SignalName(signal);
  if (description != nullptr) text += std::string(" (") + description + ")";
  return text;
}

Result<Subprocess> Subprocess::Spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return Internal("a process without a command");
  const std::string what = "cannot start '" + options.argv[0] + "'";
  std::vector<std::string> argv_strings = options.argv;
  std::vector<std::string> env_strings = Environment(options.env);
  const std::vector<char*> argv = Pointers(argv_strings);
  const std::vector<char*> envp = Pointers(env_strings);

  Descriptors fds;
  bool made = MakePipe(&fds.error[0], &fds.error[1]);
  made = made &&
         (options.pipe_stdin ? MakePipe(&fds.child[0], &fds.parent[0]) : OpenNull(&fds.child[0]));
  made = made &&
         (options.pipe_stdout ? MakePipe(&fds.parent[1], &fds.child[1]) : OpenNull(&fds.child[1]));
  if (options.merge_stderr) {
    made = made && (fds.child[2] = fcntl(fds.child[1], F_DUPFD_CLOEXEC, 3)) >= 0;
  } else {
    made = made && (options.pipe_stderr ? MakePipe(&fds.parent[2], &fds.child[2])
                                        : OpenNull(&fds.child[2]));
  }
  if (!made) return SystemError(what, errno);

  ChildPlan plan = {};
  plan.argv = argv.data();
  plan.envp = envp.data();
  plan.cwd = options.cwd.empty() ? nullptr : options.cwd.c_str();
  std::copy(std::begin(fds.child), std::end(fds.child), std::begin(plan.fds));
  plan.error_fd = fds.error[1];
  plan.parent = getpid();
  plan.file_size = options.file_size_limit_bytes > 0
                       ? static_cast<rlim_t>(options.file_size_limit_bytes)
                       : RLIM_INFINITY;
  // Whatever this thread blocks is no concern of the child's.
  sigemptyset(&plan.signals);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = SpawnChild(plan);
  const int spawn_errno = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return SystemError(what, spawn_errno);

  // Both sides set the group, so that it exists whoever is first.
  setpgid(pid, pid);
  Close(&fds.error[1]);
  int child_errno = 0;
  ssize_t got;
  do {
    got = read(fds.error[0], &child_errno, sizeof(child_errno));
  } while (got < 0 && errno == EINTR);
  Subprocess process;
  process.pid_ = pid;
  if (got == static_cast<ssize_t>(sizeof(child_errno))) {
    process.Kill();
    return SystemError(what, child_errno);
  }
  for (int i = 0; i < 3; ++i) process.fds_[i] = std::exchange(fds.parent[i], -1);
  return process;
}

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this == &other) return *this;
  if (pid_ > 0) Kill();
  for (int i = 0; i < 3; ++i) CloseFd(i);
  pid_ = std::exchange(other.pid_, -1);
  for (int i = 0; i < 3; ++i) fds_[i] = std::exchange(other.fds_[i], -1);
  status_ = std::exchange(other.status_, std::nullopt);
  return *this;
}

Subprocess::~Subprocess() {
  if (pid_ > 0) Kill();
  for (int i = 0; i < 3; ++i) CloseFd(i);
}

void Subprocess::CloseFd(int index) { Close(&fds_[index]); }

void Subprocess::KillGroup(int signal) {
  // Once reaped, the number may belong to somebody else.
  if (pid_ > 0 && !status_) kill(-pid_, signal);
}

std::optional<ExitStatus> Subprocess::Poll() {
  if (status_ || pid_ <= 0) return status_;
  siginfo_t info = {};
  // WNOWAIT keeps the number taken until the rest of its group is killed.
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno == EINTR) return std::nullopt;
    status_ = ExitStatus{.code = 127, .signal = 0};  // reaped by somebody else
    return status_;
  }
  if (info.si_pid == 0) return std::nullopt;
  kill(-pid_, SIGKILL);
  int raw = 0;
  while (waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
  ExitStatus status;
  if (WIFSIGNALED(raw)) {
    status.signal = WTERMSIG(raw);
  } else {
    status.code = WEXITSTATUS(raw);
  }
  status_ = status;
  return status_;
}

std::optional<ExitStatus> Subprocess::Wait(double timeout_s) {
  const Stopwatch watch;
  double pause_s = 50e-6;
  for (;;) {
    if (auto status = Poll()) return status;
    const double left_s = timeout_s - watch.ElapsedS();
    if (pid_ <= 0 || left_s <= 0) return std::nullopt;
    SystemClock::Get()->SleepS(std::min(pause_s, left_s));
    pause_s = std::min(pause_s * 2, 5e-3);
  }
}

ExitStatus Subprocess::Kill() {
  KillGroup(SIGKILL);
  while (pid_ > 0) {
    if (auto status = Wait(1)) return *status;
  }
  return {};
}

namespace {

// Appends what can be read now. False at the end of the stream.
bool ReadAvailable(int fd, std::string* text) {
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got > 0) {
      text->append(buffer.data(), static_cast<size_t>(got));
      if (got < static_cast<ssize_t>(buffer.size())) return true;
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && errno == EAGAIN;
  }
}

// Writing to a process that has closed its stdin must be an error code, not a signal. Blocks
// SIGPIPE in this thread and, at the end, takes back one that is pending.
class SigPipeGuard {
 public:
  SigPipeGuard() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~SigPipeGuard() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec now = {0, 0};
    while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigPipeGuard(const SigPipeGuard&) = delete;
  SigPipeGuard& operator=(const SigPipeGuard&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

}  // namespace

Result<CommandOutput> RunCommand(SpawnOptions options, std::string_view input,
                                 const CommandLimits& limits) {
  options.pipe_stdin = !input.empty();
  auto spawned = Subprocess::Spawn(options);
  if (!spawned.ok()) return spawned.error();
  Subprocess process = std::move(spawned).value();
  const std::string what = "'" + options.argv[0] + "'";
  const SigPipeGuard no_signal;
  const Stopwatch watch;
  CommandOutput output;
  std::array<pollfd, 3> polled = {pollfd{process.stdin_fd(), POLLOUT, 0},
                                  pollfd{process.stdout_fd(), POLLIN, 0},
                                  pollfd{process.stderr_fd(), POLLIN, 0}};
  for (const pollfd& entry : polled) {
    if (entry.fd >= 0) BANYAN_RETURN_IF_ERROR(SetNonBlocking(entry.fd));
  }
  std::optional<ExitStatus> status;
  for (;;) {
    if (limits.cancel != nullptr && limits.cancel->load()) {
      process.Kill();
      return Error{ErrorCode::kCancelled, "cancelled", {}};
    }
    const double left_s = limits.timeout_s - watch.ElapsedS();
    if (left_s <= 0) {
      process.Kill();
      return EnvironmentError(what + " took longer than " +
                              std::to_string(static_cast<int>(limits.timeout_s)) + " s");
    }
    if (polled[1].fd < 0 && polled[2].fd < 0) {
      status = process.Wait(std::min(left_s, 0.05));  // then it may have been cancelled
      if (status) break;
      continue;
    }
    // Woken now and then: a grandchild may hold the pipes open after the process has ended.
    const int wait_ms = static_cast<int>(std::min(left_s * 1e3, 50.0)) + 1;
    if (poll(polled.data(), polled.size(), wait_ms) < 0 && errno != EINTR) {
      return SystemError(what, errno);
    }
    const bool ended = (status = process.Poll()).has_value();
    if (polled[0].fd >= 0 && polled[0].revents != 0) {
      const ssize_t wrote = write(polled[0].fd, input.data(), input.size());
      if (wrote > 0) input.remove_prefix(static_cast<size_t>(wrote));
      if (input.empty() || (wrote < 0 && errno != EAGAIN && errno != EINTR)) {
        process.CloseStdin();
        polled[0].fd = -1;
      }
    }
    for (const int i : {1, 2}) {
      std::string& text = i == 1 ? output.out : output.err;
      if (polled[i].fd >= 0 && !ReadAvailable(polled[i].fd, &text)) polled[i].fd = -1;
      if (static_cast<int64_t>(text.size()) > limits.output_limit_bytes) {
        process.Kill();
        return EnvironmentError(what + " wrote more than " +
                                std::to_string(limits.output_limit_bytes) + " bytes");
      }
    }
    if (ended) break;
  }
  output.status = *status;
  return output;
}

namespace {

// The text of a small file in /proc; empty if it is gone.
std::string_view ReadProc(const char* path, std::array<char, 1024>* buffer) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t got = read(fd, buffer->data(), buffer->size() - 1);
  close(fd);
  if (got <= 0) return {};
  (*buffer)[static_cast<size_t>(got)] = '\0';
  return {buffer->data(), static_cast<size_t>(got)};
}

}  // namespace

int64_t ResidentBytes(pid_t pid) {
  std::array<char, 1024> buffer;
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/statm", static_cast<int>(pid));
  const std::string_view text = ReadProc(path, &buffer);
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return 0;
  return std::strtoll(text.data() + space, nullptr, 10) * sysconf(_SC_PAGESIZE);
}

int64_t GroupResidentBytes(pid_t group) {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return ResidentBytes(group);
  int64_t bytes = 0;
  while (const dirent* entry = readdir(proc)) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid > 0 && getpgid(pid) == group) bytes += ResidentBytes(pid);
  }
  closedir(proc);
  return bytes;
}

Status SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return SystemError("cannot change a pipe", errno);
  }
  return Ok{};
}

}  // namespace banyan
