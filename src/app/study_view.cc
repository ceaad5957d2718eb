#include "app/study_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "app/output.h"
#include "base/format.h"

namespace banyan {
namespace {

constexpr double kDrawEveryS = 0.2;
constexpr int kPlainColumns = 200;

}  // namespace

StudyView::StudyView(bool quiet, std::FILE* out)
    : quiet_(quiet), out_(out), live_(!quiet && IsTerminal(fileno(out))) {}

void StudyView::Update(const StudyProgress& progress) {
  if (quiet_ || finished_) return;
  last_ = progress;
  if (!live_) {
    if (progress.last.empty()) return;
    const std::string left = std::isfinite(progress.eta_s) && progress.done < progress.runs
                                 ? ", " + FormatSeconds(progress.eta_s) + " left"
                                 : std::string();
    fmt::print(out_, "banyan: {}/{}{}: {}\n", progress.done, progress.runs, left, progress.last);
    std::fflush(out_);
    seen_ = true;
    return;
  }
  if (seen_ && progress.last.empty() && since_drawn_.ElapsedS() < kDrawEveryS) return;
  seen_ = true;
  since_drawn_.Restart();
  Erase();
  const std::string text = ProgressText(progress, TerminalColumns(fileno(out_)));
  std::fputs(text.c_str(), out_);
  std::fflush(out_);
  drawn_lines_ = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

void StudyView::Erase() {
  if (drawn_lines_ > 0) fmt::print(out_, "\x1b[{}A\x1b[J", drawn_lines_);
  drawn_lines_ = 0;
}

void StudyView::Finish() {
  if (finished_) return;
  finished_ = true;
  if (!seen_) return;
  Erase();
  std::fputs(
      (ProgressText(last_, live_ ? TerminalColumns(fileno(out_)) : kPlainColumns) + "\n").c_str(),
      out_);
  std::fflush(out_);
}

}  // namespace banyan
