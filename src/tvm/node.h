#pragma once

#include <tvm/ffi/container/array.h>

#include <functional>
#include <string>
#include <string_view>

#include "tvm/ffi.h"

namespace banyan::node {

// Reading TVM's program nodes field by field, by name: for what runs once a program (ir.h is the
// fast way for what runs once a candidate). Internal to the room; throws ffi::Error: use within
// TryTvm.

// A field of an object, inherited ones included.
ffi::Any Field(const ffi::ObjectRef& object, std::string_view name);

template <typename T>
T Get(const ffi::ObjectRef& object, std::string_view name) {
  return Field(object, name).cast<T>();
}

inline std::string_view TypeKey(const ffi::ObjectRef& object) {
  const TVMFFITypeInfo* info = TVMFFIGetTypeInfo(object->type_index());
  return {info->type_key.data, info->type_key.size};
}
inline bool Is(const ffi::ObjectRef& object, std::string_view key) {
  return object.defined() && TypeKey(object) == key;
}

using Refs = ffi::Array<ffi::ObjectRef>;

// The value of an ir.IntImm; throws for anything else.
int64_t IntValue(const ffi::ObjectRef& expr);
// The element type ("float32") of an expression, a variable or a buffer type.
std::string DtypeText(const ffi::ObjectRef& object);

// The statements of a function body in program order, blocks entered: `enter` is called for every
// node of type s_tir.SBlockRealize.
void VisitBlocks(const ffi::ObjectRef& body,
                 const std::function<void(const ffi::ObjectRef&)>& enter);

}  // namespace banyan::node
