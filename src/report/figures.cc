#include "report/figures.h"

#include <cstdlib>

#include "base/files.h"
#include "base/strings.h"
#include "base/subprocess.h"

#ifndef BANYAN_REPORT_PYTHON
#define BANYAN_REPORT_PYTHON "python3"
#endif
#ifndef BANYAN_REPORT_SOURCE_DIR
#define BANYAN_REPORT_SOURCE_DIR "."
#endif

namespace banyan {
namespace {

std::string FirstOf(const std::string& chosen, const char* variable, const char* otherwise) {
  if (!chosen.empty()) return chosen;
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

}  // namespace

Result<std::vector<std::string>> DrawFigures(const Json& data, const std::string& folder,
                                             const FigureOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const TempDir scratch, TempDir::Make("banyan-figures"));
  const std::string input = scratch.path() + "/data.json";
  BANYAN_RETURN_IF_ERROR(WriteFileAtomically(input, DumpJson(data)));
  SpawnOptions spawn;
  spawn.argv = {
      FirstOf(options.python, "BANYAN_PYTHON", BANYAN_REPORT_PYTHON),
      FirstOf(options.helper, "BANYAN_FIGURES_HELPER", BANYAN_REPORT_SOURCE_DIR "/figures.py"),
      input, folder};
  spawn.env = {{"PYTHONDONTWRITEBYTECODE", "1"}};
  CommandLimits limits;
  limits.timeout_s = options.timeout_s;
  BANYAN_ASSIGN_OR_RETURN(const CommandOutput run, RunCommand(spawn, {}, limits));
  const Json reply = Json::parse(run.out, nullptr, false);
  if (reply.is_object() && reply.contains("error") && reply["error"].is_string()) {
    return EnvironmentError("figures: " + reply["error"].get<std::string>() +
                            " (run `make setup`)");
  }
  if (!run.status.ok() || !reply.is_object() || !reply.contains("files")) {
    return Error{ErrorCode::kEnvironment,
                 "figures: Python " + run.status.Text() + ": " + OneLine(LastLine(run.err)),
                 run.err};
  }
  std::vector<std::string> files;
  for (const Json& file : reply["files"]) files.push_back(file.get<std::string>());
  return files;
}

}  // namespace banyan
