#include "tvm/export.h"

#include <tvm/ffi/container/map.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/extra/module.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "tvm/export_c_text.h"
#include "tvm/ffi.h"
#include "tvm/node.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

std::string Identifier(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0]))) out = "t" + out;
  return out;
}

bool IsIdentifier(const std::string& text) { return !text.empty() && Identifier(text) == text; }

std::string CType(const std::string& dtype) {
  if (dtype == "float32") return "float";
  if (dtype == "float64") return "double";
  if (dtype == "bool") return "uint8_t";
  if (dtype == "float16" || dtype == "bfloat16") return "uint16_t";  // the bits
  return dtype + "_t";
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Names of the C parameters: distinct, and none that C or the generated code has taken.
std::vector<std::string> ParameterNames(const Workload& workload) {
  static const std::set<std::string> kTaken = {
      "auto",     "break",  "case",     "char",      "const",    "continue", "default",  "do",
      "double",   "else",   "enum",     "extern",    "float",    "for",      "goto",     "if",
      "inline",   "int",    "long",     "register",  "restrict", "return",   "short",    "signed",
      "sizeof",   "static", "struct",   "switch",    "typedef",  "union",    "unsigned", "void",
      "volatile", "while",  "argc",     "argv",      "file",     "best",     "start",    "calls",
      "before",   "took",   "tensors",  "arguments", "result",   "status",   "i",        "state",
      "main",     "memory", "allocate", "release",   "launch",   "made_up",  "now_ms"};
  std::set<std::string> used = kTaken;
  used.insert(ExportName(workload));
  std::vector<std::string> names;
  for (const TensorSpec& spec : workload.parameters) {
    std::string name = Identifier(spec.name);
    while (!used.insert(name).second) name += "_";
    names.push_back(name);
  }
  return names;
}

std::string Fill(std::string text, const std::map<std::string, std::string>& marks) {
  for (const auto& [mark, value] : marks) {
    const std::string pattern = "@" + mark + "@";
    for (size_t at = 0; (at = text.find(pattern, at)) != std::string::npos; at += value.size()) {
      text.replace(at, pattern.size(), value);
    }
  }
  return text;
}

std::map<std::string, std::string> Marks(const Workload& workload, const Target& target,
                                         const std::string& name) {
  std::map<std::string, std::string> m;
  const std::vector<std::string> names = ParameterNames(workload);
  m["NAME"] = name;
  m["TITLE"] = workload.id;
  m["CPU"] = target.cpu;
  m["GUARD"] = Upper(name) + "_H_";
  m["COUNT"] = std::to_string(names.size());
  m["OPENMP"] = target.cores > 1 ? " -fopenmp" : "";
  for (size_t i = 0; i < names.size(); ++i) {
    const TensorSpec& spec = workload.parameters[i];
    const std::string type = CType(spec.dtype);
    const std::string size = Upper(name) + "_" + Upper(names[i]) + "_SIZE";
    std::string shape_text;
    std::string shape_list;
    for (const int64_t extent : spec.shape) {
      shape_text += "[" + std::to_string(extent) + "]";
      shape_list += (shape_list.empty() ? "" : ", ") + std::to_string(extent);
    }
    m["SIZES"] += "#define " + size + " " + std::to_string(spec.elements()) + " /* " + names[i] +
                  shape_text + (spec.is_output ? ", written */\n" : " */\n");
    const std::string separator = i == 0 ? "" : ", ";
    m["PARAMETERS"] += separator + (spec.is_output ? "" : "const ") + type + "* " + names[i];
    m["ARGUMENTS"] += separator + names[i];
    const DLDataType dtype = ffi::StringToDLDataType(spec.dtype);
    const std::string shape_name = names[i] + "_shape";
    m["SHAPES"] += "  static int64_t " + shape_name + "[] = {" +
                   (shape_list.empty() ? "1" : shape_list) + "};\n";
    m["TENSORS"] += "      {(void*)" + names[i] + ", {kCpu, 0}, " +
                    std::to_string(spec.shape.size()) + ", {" + std::to_string(dtype.code) + ", " +
                    std::to_string(dtype.bits) + ", 1}, " + shape_name + ", NULL, 0},\n";
    m["ALLOCATE"] +=
        "  " + type + "* " + names[i] + " = allocate(sizeof(" + type + ") * " + size + ");\n";
    const bool is_float = spec.dtype == "float32" || spec.dtype == "float64";
    if (!spec.is_output) {
      m["READ"] += " ||\n        fread(" + names[i] + ", sizeof *" + names[i] + ", " + size +
                   ", file) != " + size;
      m["FILL"] += "    for (long n = 0; n < " + size + "; ++n) " + names[i] + "[n] = (" + type +
                   ")" +
                   (is_float               ? "made_up();\n"
                    : spec.dtype == "bool" ? "(made_up() < 0);\n"
                                           : "((made_up() + 1) * 4);\n");
    } else {
      m["WRITE"] += " ||\n        fwrite(" + names[i] + ", sizeof *" + names[i] + ", " + size +
                    ", file) != " + size;
      m["SUMS"] += "  double sum_of_" + names[i] + " = 0;\n  for (long n = 0; n < " + size +
                   "; ++n) sum_of_" + names[i] + " += (double)" + names[i] +
                   "[n];\n  printf(\"sum of " + names[i] + ": %.9g\\n\", sum_of_" + names[i] +
                   ");\n";
    }
  }
  return m;
}

Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return EnvironmentError("cannot write " + path);
  return Ok{};
}

// The module with its entry function under another global name, which becomes part of its symbol.
ffi::ObjectRef Renamed(const ffi::ObjectRef& module, const std::string& name) {
  const auto functions = node::Get<ffi::Map<ffi::ObjectRef, ffi::ObjectRef>>(module, "functions");
  const auto named = CallTvm<ffi::ObjectRef>("ir.BaseFuncWithAttr", (*functions.begin()).second,
                                             "global_symbol", ffi::String(name));
  return CallTvm<ffi::ObjectRef>("ir.Module_FromExpr", named,
                                 ffi::Map<ffi::ObjectRef, ffi::ObjectRef>());
}

}  // namespace

std::string ExportName(const Workload& workload) {
  std::string base = workload.family;
  if (base.empty() || base == "user") {
    base = workload.id.substr(0, workload.id.find(':'));
    const size_t dot = base.rfind('.');
    if (dot != std::string::npos && dot > 0) base.resize(dot);
  }
  return "banyan_" + Identifier(base);
}

Result<std::vector<std::string>> ExportC(const Workload& workload, const Target& target,
                                         const std::string& module_json, const std::string& name,
                                         const std::string& folder) {
  if (!IsIdentifier(name)) return InvalidArgument("'" + name + "' is no C identifier");
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return EnvironmentError("cannot make folder " + folder + ": " + failed.message());
  const std::string object = folder + "/" + name + ".o";
  const Status compiled = TryTvm(
      [&] {
        Compile(Renamed(ModuleFromJson(module_json), name), TargetObject(target))
            ->WriteToFile(object, "o");
      },
      ErrorCode::kEnvironment);
  if (!compiled.ok()) return compiled.error();
  const auto marks = Marks(workload, target, name);
  std::vector<std::string> paths = {object};
  const std::vector<std::pair<std::string, const char*>> files = {
      {name + ".h", kHeaderText},
      {name + "_runtime.c", kRuntimeText},
      {"example.c", kExampleText},
      {"Makefile", kMakefileText}};
  for (const auto& [file, text] : files) {
    BANYAN_RETURN_IF_ERROR(WriteText(folder + "/" + file, Fill(text, marks)));
    paths.push_back(folder + "/" + file);
  }
  return paths;
}

}  // namespace banyan
