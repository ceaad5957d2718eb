#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "search/run.h"

namespace banyan {

// What a person sees while a run goes on, on stderr: one live line on a terminal, else plain lines
// when something happens. Quiet: nothing. Thread-safe; a thread of its own keeps the live line's
// clock going while the run waits.
class ProgressLine {
 public:
  struct Options {
    bool quiet = false;
    int64_t trials_budget = 0;
    int64_t calls_budget = 0;
    double flops = 0;  // of the workload
  };

  explicit ProgressLine(Options options, std::FILE* out = stderr);
  ~ProgressLine();

  // A line of its own, "banyan: <text>", after a moment (300 ms) or with the first update, so that
  // what fails at once fails in one line.
  void Say(const std::string& text);
  void Update(const RunProgress& progress);
  void set_flops(double flops);
  // Removes the live line; later updates are ignored.
  void Finish();

  // The line for `progress`, at most `columns` wide.
  static std::string Render(const RunProgress& progress, const Options& options, int columns);

 private:
  void Tick();
  void FlushSaid();
  void Draw();
  void Erase();

  std::FILE* const out_;
  const bool live_;
  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::thread ticker_;
  std::string said_;  // not printed yet
  Stopwatch since_said_;
  RunProgress last_;
  Stopwatch since_update_;
  Stopwatch since_line_;
  double printed_best_ms_;
  std::string printed_phase_;
  bool seen_ = false;
  bool drawn_ = false;
  bool finished_ = false;
};

}  // namespace banyan
