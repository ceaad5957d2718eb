#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/store.h"

namespace banyan {

// All that the store knows of one run. A value.
struct RunRecords {
  StoredRun run;
  std::vector<NodeRecord> nodes;    // by id
  std::vector<TrialRecord> trials;  // by id
  std::vector<CallRecord> calls;    // by id
  std::vector<Event> events;
};

Result<RunRecords> LoadRunRecords(const Store& store, const std::string& run);

// What a page may hold, so that a run of any size opens in a browser. What is left out is counted
// and said on the page.
struct RunDataLimits {
  size_t nodes = 5000;
  size_t trials = 8000;
  size_t calls = 1500;
  size_t points = 2000;           // of a curve
  size_t text_bytes = 1'500'000;  // of plans, reasons and replies together
  size_t one_text_bytes = 4'000;  // of one of them
};

// A run as one JSON object for the page and the figures: docs/report.md describes it. A pure
// function of the records; latencies in ms, all else in SI units. Scripts are programs by node id
// (TVMScript), as far as the caller made any.
Json RunData(const RunRecords& records, const std::map<int64_t, std::string>& scripts = {},
             const RunDataLimits& limits = {});

// The node of the result's plan; without a result, of the fastest trial; 0: the unscheduled
// program.
int64_t BestNode(const RunRecords& records);
// A node's whole plan as text: its parents' deltas joined.
std::string PlanText(const RunRecords& records, int64_t node_id);

// A word as a POSIX shell reads it back: quoted where it has to be.
std::string ShellWord(const std::string& word);

}  // namespace banyan
