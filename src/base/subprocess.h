#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace banyan {

// What a new process is given. Its stdin, stdout and stderr are pipes or /dev/null; every other
// descriptor of the parent is closed at exec, as long as it was opened close-on-exec.
struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0]: a path, or a name looked up in PATH
  std::vector<std::pair<std::string, std::string>> env = {};  // added to the parent's environment
  std::string cwd = {};                                       // empty: the parent's
  bool pipe_stdin = true;
  bool pipe_stdout = true;
  bool pipe_stderr = true;
  bool merge_stderr = false;          // stderr goes where stdout goes
  int64_t file_size_limit_bytes = 0;  // RLIMIT_FSIZE; 0: the parent's
};

struct ExitStatus {
  int code = 0;    // valid if signal == 0
  int signal = 0;  // 0: it exited by itself
  bool ok() const { return code == 0 && signal == 0; }
  // "exited with status 3", "was killed by SIGSEGV (Segmentation fault)".
  std::string Text() const;
};

// "SIGSEGV"; "signal 40" for those without a name.
std::string SignalName(int signal);

// A child process that leads its own process group, without core dumps. It is started by vfork and
// exec, never by fork alone: the parent may hold threads and a compiler. The kernel kills it when
// the thread that spawned it dies, even by SIGKILL, so spawn from a thread that lives as long as
// the child should. Owns the process (the destructor kills the group and reaps) and its ends of the
// pipes. Movable, not thread-safe.
class Subprocess {
 public:
  static Result<Subprocess> Spawn(const SpawnOptions& options);

  Subprocess() = default;
  Subprocess(Subprocess&& other) noexcept { *this = std::move(other); }
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  // Its group has the same number. -1 if there is none.
  pid_t pid() const { return pid_; }
  // The parent's ends; -1 if not piped or closed. Blocking, close-on-exec.
  int stdin_fd() const { return fds_[0]; }
  int stdout_fd() const { return fds_[1]; }
  int stderr_fd() const { return fds_[2]; }
  void CloseStdin() { CloseFd(0); }

  // To every process of the group; harmless once it has ended.
  void KillGroup(int signal);
  // The exit status once the process has ended; kills what is left of its group and reaps.
  std::optional<ExitStatus> Poll();
  // Waits at most `timeout_s` for the end.
  std::optional<ExitStatus> Wait(double timeout_s);
  // KillGroup(SIGKILL) and reap: at most some milliseconds.
  ExitStatus Kill();

 private:
  void CloseFd(int index);

  pid_t pid_ = -1;
  int fds_[3] = {-1, -1, -1};
  std::optional<ExitStatus> status_;
};

struct CommandLimits {
  double timeout_s = 60;
  int64_t output_limit_bytes =
      16 << 20;  // of stdout, and of stderr; the process is killed above it
  const std::atomic<bool>* cancel = nullptr;  // borrowed; once true, the process is killed
};

struct CommandOutput {
  ExitStatus status;
  std::string out;
  std::string err;
};

// Runs a command to its end, writing `input` to its stdin. A non-zero exit status is not an Error;
// failing to start, a timeout or too much output is (kEnvironment), and being cancelled
// (kCancelled). Blocks; kills its process group at the end.
Result<CommandOutput> RunCommand(SpawnOptions options, std::string_view input = {},
                                 const CommandLimits& limits = {});

// Resident memory of one process, or of all processes of a group, from /proc; 0 if it is gone. The
// second reads every process's status (about 10 us each).
int64_t ResidentBytes(pid_t pid);
int64_t GroupResidentBytes(pid_t group);

// Makes reads and writes of a descriptor return at once.
Status SetNonBlocking(int fd);

}  // namespace banyan
