#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tvm/ffi.h"

// TVM's IR seen through tvm-ffi's reflection: type keys and field names are looked up once, then a
// field is an offset. Nodes are borrowed pointers that live as long as the module that holds them;
// nothing here counts references. Include from .cc files of this room only.
namespace banyan::ir {

using Node = ffi::Object;

enum class Kind : uint8_t {
  kOther,
  kModule,
  kFunction,
  // statements
  kFor,
  kBlockRealize,
  kBlock,
  kSeq,
  kStore,
  kIf,
  // expressions
  kVar,
  kInt,
  kFloat,
  kLoad,
  kCall,
  kOp,
  kCast,
  kSelect,
  kLet,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kFloorDiv,
  kFloorMod,
  kMin,
  kMax,
  kCompare,
  kAnd,
  kOr,
  kNot,
  kBitwise,
  // types
  kBufferType,
  kPrimType,
};

Kind KindOf(const Node* node);  // nullptr: kOther

// One field of a type, for reading. The constructor throws ffi::Error if there is none.
class Field {
 public:
  Field(const char* type_key, const char* name);

  // The object in an ObjectRef field; nullptr if it is null.
  const Node* Object(const Node* node) const {
    return *reinterpret_cast<const Node* const*>(reinterpret_cast<const char*>(node) + offset_);
  }
  template <typename T>
  const T& Plain(const Node* node) const {  // the caller knows the field's C type
    return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(node) + offset_);
  }
  std::string Text(const Node* node) const;  // a String field
  ffi::Any Value(const Node* node) const;    // any field, by its getter

 private:
  int64_t offset_ = 0;
  const TVMFFIFieldInfo* info_ = nullptr;
};

// The fields that this room reads. Made once, after TVM is loaded.
struct Fields {
  Field module_functions{"ir.IRModule", "functions"};
  Field global_name{"ir.GlobalVar", "name_hint"};
  Field func_params{"tirx.PrimFunc", "params"};
  Field func_body{"tirx.PrimFunc", "body"};

  Field for_var{"tirx.For", "loop_var"};
  Field for_min{"tirx.For", "min"};
  Field for_extent{"tirx.For", "extent"};
  Field for_kind{"tirx.For", "kind"};
  Field for_body{"tirx.For", "body"};
  Field realize_values{"s_tir.SBlockRealize", "iter_values"};
  Field realize_predicate{"s_tir.SBlockRealize", "predicate"};
  Field realize_block{"s_tir.SBlockRealize", "block"};
  Field block_iters{"s_tir.SBlock", "iter_vars"};
  Field block_reads{"s_tir.SBlock", "reads"};
  Field block_writes{"s_tir.SBlock", "writes"};
  Field block_name{"s_tir.SBlock", "name_hint"};
  Field block_allocs{"s_tir.SBlock", "alloc_buffers"};
  Field block_init{"s_tir.SBlock", "init"};
  Field block_body{"s_tir.SBlock", "body"};
  Field seq{"tirx.SeqStmt", "seq"};
  Field store_buffer{"tirx.BufferStore", "buffer"};
  Field store_value{"tirx.BufferStore", "value"};
  Field store_indices{"tirx.BufferStore", "indices"};
  Field if_condition{"tirx.IfThenElse", "condition"};
  Field if_then{"tirx.IfThenElse", "then_case"};
  Field if_else{"tirx.IfThenElse", "else_case"};

  Field iter_dom{"tirx.IterVar", "dom"};
  Field iter_var{"tirx.IterVar", "var"};
  Field iter_type{"tirx.IterVar", "iter_type"};
  Field range_min{"ir.Range", "min"};
  Field range_extent{"ir.Range", "extent"};
  Field region_source{"ir.TensorRegion", "source"};
  Field region_ranges{"ir.TensorRegion", "region"};

  Field expr_type{"ir.Expr", "ty"};
  Field var_name{"ir.Var", "name"};
  Field int_value{"ir.IntImm", "value"};
  Field float_value{"ir.FloatImm", "value"};
  Field load_source{"ir.TensorLoad", "source"};
  Field load_indices{"ir.TensorLoad", "indices"};
  Field call_op{"ir.Call", "op"};
  Field call_args{"ir.Call", "args"};
  Field op_name{"ir.Op", "name"};
  Field cast_value{"prim.Cast", "value"};
  Field select_condition{"prim.Select", "condition"};
  Field select_true{"prim.Select", "true_value"};
  Field select_false{"prim.Select", "false_value"};
  Field not_a{"prim.Not", "a"};
  Field binary_a{"prim.Add", "a"};  // all binary operators share one layout; checked when made
  Field binary_b{"prim.Add", "b"};
  Field let_var{"prim.Let", "var"};
  Field let_value{"prim.Let", "value"};
  Field let_body{"prim.Let", "body"};

  Field buffer_dtype{"tirx.BufferType", "dtype"};
  Field buffer_scope{"tirx.BufferType", "storage_scope"};
  Field buffer_shape{"tirx.BufferType", "shape"};
  Field prim_dtype{"ir.PrimType", "dtype"};
};
const Fields& F();

// Elements of an Array field's object (nullptr: none).
size_t Size(const Node* array);
const Node* At(const Node* array, size_t i);

// The value of an IntImm of at most 64 bits; false for anything else.
bool IntOf(const Node* expr, int64_t* value);
bool IsBinary(Kind kind);  // arithmetic, comparison, And, Or, Bitwise: fields a and b

// A counted reference to a borrowed node.
ffi::ObjectRef Own(const Node* node);

// The PrimFunc called `entry`; nullptr: there is none, or `module` is no IRModule.
const Node* FindFunction(const Node* module, const std::string& entry);

}  // namespace banyan::ir
