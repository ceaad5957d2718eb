#include "measure/testing/fake_kernel_host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "base/clock.h"

namespace banyan {
namespace {

class CallLog {
 public:
  CallLog(const char* call, uint64_t handle) : call_(call), handle_(handle) { Write("begin"); }
  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;
  ~CallLog() { Write("end"); }

 private:
  void Write(const char* what) const {
    const char* path = std::getenv("BANYAN_FAKE_LOG");
    if (path == nullptr) return;
    const std::string line =
        std::to_string(getpid()) + " " + what + " " + call_ + " " + std::to_string(handle_) + "\n";
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    const ssize_t ignored = write(fd, line.data(), line.size());
    static_cast<void>(ignored);
    close(fd);
  }

  const char* call_;
  uint64_t handle_;
};

void EatMemory(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
}

void WriteForever(int fd) {
  const std::string line(1000, '.');
  while (write(fd, line.data(), line.size()) > 0) {
  }
}

// Does what `mode` says; returns for the modes that go on.
Status Misbehave(const std::string& mode) {
  if (mode == "ok" || mode == "wrong") return Ok{};
  if (mode == "error") return Error{ErrorCode::kIllegalStep, "refused as scripted", "long text"};
  if (mode == "throw") throw std::runtime_error("thrown as scripted");
  if (mode == "crash") {
    fprintf(stderr, "about to crash\nlast words\n");
    signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would turn it into an exit
    raise(SIGSEGV);
  }
  if (mode == "abort") {
    signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  if (mode == "exit") _exit(0);
  if (mode == "hang") {
    for (volatile bool forever = true; forever;) {
    }
  }
  if (mode == "oom") {
    for (;;) EatMemory(16 << 20);
  }
  if (mode == "leak") {
    EatMemory(64 << 20);
    return Ok{};
  }
  if (mode == "noise") WriteForever(1);
  if (mode == "garbage") {
    for (int fd = 3; fd < 300; ++fd) {
      const ssize_t ignored = write(fd, "xxxxxxxxxxxxxxxxxxxxxxxx", 24);
      static_cast<void>(ignored);
    }
    return Ok{};
  }
  if (mode == "fork") {
    const pid_t child = fork();
    if (child == 0) {
      sleep(1000);
      _exit(0);
    }
    return Ok{};
  }
  if (mode == "say") {
    printf("a kernel speaks\n");
    return Ok{};
  }
  return Internal("unknown fake mode '" + mode + "'");
}

void Take(double ms) { SystemClock::Get()->SleepS(ms / 1e3); }

}  // namespace

Status FakeKernelHost::SetWorkload(const Workload& workload, const Target& /*target*/,
                                   uint64_t /*input_seed*/) {
  const CallLog log("workload", 0);
  workload_id_ = workload.id;
  if (workload_id_ == "bad") return InvalidArgument("the workload is bad as scripted");
  if (workload_id_ == "crash") return Misbehave("crash");
  return Ok{};
}

Result<ReferenceOutcome> FakeKernelHost::MakeReference(const std::string& path,
                                                       const Timing& timing) {
  const CallLog log("make_reference", 0);
  if (workload_id_ == "no-reference") return Internal("no reference as scripted");
  std::ofstream(path) << workload_id_;
  has_reference_ = true;
  ReferenceOutcome outcome;
  outcome.default_latency_ms = 50;
  outcome.samples_ms.assign(static_cast<size_t>(timing.repeat), 50);
  return outcome;
}

Status FakeKernelHost::LoadReference(const std::string& path) {
  const CallLog log("load_reference", 0);
  std::string text;
  std::ifstream(path) >> text;
  if (text != workload_id_) return NotFound("no reference in '" + path + "'");
  has_reference_ = true;
  return Ok{};
}

Status FakeKernelHost::Build(uint64_t handle, const std::string& module_json) {
  const CallLog log("build", handle);
  Json module = Json::parse(module_json, nullptr, false);
  if (!module.is_object()) return InvalidArgument("not a fake module");
  BANYAN_RETURN_IF_ERROR(Misbehave(module.value("build", "ok")));
  Take(module.value("build_ms", 0.0));
  built_[handle] = std::move(module);
  return Ok{};
}

Result<RunResult> FakeKernelHost::Run(uint64_t handle, const Timing& timing, bool check) {
  const CallLog log("run", handle);
  const auto it = built_.find(handle);
  if (it == built_.end()) return NotFound("nothing was built under this handle");
  if (check && !has_reference_) return Internal("there is no reference to compare with");
  const Json& module = it->second;
  BANYAN_RETURN_IF_ERROR(Misbehave(module.value("run", "ok")));
  Take(module.value("run_ms", 0.0));
  RunResult result;
  if (module.value("run", "ok") == "wrong") {
    result.failure = FailureKind::kWrongResult;
    result.failure_text = "C[0, 3] is 7, should be 8";
    result.max_relative_error = 1e6;
    return result;
  }
  const double latency_ms = module.value("latency_ms", 1.0);
  result.max_relative_error = 0.5;
  for (int i = 0; i < timing.repeat && !result.stopped_early; ++i) {
    result.samples_ms.push_back(latency_ms);
    result.stopped_early = latency_ms > timing.stop_above_ms && timing.repeat > 1;
  }
  return result;
}

void FakeKernelHost::Drop(uint64_t handle) {
  const CallLog log("drop", handle);
  built_.erase(handle);
}

Result<double> FakeKernelHost::DriftKernelMs() {
  const CallLog log("drift", 0);
  return 10.0 + drifts_++;
}

}  // namespace banyan
