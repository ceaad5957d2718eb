#pragma once

#include <string>
#include <variant>
#include <vector>

#include "app/options.h"
#include "base/result.h"

namespace banyan {

struct WorkloadsOptions {};
struct DoctorOptions {};
struct WorkerOptions {};
struct VersionOptions {};
// Asked for help: `text` goes to stdout.
struct HelpText {
  std::string text;
};

struct CommandLine {
  CommonOptions common;
  std::variant<HelpText, VersionOptions, TuneOptions, ApplyOptions, WorkloadsOptions,
               StrategiesOptions, ModelsOptions, SchemaOptions, ExplainOptions, ReplayOptions,
               ExportOptions, ReportOptions, ReproduceOptions, StudyCommandOptions, DoctorOptions,
               WorkerOptions>
      options;
};

// Reads the command line (without the program's name) and the TOML file it may name, whose keys are
// the flags' names; a flag wins over the file. kInvalidArgument in one line, with the closest name
// for a mistyped one. Does not load TVM.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// Whether --json is among the arguments, also where they do not parse: errors go out in that form.
bool AsksForJson(const std::vector<std::string>& arguments);

}  // namespace banyan
