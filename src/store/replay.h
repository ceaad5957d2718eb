#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "schedule/compiler.h"
#include "store/store.h"

namespace banyan {

// What came of searching a run again from its journal.
struct ReplayReport {
  bool identical = false;
  // Whether the run's tree was there to be compared byte by byte; else only its nodes, trials and
  // calls were (an interrupted run, or one recorded before schema 2).
  bool whole_tree = false;
  int64_t events = 0;  // of the journal
  int64_t nodes = 0;   // compared
  int64_t trials = 0;
  int64_t calls = 0;
  // The first difference; empty if identical.
  std::string where;   // "event 17 (reply): node 9"
  std::string stored;  // one line each
  std::string now;
  std::string dump;  // of the tree rebuilt, as far as it went
  std::string hash;  // of that
};

// Feeds the journal of a run through a new Search, with no model and no measurement, and compares
// what comes of it with what is stored. Blocks: every plan of the run is applied again by
// `compiler`, which is made for the run's workload, target and action space. Errors are those of
// reading; a difference is no error.
Result<ReplayReport> ReplayRun(const Store& store, const StoredRun& run, Compiler* compiler);

}  // namespace banyan
