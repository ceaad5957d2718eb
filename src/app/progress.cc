#include "app/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "app/output.h"
#include "base/format.h"
#include "base/strings.h"

namespace banyan {
namespace {

constexpr double kPlainLineEveryS = 5;
constexpr double kGraceS = 0.3;

}  // namespace

ProgressLine::ProgressLine(Options options, std::FILE* out)
    : out_(out),
      live_(!options.quiet && IsTerminal(fileno(out))),
      options_(options),
      printed_best_ms_(std::numeric_limits<double>::quiet_NaN()) {
  if (!options_.quiet) ticker_ = std::thread([this] { Tick(); });
}

void ProgressLine::Tick() {
  std::unique_lock lock(mutex_);
  while (!finished_) {
    wake_.wait_for(lock, std::chrono::milliseconds(100));
    if (finished_) return;
    if (since_said_.ElapsedS() >= kGraceS) FlushSaid();
    if (live_ && seen_) Draw();
  }
}

ProgressLine::~ProgressLine() { Finish(); }

void ProgressLine::set_flops(double flops) {
  const std::lock_guard lock(mutex_);
  options_.flops = flops;
}

void ProgressLine::Say(const std::string& text) {
  if (options_.quiet) return;
  const std::lock_guard lock(mutex_);
  FlushSaid();
  said_ = fmt::format("banyan: {}\n", text);
  since_said_.Restart();
}

void ProgressLine::FlushSaid() {
  if (said_.empty()) return;
  Erase();
  std::fputs(said_.c_str(), out_);
  std::fflush(out_);
  said_.clear();
}

void ProgressLine::Update(const RunProgress& progress) {
  if (options_.quiet) return;
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  FlushSaid();
  last_ = progress;
  seen_ = true;
  since_update_.Restart();
  if (live_) return Draw();
  const bool better =
      std::isfinite(progress.best_latency_ms) && !(progress.best_latency_ms >= printed_best_ms_);
  if (!better && progress.phase == printed_phase_ && since_line_.ElapsedS() < kPlainLineEveryS)
    return;
  printed_best_ms_ = progress.best_latency_ms;
  printed_phase_ = progress.phase;
  since_line_.Restart();
  fmt::print(out_, "{}\n", Render(progress, options_, 0));
  std::fflush(out_);
}

void ProgressLine::Finish() {
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    finished_ = true;
    Erase();
  }
  wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
}

void ProgressLine::Draw() {
  RunProgress now = last_;
  if (now.phase != "done") now.elapsed_s += since_update_.ElapsedS();
  fmt::print(out_, "\r\x1b[K{}", Render(now, options_, TerminalColumns(fileno(out_)) - 1));
  std::fflush(out_);
  drawn_ = true;
}

void ProgressLine::Erase() {
  if (!drawn_) return;
  fmt::print(out_, "\r\x1b[K");
  std::fflush(out_);
  drawn_ = false;
}

std::string ProgressLine::Render(const RunProgress& progress, const Options& options, int columns) {
  const double share = options.trials_budget > 0 ? static_cast<double>(progress.trials_done) /
                                                       static_cast<double>(options.trials_budget)
                                                 : 0;
  std::string line = columns > 0 ? ProgressBar(share, 22) + " " : "";
  line += fmt::format("{}: trials {}/{}, calls {}/{}", progress.phase, progress.trials_done,
                      options.trials_budget, progress.calls_made, options.calls_budget);
  if (std::isfinite(progress.best_latency_ms)) {
    line += ", best " + FormatMs(progress.best_latency_ms);
    if (std::isfinite(progress.default_latency_ms)) {
      line += ", " + FormatRatio(progress.default_latency_ms / progress.best_latency_ms);
    }
    if (options.flops > 0) {
      line += ", " + FormatGflops(GflopsOf(options.flops, progress.best_latency_ms));
    }
  }
  line += ", " + FormatSeconds(progress.elapsed_s);
  if (columns > 0 && !progress.last.empty()) line += "  " + OneLine(progress.last);
  return columns > 0 ? Shorten(line, static_cast<size_t>(columns)) : line;
}

}  // namespace banyan
