#include "tvm/program_view_expr.h"

#include <algorithm>

namespace banyan {
namespace {

using ir::F;
using ir::Kind;
using ir::KindOf;
using ir::Node;

bool SameForm(const LinearForm& a, const LinearForm& b) {
  return a.affine && b.affine && a.constant == b.constant && a.coefficients == b.coefficients;
}

bool SameAccess(const RawAccess& a, const RawAccess& b) {
  return a.buffer == b.buffer && std::equal(a.indices.begin(), a.indices.end(), b.indices.begin(),
                                            b.indices.end(), SameForm);
}

RawAccess AccessOf(const Node* buffer, const Node* indices, const LinearScope& scope) {
  RawAccess access;
  access.buffer = buffer;
  for (size_t i = 0; i < ir::Size(indices); ++i) {
    access.indices.push_back(scope.Linear(ir::At(indices, i)));
  }
  return access;
}

const Node* SkipCasts(const Node* expr) {
  while (KindOf(expr) == Kind::kCast) expr = F().cast_value.Object(expr);
  return expr;
}

const char* CombinerName(Kind kind) {
  switch (kind) {
    case Kind::kAdd:
      return "add";
    case Kind::kMul:
      return "mul";
    case Kind::kMin:
      return "min";
    case Kind::kMax:
      return "max";
    default:
      return "";
  }
}

class Summariser {
 public:
  Summariser(const LinearScope& scope, ExprSummary* out) : scope_(scope), out_(out) {}

  void Store(const Node* store) {
    out_->store = AccessOf(F().store_buffer.Object(store), F().store_indices.Object(store), scope_);
    const Node* value = F().store_value.Object(store);
    Visit(value);
    Combine(value);
  }

 private:
  bool IsAccumulator(const Node* expr) const {
    return KindOf(expr) == Kind::kLoad && F().load_source.Object(expr) == out_->store.buffer &&
           SameAccess(AccessOf(out_->store.buffer, F().load_indices.Object(expr), scope_),
                      out_->store);
  }

  // value = combine(accumulator, x), in either order.
  void Combine(const Node* value) {
    const char* name = CombinerName(KindOf(value));
    if (*name == '\0') return;
    const Node* a = F().binary_a.Object(value);
    const Node* b = F().binary_b.Object(value);
    if (!IsAccumulator(a)) std::swap(a, b);
    if (!IsAccumulator(a)) return;
    out_->combiner = name;
    out_->multiply_add = KindOf(value) == Kind::kAdd && KindOf(SkipCasts(b)) == Kind::kMul;
  }

  void Load(const Node* expr) {
    RawAccess access =
        AccessOf(F().load_source.Object(expr), F().load_indices.Object(expr), scope_);
    // An index may itself load (a gather).
    const Node* indices = F().load_indices.Object(expr);
    for (size_t i = 0; i < ir::Size(indices); ++i) LoadsOnly(ir::At(indices, i));
    if (SameAccess(access, out_->store)) return;
    for (const RawAccess& known : out_->loads) {
      if (SameAccess(known, access)) return;
    }
    out_->loads.push_back(std::move(access));
  }

  // Conditions and indices read memory, but their arithmetic is not counted.
  void LoadsOnly(const Node* expr) {
    const double saved = out_->flops;
    Visit(expr);
    out_->flops = saved;
  }

  void Choice(const Node* condition, const Node* a, const Node* b) {
    out_->has_condition = true;
    LoadsOnly(condition);
    Visit(a);
    Visit(b);
  }

  void Visit(const Node* expr) {
    const Kind kind = KindOf(expr);
    switch (kind) {
      case Kind::kLoad:
        return Load(expr);
      case Kind::kCast:
        return Visit(F().cast_value.Object(expr));
      case Kind::kNot:
        return Visit(F().not_a.Object(expr));
      case Kind::kSelect:
        return Choice(F().select_condition.Object(expr), F().select_true.Object(expr),
                      F().select_false.Object(expr));
      case Kind::kCall:
        return Call(expr);
      case Kind::kLet:
        Visit(F().let_value.Object(expr));
        return Visit(F().let_body.Object(expr));
      default:
        break;
    }
    if (!ir::IsBinary(kind)) return;
    if (kind <= Kind::kMax) out_->flops += 1;
    Visit(F().binary_a.Object(expr));
    Visit(F().binary_b.Object(expr));
  }

  // Intrinsics that LLVM turns into an instruction or two, for vectors too.
  static bool IsInstruction(const std::string& op) {
    static constexpr std::string_view kCheap[] = {
        ".likely",     ".sqrt",        ".fabs",        ".floor",      ".ceil",
        ".trunc",      ".round",       ".bitwise_and", ".bitwise_or", ".bitwise_xor",
        ".shift_left", ".shift_right", ".fma",         ".reinterpret"};
    return std::any_of(std::begin(kCheap), std::end(kCheap),
                       [&](std::string_view cheap) { return op.ends_with(cheap); });
  }

  void Call(const Node* expr) {
    const Node* args = F().call_args.Object(expr);
    const size_t count = ir::Size(args);
    const Node* op = F().call_op.Object(expr);
    const std::string name = KindOf(op) == Kind::kOp ? F().op_name.Text(op) : std::string();
    if (count == 3 && name.ends_with(".if_then_else")) {
      return Choice(ir::At(args, 0), ir::At(args, 1), ir::At(args, 2));
    }
    out_->has_call |= !IsInstruction(name);
    // As in a workload's own count, a mathematical function is not an arithmetic operation.
    for (size_t i = 0; i < count; ++i) Visit(ir::At(args, i));
  }

  const LinearScope& scope_;
  ExprSummary* out_;
};

}  // namespace

LinearForm LinearScope::Linear(const Node* expr) const {
  LinearForm form;
  form.coefficients.assign(variables_.size(), 0);
  Add(expr, 1, &form);
  if (!form.affine) {
    // Of an expression that is not linear only the variables that occur are told.
    form = LinearForm();
    form.affine = false;
    form.coefficients.assign(variables_.size(), 0);
    MarkUses(expr, &form);
  }
  return form;
}

void LinearScope::AddForm(const LinearForm& add, int64_t factor, LinearForm* form) const {
  if (!add.affine) form->affine = false;
  form->constant += add.constant * factor;
  for (size_t k = 0; k < add.coefficients.size() && k < form->coefficients.size(); ++k) {
    form->coefficients[k] += add.coefficients[k] * factor;
  }
}

void LinearScope::Add(const Node* expr, int64_t factor, LinearForm* form) const {
  if (!form->affine) return;
  int64_t value = 0;
  switch (KindOf(expr)) {
    case Kind::kInt:
      if (!ir::IntOf(expr, &value)) break;
      form->constant += value * factor;
      return;
    case Kind::kVar: {
      const auto found = std::find(variables_.begin(), variables_.end(), expr);
      if (found != variables_.end()) {
        form->coefficients[static_cast<size_t>(found - variables_.begin())] += factor;
        return;
      }
      for (const auto& [variable, meaning] : defined_) {
        if (variable == expr) return AddForm(meaning, factor, form);
      }
      break;
    }
    case Kind::kAdd:
    case Kind::kSub: {
      Add(F().binary_a.Object(expr), factor, form);
      Add(F().binary_b.Object(expr), KindOf(expr) == Kind::kAdd ? factor : -factor, form);
      return;
    }
    case Kind::kMul: {
      const Node* a = F().binary_a.Object(expr);
      const Node* b = F().binary_b.Object(expr);
      if (ir::IntOf(b, &value)) return Add(a, factor * value, form);
      if (ir::IntOf(a, &value)) return Add(b, factor * value, form);
      break;
    }
    case Kind::kCast:
      return Add(F().cast_value.Object(expr), factor, form);
    default:
      break;
  }
  form->affine = false;
}

void LinearScope::MarkUses(const Node* expr, LinearForm* form) const {
  const Kind kind = KindOf(expr);
  auto all = [&](const Node* array) {
    for (size_t i = 0; i < ir::Size(array); ++i) MarkUses(ir::At(array, i), form);
  };
  if (ir::IsBinary(kind)) {
    MarkUses(F().binary_a.Object(expr), form);
    MarkUses(F().binary_b.Object(expr), form);
    return;
  }
  switch (kind) {
    case Kind::kVar: {
      for (size_t k = 0; k < variables_.size(); ++k) {
        if (variables_[k] == expr) form->coefficients[k] = 1;
      }
      for (const auto& [variable, meaning] : defined_) {
        if (variable != expr) continue;
        for (size_t k = 0; k < meaning.coefficients.size(); ++k) {
          if (meaning.coefficients[k] != 0) form->coefficients[k] = 1;
        }
      }
      return;
    }
    case Kind::kCast:
      return MarkUses(F().cast_value.Object(expr), form);
    case Kind::kNot:
      return MarkUses(F().not_a.Object(expr), form);
    case Kind::kSelect:
      MarkUses(F().select_condition.Object(expr), form);
      MarkUses(F().select_true.Object(expr), form);
      return MarkUses(F().select_false.Object(expr), form);
    case Kind::kLoad:
      return all(F().load_indices.Object(expr));
    case Kind::kCall:
      return all(F().call_args.Object(expr));
    case Kind::kLet:
      MarkUses(F().let_value.Object(expr), form);
      return MarkUses(F().let_body.Object(expr), form);
    default:
      return;
  }
}

ExprSummary SummariseStore(const Node* store, const LinearScope& scope) {
  ExprSummary summary;
  Summariser(scope, &summary).Store(store);
  return summary;
}

}  // namespace banyan
