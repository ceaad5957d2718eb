#include "base/clock.h"

#include <chrono>
#include <thread>

namespace banyan {

double SystemClock::NowS() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

int64_t SystemClock::UnixMs() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

void SystemClock::SleepS(double seconds) {
  if (seconds > 0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

SystemClock* SystemClock::Get() {
  static auto* clock = new SystemClock;
  return clock;
}

}  // namespace banyan
