#include "base/testing/fake_clock.h"

#include <algorithm>

namespace banyan {

double FakeClock::NowS() const {
  const std::lock_guard lock(mutex_);
  return now_s_;
}

int64_t FakeClock::UnixMs() const {
  const std::lock_guard lock(mutex_);
  return unix_ms_at_zero_ + static_cast<int64_t>(now_s_ * 1e3);
}

void FakeClock::Advance(double seconds) {
  const std::lock_guard lock(mutex_);
  now_s_ += std::max(seconds, 0.0);
}

void FakeClock::AdvanceTo(double time_s) {
  const std::lock_guard lock(mutex_);
  now_s_ = std::max(now_s_, time_s);
}

}  // namespace banyan
