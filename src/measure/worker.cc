#include "measure/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "base/clock.h"
#include "measure/protocol.h"
#include "schedule/description_json.h"

namespace banyan {
namespace {

// Far from the numbers that a program gets for the files it opens.
constexpr int kPrivateFd = 200;

Json Failure(const Error& error) {
  return {{"ok", false},
          {"code", ErrorCodeName(error.code)},
          {"message", error.message},
          {"context", error.context}};
}

Json Success() { return {{"ok", true}}; }

Json Reply(const Status& status) { return status.ok() ? Success() : Failure(status.error()); }

Json Reply(const Result<double>& value) {
  if (!value.ok()) return Failure(value.error());
  Json reply = Success();
  reply["value"] = *value;
  return reply;
}

template <typename T>
Json ReplyObject(const Result<T>& value) {
  if (!value.ok()) return Failure(value.error());
  Json reply = Success();
  reply["value"] = ToJson(*value);
  return reply;
}

Json SetWorkload(KernelHost& host, Message& request) {
  auto workload = WorkloadFromJson(request.header.at("workload"));
  if (!workload.ok()) return Failure(workload.error());
  auto target = TargetFromJson(request.header.at("target"));
  if (!target.ok()) return Failure(target.error());
  workload->module_json = std::move(request.payload);
  return Reply(
      host.SetWorkload(*workload, *target, request.header.at("input_seed").get<uint64_t>()));
}

Json Answer(KernelHost& host, Message& request) {
  const Json& header = request.header;
  const std::string op = header.at("op");
  if (op == "build") {
    return Reply(host.Build(header.at("handle").get<uint64_t>(), request.payload));
  }
  if (op == "run") {
    auto timing = TimingFromJson(header.at("timing"));
    if (!timing.ok()) return Failure(timing.error());
    const auto handle = header.at("handle").get<uint64_t>();
    Json reply = ReplyObject(host.Run(handle, *timing, header.at("check").get<bool>()));
    if (header.value("drop", false)) host.Drop(handle);
    return reply;
  }
  if (op == "drop") {
    host.Drop(header.at("handle").get<uint64_t>());
    return Success();
  }
  if (op == "workload") return SetWorkload(host, request);
  if (op == "make_reference") {
    auto timing = TimingFromJson(header.at("timing"));
    if (!timing.ok()) return Failure(timing.error());
    return ReplyObject(host.MakeReference(header.at("path").get<std::string>(), *timing));
  }
  if (op == "load_reference") {
    return Reply(host.LoadReference(header.at("path").get<std::string>()));
  }
  if (op == "drift") return Reply(host.DriftKernelMs());
  if (op == "peak") return Reply(host.PeakGflops());
  return Failure(Internal("unknown request '" + op + "'"));
}

// No exception may end the process: that would look like a crash of the kernel.
Json AnswerSafely(KernelHost& host, Message& request) {
  try {
    return Answer(host, request);
  } catch (const std::exception& error) {
    return Failure(Internal(std::string("exception: ") + error.what()));
  } catch (...) {
    return Failure(Internal("exception of an unknown type"));
  }
}

int MoveAway(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, kPrivateFd); }

}  // namespace

int WorkerMain(KernelHost& host, int in_fd, int out_fd) {
  const int in = MoveAway(in_fd);
  const int out = MoveAway(out_fd);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (in < 0 || out < 0 || null < 0) return 1;
  if (dup2(null, 0) < 0 || dup2(2, 1) < 0) return 1;
  if (in_fd > 2) close(in_fd);
  if (out_fd > 2) close(out_fd);
  signal(SIGPIPE, SIG_IGN);

  MessageReader reader;
  for (;;) {
    auto request = ReadMessage(in, &reader);
    if (!request.ok()) return 1;
    if (!request->has_value()) return 0;
    Message& message = **request;
    if (message.header.value("op", "") == "exit") return 0;
    const Stopwatch watch;
    Json reply = AnswerSafely(host, message);
    reply["seconds"] = watch.ElapsedS();
    // What a kernel left in the C library's buffer belongs to this request.
    fflush(stdout);
    if (!WriteMessage(out, {.header = std::move(reply)}).ok()) return 1;
  }
}

}  // namespace banyan
