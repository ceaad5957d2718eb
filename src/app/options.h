#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "measure/measurer.h"
#include "search/run_config.h"

namespace banyan {

// What every command takes.
struct CommonOptions {
  std::string command;  // the subcommand's name
  bool json = false;    // one object on stdout, for machines
  bool quiet = false;   // no progress
  std::string log_level = "warn";
  std::string store = "banyan.db";
};

// How and where kernels are built and timed.
struct MachineOptions {
  std::string target = "host";
  int cores = 1;
  Timing timing;
};

struct TuneOptions {
  std::string workload;
  std::optional<int64_t> trials;
  std::optional<int64_t> calls;
  std::optional<double> strong_calls;
  std::optional<double> tokens;
  std::optional<double> cost_usd;
  std::optional<double> seconds;
  uint64_t seed = 0;
  std::string strategy = "banyan";
  std::vector<std::string> pool = {"builtin:analytic", "builtin:heuristic", "builtin:random"};
  std::vector<std::string> set;  // FIELD=VALUE of the strategy
  MachineOptions machine;
  std::string simulate;                // store that stands in for the machine; empty: none
  bool no_transfer = false;            // learn nothing from earlier runs
  std::string snapshot;                // store to learn from; empty: the run's own
  std::string resume;                  // run to go on with; empty: a new one
  std::string events;                  // file for events as JSON lines; empty: none
  std::string config;                  // TOML file
  std::vector<std::string> run_flags;  // flags given that a resumed run brings itself
};

struct ApplyOptions {
  std::string workload;
  std::vector<std::string> plans;  // files; several are measured interleaved
  uint64_t seed = 0;
  MachineOptions machine;
};

struct ExplainOptions {
  std::string run = "last";
  std::optional<int64_t> node;
  bool script = false;  // none of the four: all of them
  bool trace = false;
  bool tree = false;
  bool words = false;
  int64_t top = 12;             // nodes of the tree shown
  std::optional<int64_t> call;  // only this call: what was asked and answered
};

struct ExportOptions {
  std::string run = "last";
  std::string out;  // folder; empty: banyan-export-<run id>
};

struct ReplayOptions {
  std::string run = "last";
  bool dump = false;  // print the tree
};

struct ReportOptions {
  std::string run = "last";  // or a study's folder
  std::string out;           // page; empty: banyan-report-<run id>.html, or report.html of a study
  std::string figures;       // folder for SVG and PNG; empty: none are drawn
};

struct ReproduceOptions {
  std::string trial;  // "RUN:N", or "N" of the last run
  std::string out;    // folder for the self-contained case; empty: none
};

struct StudyCommandOptions {
  std::vector<std::string> files;  // the study's file; or "import" and what to import
  std::string out;                 // folder of tables; empty: study-<name>
  std::string baseline;            // of an import
  bool retry_failed = false;
  bool tables_only = false;
};

struct StrategiesOptions {
  std::string name;  // all fields of this one; empty: the list
};

struct ModelsOptions {
  std::vector<std::string> items;  // as for LoadPool; none: the built-in experts
  bool ping = false;
};

struct SchemaOptions {
  std::string of;  // "plan", "reply" or "event"; empty: all
};

}  // namespace banyan
