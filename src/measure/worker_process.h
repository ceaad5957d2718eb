#pragma once

#include <poll.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/subprocess.h"
#include "measure/protocol.h"

namespace banyan {

// How a call of a worker ended: with a reply, or with the worker's death.
enum class CallEnd {
  kReply,
  kDied,     // crashed, exited, was killed by somebody else
  kTimeout,  // killed by its limit on time; likewise the next three
  kOutOfMemory,
  kTooMuchOutput,
  kGarbage,  // what it sent was not the protocol
};

struct CallResult {
  CallEnd end = CallEnd::kReply;
  Json reply;        // kReply: the reply's header
  std::string text;  // otherwise: one line that says why, with the worker's last words
  double elapsed_s = 0;
};

struct WorkerLimits {
  int64_t memory_bytes =
      std::numeric_limits<int64_t>::max();  // resident, beyond `baseline`, of its group
  int64_t output_bytes =
      std::numeric_limits<int64_t>::max();  // of stdout and stderr during one call
  int64_t file_bytes = 0;                   // 0: no limit
};

// One worker process seen from the pool: at most one call at a time, never blocking. The owner
// waits for the descriptors of AddPollFds (and, while a call is in flight, for no longer than
// kWatchIntervalS), then calls Step. Owns the process; a worker that breaks a limit or the protocol
// is killed at once, with its process group, and stays dead. Movable; one thread, and the one that
// started it must outlive it.
class WorkerProcess {
 public:
  // Memory and life signs of a busy worker are looked at this often.
  static constexpr double kWatchIntervalS = 0.02;

  static Result<WorkerProcess> Start(std::vector<std::string> argv,
                                     std::vector<std::pair<std::string, std::string>> env,
                                     const WorkerLimits& limits);
  WorkerProcess() = default;

  bool alive() const { return alive_; }
  bool busy() const { return busy_; }
  pid_t pid() const { return process_.pid(); }

  // Sends a request; needs alive() and not busy(). Without `watch_memory`, memory is not limited.
  void Call(const Message& request, double timeout_s, bool watch_memory);
  // The call in flight may take this long from its start, no longer; `why` joins the text of its
  // end.
  void LimitCall(double timeout_s, const std::string& why);
  void AddPollFds(std::vector<pollfd>* fds) const;
  // Reads, writes and checks limits. The result of the call when it has just ended. While none is
  // in flight, only notices death (see alive()).
  std::optional<CallResult> Step();
  void Kill();

  // Resident memory of the process now; as a baseline it is what the limit is measured from.
  int64_t resident_bytes() const { return ResidentBytes(process_.pid()); }
  void set_baseline_bytes(int64_t bytes) { baseline_bytes_ = bytes; }
  int64_t baseline_bytes() const { return baseline_bytes_; }

 private:
  void WriteRequest();
  void ReadReplies();
  void ReadNoise();
  std::optional<CallResult> End(CallEnd end, const std::string& text);
  std::optional<CallResult> Died(const ExitStatus& status);
  std::optional<CallResult> CheckMemory();

  Subprocess process_;
  WorkerLimits limits_;
  bool alive_ = false;
  bool busy_ = false;
  bool closed_ = false;  // it has closed its side of the protocol
  bool watch_memory_ = false;
  MessageReader reader_;
  std::string request_;
  size_t request_sent_ = 0;
  std::string noise_tail_;
  int64_t noise_bytes_ = 0;
  int64_t baseline_bytes_ = 0;
  int64_t seen_bytes_ = 0;  // resident memory at the last look
  double call_start_s_ = 0;
  double deadline_s_ = 0;
  std::string why_limited_;
  double next_watch_s_ = 0;
  int watches_ = 0;
};

}  // namespace banyan
