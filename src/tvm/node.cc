#include "tvm/node.h"

#include <tvm/ffi/dtype.h>
#include <tvm/ffi/reflection/accessor.h>

namespace banyan::node {
namespace {

const TVMFFIFieldInfo* FindIn(const TVMFFITypeInfo* info, std::string_view name) {
  for (int32_t i = 0; i < info->num_fields; ++i) {
    const TVMFFIFieldInfo& field = info->fields[i];
    if (std::string_view(field.name.data, field.name.size) == name) return &field;
  }
  return nullptr;
}

}  // namespace

ffi::Any Field(const ffi::ObjectRef& object, std::string_view name) {
  const TVMFFITypeInfo* info = TVMFFIGetTypeInfo(object->type_index());
  const TVMFFIFieldInfo* field = FindIn(info, name);
  for (int32_t depth = info->type_depth - 1; field == nullptr && depth >= 0; --depth) {
    field = FindIn(info->type_ancestors[depth], name);
  }
  if (field == nullptr) {
    TVM_FFI_THROW(AttributeError) << TypeKey(object) << " has no field " << name;
  }
  return ffi::reflection::FieldGetter(field)(object);
}

int64_t IntValue(const ffi::ObjectRef& expr) {
  if (!Is(expr, "ir.IntImm")) TVM_FFI_THROW(ValueError) << "expected a constant integer";
  return Get<int64_t>(expr, "value");
}

std::string DtypeText(const ffi::ObjectRef& object) {
  ffi::ObjectRef type = object;
  if (!Is(type, "ir.PrimType") && !Is(type, "tirx.BufferType")) {
    type = Get<ffi::ObjectRef>(type, "ty");
  }
  if (Is(type, "tirx.BufferType")) type = Get<ffi::ObjectRef>(type, "dtype");
  return ffi::DLDataTypeToString(Get<DLDataType>(type, "dtype"));
}

void VisitBlocks(const ffi::ObjectRef& body,
                 const std::function<void(const ffi::ObjectRef&)>& enter) {
  if (!body.defined()) return;
  const std::string_view key = TypeKey(body);
  if (key == "tirx.SeqStmt") {
    for (const ffi::ObjectRef& part : Get<Refs>(body, "seq")) VisitBlocks(part, enter);
  } else if (key == "tirx.IfThenElse") {
    VisitBlocks(Get<ffi::ObjectRef>(body, "then_case"), enter);
    VisitBlocks(Get<ffi::ObjectRef>(body, "else_case"), enter);
  } else if (key == "s_tir.SBlockRealize") {
    enter(body);
    VisitBlocks(Get<ffi::ObjectRef>(Get<ffi::ObjectRef>(body, "block"), "body"), enter);
  } else if (key == "tirx.For" || key == "tirx.AttrStmt" || key == "tirx.While") {
    VisitBlocks(Get<ffi::ObjectRef>(body, "body"), enter);
  }
}

}  // namespace banyan::node
