#include "tvm/ir.h"

#include <cstring>
#include <string_view>
#include <utility>

#include <tvm/ffi/reflection/accessor.h>

namespace banyan::ir {
namespace {

const std::vector<std::pair<const char*, Kind>>& KindTable() {
  static const auto& table = *new std::vector<std::pair<const char*, Kind>>{
      {"ir.IRModule", Kind::kModule},
      {"tirx.PrimFunc", Kind::kFunction},
      {"tirx.For", Kind::kFor},
      {"s_tir.SBlockRealize", Kind::kBlockRealize},
      {"s_tir.SBlock", Kind::kBlock},
      {"tirx.SeqStmt", Kind::kSeq},
      {"tirx.BufferStore", Kind::kStore},
      {"tirx.IfThenElse", Kind::kIf},
      {"ir.Var", Kind::kVar},
      {"ir.IntImm", Kind::kInt},
      {"ir.FloatImm", Kind::kFloat},
      {"ir.TensorLoad", Kind::kLoad},
      {"ir.Call", Kind::kCall},
      {"ir.Op", Kind::kOp},
      {"prim.Cast", Kind::kCast},
      {"prim.Select", Kind::kSelect},
      {"prim.Let", Kind::kLet},
      {"prim.Add", Kind::kAdd},
      {"prim.Sub", Kind::kSub},
      {"prim.Mul", Kind::kMul},
      {"prim.Div", Kind::kDiv},
      {"prim.Mod", Kind::kMod},
      {"prim.FloorDiv", Kind::kFloorDiv},
      {"prim.FloorMod", Kind::kFloorMod},
      {"prim.Min", Kind::kMin},
      {"prim.Max", Kind::kMax},
      {"prim.EQ", Kind::kCompare},
      {"prim.NE", Kind::kCompare},
      {"prim.LT", Kind::kCompare},
      {"prim.LE", Kind::kCompare},
      {"prim.GT", Kind::kCompare},
      {"prim.GE", Kind::kCompare},
      {"prim.And", Kind::kAnd},
      {"prim.Or", Kind::kOr},
      {"prim.Not", Kind::kNot},
      {"prim.BitwiseAnd", Kind::kBitwise},
      {"prim.BitwiseOr", Kind::kBitwise},
      {"prim.BitwiseXor", Kind::kBitwise},
      {"prim.LShift", Kind::kBitwise},
      {"prim.RShift", Kind::kBitwise},
      {"tirx.BufferType", Kind::kBufferType},
      {"ir.PrimType", Kind::kPrimType},
  };
  return table;
}

int32_t TypeIndex(const char* type_key) {
  const TVMFFIByteArray key = {type_key, std::strlen(type_key)};
  int32_t index = 0;
  TVM_FFI_CHECK_SAFE_CALL(TVMFFITypeKeyToIndex(&key, &index));
  return index;
}

std::vector<Kind> MakeKinds() {
  std::vector<Kind> kinds;
  for (const auto& [key, kind] : KindTable()) {
    const auto index = static_cast<size_t>(TypeIndex(key));
    if (index >= kinds.size()) kinds.resize(index + 1, Kind::kOther);
    kinds[index] = kind;
  }
  return kinds;
}

}  // namespace

Kind KindOf(const Node* node) {
  static const std::vector<Kind>& kinds = *new std::vector<Kind>(MakeKinds());
  if (node == nullptr) return Kind::kOther;
  const auto index = static_cast<size_t>(node->type_index());
  return index < kinds.size() ? kinds[index] : Kind::kOther;
}

Field::Field(const char* type_key, const char* name)
    : info_(ffi::reflection::GetFieldInfo(type_key, name)) {
  offset_ = info_->offset;
}

std::string Field::Text(const Node* node) const {
  const auto& text = Plain<ffi::String>(node);
  return {text.data(), text.size()};
}

ffi::Any Field::Value(const Node* node) const { return ffi::reflection::FieldGetter(info_)(node); }

const Fields& F() {
  static const Fields& fields = []() -> const Fields& {
    const auto* made = new Fields;
    for (const auto& [key, kind] : KindTable()) {
      if (!IsBinary(kind)) continue;
      for (const char* name : {"a", "b"}) {
        if (ffi::reflection::GetFieldInfo(key, name)->offset !=
            ffi::reflection::GetFieldInfo("prim.Add", name)->offset) {
          TVM_FFI_THROW(InternalError) << "unexpected layout of " << key;
        }
      }
    }
    return *made;
  }();
  return fields;
}

size_t Size(const Node* array) {
  return array == nullptr ? 0 : static_cast<const ffi::ArrayObj*>(array)->size();
}

const Node* At(const Node* array, size_t i) {
  const ffi::Any& item = (*static_cast<const ffi::ArrayObj*>(array))[static_cast<int64_t>(i)];
  return item.as<ffi::Object>();
}

bool IntOf(const Node* expr, int64_t* value) {
  if (KindOf(expr) != Kind::kInt) return false;
  // A BigInt: kept as a plain integer where it fits.
  const auto& number = F().int_value.Plain<TVMFFIAny>(expr);
  if (number.type_index != ffi::TypeIndex::kTVMFFIInt) return false;
  *value = number.v_int64;
  return true;
}

bool IsBinary(Kind kind) {
  return (kind >= Kind::kAdd && kind <= Kind::kOr) || kind == Kind::kBitwise;
}

ffi::ObjectRef Own(const Node* node) {
  using Unsafe = ffi::details::ObjectUnsafe;
  return Unsafe::ObjectRefFromObjectPtr<ffi::ObjectRef>(
      Unsafe::ObjectPtrFromUnowned<ffi::Object>(const_cast<Node*>(node)));
}

const Node* FindFunction(const Node* module, const std::string& entry) {
  if (KindOf(module) != Kind::kModule) return nullptr;
  const auto functions =
      F().module_functions.Value(module).cast<ffi::Map<ffi::ObjectRef, ffi::ObjectRef>>();
  for (const auto& [name, function] : functions) {
    if (KindOf(function.get()) == Kind::kFunction && F().global_name.Text(name.get()) == entry) {
      return function.get();
    }
  }
  return nullptr;
}

}  // namespace banyan::ir
