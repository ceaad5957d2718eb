#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"

namespace banyan {

// Time that moves only when told to, or by sleeping. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(double now_s = 0, int64_t unix_ms_at_zero = 1'700'000'000'000)
      : now_s_(now_s), unix_ms_at_zero_(unix_ms_at_zero) {}

  double NowS() const override;
  int64_t UnixMs() const override;
  void SleepS(double seconds) override { Advance(seconds); }

  // Moves forward; a negative step is ignored (a monotonic clock has none).
  void Advance(double seconds);
  // Moves forward to `time_s`, or stays if that has passed.
  void AdvanceTo(double time_s);

 private:
  mutable std::mutex mutex_;
  double now_s_;
  const int64_t unix_ms_at_zero_;
};

}  // namespace banyan
