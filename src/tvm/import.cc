#include "tvm/import.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "schedule/structure.h"
#include "tvm/ffi.h"
#include "tvm/live_schedule.h"
#include "tvm/pipeline.h"
#include "tvm/workload_module.h"
#include "tvm/workloads.h"

#ifndef BANYAN_TVM_PYTHON
#define BANYAN_TVM_PYTHON "python3"
#endif
#ifndef BANYAN_TVM_SOURCE_DIR
#define BANYAN_TVM_SOURCE_DIR "."
#endif

namespace banyan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxFileBytes = int64_t{256} << 20;

struct ProgramPath {
  std::string path;
  std::string name;       // after the colon
  std::string extension;  // ".py" or ".json"
};

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "prog.py", "dir/prog.json:name"; nothing for what names a built-in family.
bool SplitProgramPath(std::string_view text, ProgramPath* out) {
  for (const std::string_view extension : {".py", ".json"}) {
    std::string_view path = text;
    std::string_view name;
    if (!EndsWith(path, extension)) {
      const size_t colon = text.rfind(':');
      if (colon == std::string_view::npos) continue;
      path = text.substr(0, colon);
      name = text.substr(colon + 1);
      if (!EndsWith(path, extension)) continue;
    }
    *out = {std::string(path), std::string(name), std::string(extension)};
    return true;
  }
  return false;
}

std::string FromEnvironment(const char* variable, const char* otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// Removed with its content at the end of the scope.
class ScratchFile {
 public:
  ScratchFile() {
    std::string pattern = fs::temp_directory_path().string() + "/banyan-import-XXXXXX";
    const int fd = mkstemp(pattern.data());
    if (fd < 0) return;
    close(fd);
    path_ = pattern;
  }
  ~ScratchFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string LastLine(const std::string& text) {
  size_t end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos) return "no output";
  const size_t start = text.rfind('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

// The IRModule's JSON that the user's Python file stands for.
Result<std::string> RunHelper(const ProgramPath& program, const ImportOptions& options) {
  const std::string helper =
      !options.helper.empty()
          ? options.helper
          : FromEnvironment("BANYAN_IMPORT_HELPER", BANYAN_TVM_SOURCE_DIR "/import_program.py");
  const ScratchFile output;
  if (output.path().empty()) return EnvironmentError("cannot write a temporary file");
  SpawnOptions spawn;
  spawn.argv = {PythonWithTvm(options), helper, program.path, program.name, output.path()};
  spawn.merge_stderr = true;
  // The user's file may lie in a read-only folder, and leaves no droppings elsewhere either.
  spawn.env = {{"PYTHONDONTWRITEBYTECODE", "1"}};
  CommandLimits limits;
  limits.timeout_s = options.timeout_s;
  auto run = RunCommand(spawn, {}, limits);
  if (!run.ok()) {
    Error error = run.error();
    error.message = program.path + ": " + error.message;
    return error;
  }
  const auto text = ReadFile(output.path());
  const Json reply = text.ok() ? Json::parse(*text, nullptr, false) : Json();
  if (reply.is_object() && reply.contains("module")) return reply["module"].get<std::string>();
  if (reply.is_object() && reply.contains("error")) {
    const bool environment = reply.value("environment", false);
    return Error{environment ? ErrorCode::kEnvironment : ErrorCode::kInvalidArgument,
                 reply["error"].get<std::string>() + (environment ? " (run `make setup`)" : ""),
                 run->out};
  }
  return Error{ErrorCode::kInvalidArgument,
               program.path + ": Python " + run->status.Text() + ": " + LastLine(run->out),
               run->out};
}

Result<Workload> FromModuleJson(const std::string& json, const std::string& entry,
                                bool bad_json_is_tvm) {
  return TryTvm(
      [&]() -> Result<Workload> {
        ffi::ObjectRef module;
        try {
          module = ModuleFromJson(json);
        } catch (const ffi::Error& error) {
          if (!bad_json_is_tvm) throw;
          Error out = ErrorFromTvm(error, ErrorCode::kInvalidArgument);
          out.message = "no TVM module (made by tvm.ir.save_json of TVM 0.27): " + out.message;
          return out;
        }
        return WorkloadFromModule(module, entry);
      },
      ErrorCode::kInvalidArgument);
}

Result<Workload> Import(const ProgramPath& program, const ImportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(std::string text, ReadFile(program.path, kMaxFileBytes));
  if (program.extension == ".py") {
    BANYAN_ASSIGN_OR_RETURN(text, RunHelper(program, options));
    // `name` chose the Python object; the module it is has one function or a "main".
    return FromModuleJson(text, "", false);
  }
  // TVM's reader crashes on some malformed graphs; what is no JSON at all never reaches it.
  const Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return InvalidArgument("it is no JSON");
  if (!parsed.is_object() || !parsed.contains("root_index") || !parsed.contains("nodes") ||
      !parsed["nodes"].is_array()) {
    return InvalidArgument("it is JSON, but no TVM module (made by tvm.ir.save_json)");
  }
  return FromModuleJson(text, program.name, true);
}

// All but the structure.
Result<Workload> LoadUnrelated(std::string_view text, const ImportOptions& options) {
  ProgramPath program;
  if (!SplitProgramPath(text, &program)) {
    BANYAN_ASSIGN_OR_RETURN(const WorkloadSpec spec, ParseWorkloadSpec(text));
    return MakeBuiltinWorkload(spec);
  }
  auto workload = Import(program, options);
  if (!workload.ok()) {
    Error error = workload.error();
    const std::string file = fs::path(program.path).filename().string();
    if (error.message.find(file) == std::string::npos) error.message = file + ": " + error.message;
    return error;
  }
  workload->family = "user";
  workload->id = fs::path(program.path).filename().string();
  if (!program.name.empty()) workload->id += ":" + program.name;
  return workload;
}

}  // namespace

std::string PythonWithTvm(const ImportOptions& options) {
  if (!options.python.empty()) return options.python;
  return FromEnvironment("BANYAN_PYTHON", BANYAN_TVM_PYTHON);
}

Result<Workload> LoadWorkload(std::string_view text, const ImportOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(Workload workload, LoadUnrelated(text, options));
  // What related workloads know is a help, no need: a program without a picture has none.
  if (const auto root = MakeLiveSchedule(workload.module_json, workload.entry); root.ok()) {
    if (const auto program = (*root)->Program(); program.ok()) {
      workload.structure = ProgramStructure(**program);
    }
  }
  return workload;
}

}  // namespace banyan
