#include "app/signals.h"

#include <unistd.h>

#include <csignal>

namespace banyan {
namespace {

std::atomic<bool> cancelled = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // usable in a signal handler

void OnSignal(int) {
  if (cancelled.exchange(true)) _exit(130);
}

}  // namespace

const std::atomic<bool>* InstallSignalHandlers() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;  // the loop looks at the flag many times a second
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return &cancelled;
}

}  // namespace banyan
