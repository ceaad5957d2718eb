#pragma once

#include <cstdint>

namespace banyan {

// The time, so that what depends on it can be tested without waiting. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic seconds from an arbitrary origin: for durations and deadlines.
  virtual double NowS() const = 0;
  // Milliseconds since the Unix epoch: for records that people read, never for decisions.
  virtual int64_t UnixMs() const = 0;
  virtual void SleepS(double seconds) = 0;
};

class SystemClock final : public Clock {
 public:
  double NowS() const override;
  int64_t UnixMs() const override;
  void SleepS(double seconds) override;

  // The process's one; never destroyed.
  static SystemClock* Get();
};

// SystemClock's.
inline double SystemNowS() { return SystemClock::Get()->NowS(); }

// Seconds since its making, by `clock` (which it does not own).
class Stopwatch {
 public:
  explicit Stopwatch(const Clock* clock = SystemClock::Get())
      : clock_(clock), start_s_(clock->NowS()) {}
  double ElapsedS() const { return clock_->NowS() - start_s_; }
  void Restart() { start_s_ = clock_->NowS(); }

 private:
  const Clock* clock_;
  double start_s_;
};

}  // namespace banyan
