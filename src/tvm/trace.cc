#include "tvm/trace.h"

#include <set>
#include <string>
#include <string_view>

#include "tvm/ir.h"
#include "tvm/node.h"

namespace banyan {
namespace {

constexpr const char* kPadding = "DecomposePadding";
constexpr const char* kReduction = "DecomposeReduction";

// TVM 0.27 cannot print decompose_padding: its printer asks for the loop where it is given the
// loop's name. decompose_reduction takes and makes the same, so it stands in, at the indices that
// `paddings` gets.
ffi::ObjectRef Printable(const ffi::ObjectRef& trace, std::set<size_t>* paddings) {
  ffi::Array<ffi::ObjectRef> instructions;
  for (const auto& instruction : node::Get<ffi::Array<ffi::ObjectRef>>(trace, "insts")) {
    const auto kind = node::Get<ffi::ObjectRef>(instruction, "kind");
    if (node::Get<ffi::String>(kind, "name") != kPadding) {
      instructions.push_back(instruction);
      continue;
    }
    paddings->insert(instructions.size());
    instructions.push_back(CallTvm<ffi::ObjectRef>(
        "s_tir.schedule.Instruction",
        CallTvm<ffi::ObjectRef>("s_tir.schedule.InstructionKindGet", kReduction),
        node::Field(instruction, "inputs"), ffi::Array<ffi::Any>(),
        node::Field(instruction, "outputs")));
  }
  return CallTvm<ffi::ObjectRef>("s_tir.schedule.Trace", instructions,
                                 node::Field(trace, "decisions"));
}

}  // namespace

Json JsonFromTvm(const ffi::Any& value) {
  switch (value.type_index()) {
    case ffi::TypeIndex::kTVMFFINone:
      return nullptr;
    case ffi::TypeIndex::kTVMFFIBool:
      return value.cast<bool>();
    case ffi::TypeIndex::kTVMFFIInt:
      return value.cast<int64_t>();
    case ffi::TypeIndex::kTVMFFIFloat:
      return value.cast<double>();
    default:
      break;
  }
  if (const auto text = value.as<ffi::String>()) return std::string(*text);
  if (value.type_index() == ffi::TypeIndex::kTVMFFIArray) {
    Json items = Json::array();
    for (const ffi::Any& item : value.cast<ffi::Array<ffi::Any>>())
      items.push_back(JsonFromTvm(item));
    return items;
  }
  if (value.type_index() == ffi::TypeIndex::kTVMFFIMap) {
    Json object = Json::object();
    for (const auto& [key, item] : value.cast<ffi::Map<ffi::String, ffi::Any>>()) {
      object[std::string(key)] = JsonFromTvm(item);
    }
    return object;
  }
  const ir::Node* node = value.as<ffi::Object>();
  int64_t whole = 0;
  if (ir::IntOf(node, &whole)) {
    const ir::Node* type = ir::F().expr_type.Object(node);
    if (ir::F().prim_dtype.Plain<DLDataType>(type).code == kDLBool) return whole != 0;
    return whole;
  }
  if (ir::KindOf(node) == ir::Kind::kFloat) return ir::F().float_value.Plain<double>(node);
  // An index map: TVM reads it back from the text of its own graph.
  return std::string(CallTvm<ffi::String>("ffi.ToJSONGraphString", value, nullptr));
}

ffi::ObjectRef SimplifiedTrace(const ffi::ObjectRef& schedule) {
  const auto trace = CallTvm<ffi::ObjectRef>("s_tir.schedule.ScheduleGetTrace", schedule);
  return CallTvm<ffi::ObjectRef>("s_tir.schedule.TraceSimplified", trace,
                                 /*remove_postproc=*/false);
}

Json SimplifiedTraceJson(const ffi::ObjectRef& schedule) {
  return JsonFromTvm(CallTvm("s_tir.schedule.TraceAsJSON", SimplifiedTrace(schedule),
                             /*remove_postproc=*/false));
}

std::string TracePythonText(const ffi::ObjectRef& schedule) {
  static constexpr std::string_view kStandIn = "sch.decompose_reduction(";
  std::set<size_t> paddings;
  const auto lines = CallTvm<ffi::Array<ffi::String>>(
      "s_tir.schedule.TraceAsPython", Printable(SimplifiedTrace(schedule), &paddings),
      /*remove_postproc=*/false);  // a line an instruction
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[static_cast<int64_t>(i)];
    const size_t at = paddings.contains(i) ? line.find(kStandIn) : std::string::npos;
    if (at != std::string::npos) line.replace(at, kStandIn.size(), "sch.decompose_padding(");
    text += line + "\n";
  }
  return text;
}

std::string ScriptText(const ffi::ObjectRef& module) {
  return CallTvm<ffi::String>("node.TVMScriptPrinterScript", module, nullptr);
}

}  // namespace banyan
