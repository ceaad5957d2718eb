#include "tvm/trace.h"

#include <string>

#include "tvm/ir.h"

namespace banyan {

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
  std::string text;
  for (const ffi::String& line :
       CallTvm<ffi::Array<ffi::String>>("s_tir.schedule.TraceAsPython", SimplifiedTrace(schedule),
                                        /*remove_postproc=*/false)) {
    text += std::string(line) + "\n";
  }
  return text;
}

std::string ScriptText(const ffi::ObjectRef& module) {
  return CallTvm<ffi::String>("node.TVMScriptPrinterScript", module, nullptr);
}

}  // namespace banyan
