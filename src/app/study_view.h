#pragma once

#include <cstdio>

#include "base/clock.h"
#include "study/study.h"

namespace banyan {

// What a person sees while a study goes on, on stderr: a table that is drawn again in place on a
// terminal, else a line when a run begins or ends. Quiet: nothing. One thread.
class StudyView {
 public:
  explicit StudyView(bool quiet, std::FILE* out = stderr);
  ~StudyView() { Finish(); }

  void Update(const StudyProgress& progress);
  // Leaves the last table on the screen.
  void Finish();

 private:
  void Erase();

  const bool quiet_;
  std::FILE* const out_;
  const bool live_;
  StudyProgress last_;
  Stopwatch since_drawn_;
  int drawn_lines_ = 0;
  bool seen_ = false;
  bool finished_ = false;
};

}  // namespace banyan
