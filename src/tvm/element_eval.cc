#include "tvm/element_eval.h"

#include <algorithm>
#include <map>
#include <string>

#include "tvm/element_tree.h"
#include "tvm/node.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

using element::Buffer;
using element::Op;
using element::Stage;
using element::Width;
using ffi::ObjectRef;
using node::Refs;

const std::map<std::string, Op, std::less<>>& BinaryOps() {
  static const auto& ops =
      *new std::map<std::string, Op, std::less<>>{{"prim.Add", Op::kAdd},
                                                  {"prim.Sub", Op::kSub},
                                                  {"prim.Mul", Op::kMul},
                                                  {"prim.Div", Op::kDiv},
                                                  {"prim.Mod", Op::kMod},
                                                  {"prim.FloorDiv", Op::kFloorDiv},
                                                  {"prim.FloorMod", Op::kFloorMod},
                                                  {"prim.Min", Op::kMin},
                                                  {"prim.Max", Op::kMax},
                                                  {"prim.EQ", Op::kEq},
                                                  {"prim.NE", Op::kNe},
                                                  {"prim.LT", Op::kLt},
                                                  {"prim.LE", Op::kLe},
                                                  {"prim.GT", Op::kGt},
                                                  {"prim.GE", Op::kGe},
                                                  {"prim.And", Op::kAnd},
                                                  {"prim.Or", Op::kOr}};
  return ops;
}

const std::map<std::string, Op, std::less<>>& CallOps() {
  static const auto& ops =
      *new std::map<std::string, Op, std::less<>>{{"if_then_else", Op::kSelect},
                                                  {"exp", Op::kExp},
                                                  {"log", Op::kLog},
                                                  {"sqrt", Op::kSqrt},
                                                  {"rsqrt", Op::kRsqrt},
                                                  {"tanh", Op::kTanh},
                                                  {"erf", Op::kErf},
                                                  {"sigmoid", Op::kSigmoid},
                                                  {"pow", Op::kPow},
                                                  {"fabs", Op::kAbs},
                                                  {"abs", Op::kAbs},
                                                  {"floor", Op::kFloor},
                                                  {"ceil", Op::kCeil},
                                                  {"round", Op::kRound},
                                                  {"nearbyint", Op::kRound},
                                                  {"sin", Op::kSin},
                                                  {"cos", Op::kCos}};
  return ops;
}

Width WidthOf(const std::string& dtype) {
  if (dtype.rfind("int", 0) == 0) return {std::stoi(dtype.substr(3)), true};
  if (dtype.rfind("uint", 0) == 0) return {std::stoi(dtype.substr(4)), false};
  return {};
}

[[noreturn]] void Unsupported(const std::string& what) {
  TVM_FFI_THROW(NotImplementedError) << what;
  TVM_FFI_UNREACHABLE();
}

}  // namespace

struct ElementEvaluator::State {
  std::map<const void*, Buffer> buffers;  // by TVM's variable
  std::vector<std::unique_ptr<Stage>> stages;
  std::vector<Buffer*> parameters;
  ObjectRef module;  // keeps the variables alive
  element::Walker walker;

  Buffer* BufferOf(const ObjectRef& variable);
  void AddStage(const ObjectRef& realize);
  element::Expr Convert(const ObjectRef& expr, const std::map<const void*, int>& iters,
                        const Refs& own_indices, const ObjectRef& own_buffer);
};

Buffer* ElementEvaluator::State::BufferOf(const ObjectRef& variable) {
  Buffer& buffer = buffers[variable.get()];
  if (!buffer.strides.empty()) return &buffer;
  buffer.spec.name = node::Get<std::string>(variable, "name");
  buffer.spec.dtype = node::DtypeText(variable);
  for (const ObjectRef& extent : node::Get<Refs>(node::Get<ObjectRef>(variable, "ty"), "shape")) {
    buffer.spec.shape.push_back(node::IntValue(extent));
  }
  buffer.strides.assign(std::max<size_t>(buffer.spec.shape.size(), 1), 1);
  for (size_t d = buffer.spec.shape.size(); d-- > 1;) {
    buffer.strides[d - 1] = buffer.strides[d] * buffer.spec.shape[d];
  }
  buffer.integer = buffer.spec.dtype.find("float") == std::string::npos;
  buffer.width = WidthOf(buffer.spec.dtype);
  return &buffer;
}

// An expression is linear in the iterators if it is built of them by +, - and products with
// constants.
namespace {
bool IsConstant(const element::Expr& e) {
  return e.op == Op::kConstant || (e.op == Op::kCast && IsConstant(e.args[0]));
}
bool IsLinear(const element::Expr& e) {
  switch (e.op) {
    case Op::kConstant:
    case Op::kIter:
      return true;
    case Op::kAdd:
    case Op::kSub:
      return IsLinear(e.args[0]) && IsLinear(e.args[1]);
    case Op::kMul:
      return IsLinear(e.args[0]) && IsLinear(e.args[1]) &&
             (IsConstant(e.args[0]) || IsConstant(e.args[1]));
    default:
      return false;
  }
}
void CollectLinearLoads(element::Expr& e, std::vector<const element::Expr*>* loads) {
  if (e.op == Op::kLoad) {
    e.linear = std::all_of(e.args.begin(), e.args.end(), IsLinear);
    if (e.linear) loads->push_back(&e);
  }
  for (element::Expr& arg : e.args) CollectLinearLoads(arg, loads);
}
}  // namespace

element::Expr ElementEvaluator::State::Convert(const ObjectRef& expr,
                                               const std::map<const void*, int>& iters,
                                               const Refs& own_indices,
                                               const ObjectRef& own_buffer) {
  const std::string key(node::TypeKey(expr));
  const auto sub = [&](const ObjectRef& e) { return Convert(e, iters, own_indices, own_buffer); };
  element::Expr out;
  const std::string dtype = node::DtypeText(expr);
  out.integer = dtype.find("float") == std::string::npos;
  out.width = WidthOf(dtype);
  if (key == "ir.IntImm") {
    out.whole = node::Get<int64_t>(expr, "value");
  } else if (key == "ir.FloatImm") {
    out.number = node::Get<double>(expr, "value");
  } else if (key == "ir.Var") {
    const auto iter = iters.find(expr.get());
    if (iter == iters.end()) Unsupported("a variable that is no iterator of its block");
    out.op = Op::kIter;
    out.whole = iter->second;
  } else if (key == "ir.TensorLoad") {
    const ObjectRef source = node::Get<ObjectRef>(expr, "source");
    const Refs indices = node::Get<Refs>(expr, "indices");
    if (source.same_as(own_buffer)) {
      for (size_t d = 0; d < indices.size(); ++d) {
        const bool both_constant =
            node::Is(indices[d], "ir.IntImm") && node::Is(own_indices[d], "ir.IntImm");
        if (!indices[d].same_as(own_indices[d]) && !both_constant) {
          Unsupported("a stage that reads other elements of itself");
        }
      }
      out.op = Op::kSelf;
      return out;
    }
    out.op = Op::kLoad;
    out.buffer = BufferOf(source);
    for (const ObjectRef& index : indices) out.args.push_back(sub(index));
  } else if (key == "prim.Cast") {
    out.op = Op::kCast;
    out.args = {sub(node::Get<ObjectRef>(expr, "value"))};
  } else if (key == "prim.Not") {
    out.op = Op::kNot;
    out.args = {sub(node::Get<ObjectRef>(expr, "a"))};
  } else if (key == "prim.Select") {
    out.op = Op::kSelect;
    for (const char* part : {"condition", "true_value", "false_value"}) {
      out.args.push_back(sub(node::Get<ObjectRef>(expr, part)));
    }
  } else if (const auto binary = BinaryOps().find(key); binary != BinaryOps().end()) {
    out.op = binary->second;
    out.args = {sub(node::Get<ObjectRef>(expr, "a")), sub(node::Get<ObjectRef>(expr, "b"))};
  } else if (key == "ir.Call") {
    const ObjectRef callee = node::Get<ObjectRef>(expr, "op");
    if (!node::Is(callee, "ir.Op")) Unsupported("a call of a function");
    std::string name = node::Get<std::string>(callee, "name");
    name = name.substr(name.rfind('.') + 1);
    const auto call = CallOps().find(name);
    if (call == CallOps().end()) Unsupported("operation " + name);
    out.op = call->second;
    for (const ObjectRef& argument : node::Get<Refs>(expr, "args"))
      out.args.push_back(sub(argument));
    if (out.integer && out.op != Op::kSelect && out.op != Op::kAbs)
      Unsupported("operation " + name);
  } else {
    Unsupported("expression " + key);
  }
  if (!out.integer && (out.op == Op::kMod || out.op == Op::kFloorDiv || out.op == Op::kFloorMod)) {
    Unsupported("a remainder of floats");
  }
  return out;
}

void ElementEvaluator::State::AddStage(const ObjectRef& realize) {
  const ObjectRef block = node::Get<ObjectRef>(realize, "block");
  const ObjectRef body = node::Get<ObjectRef>(block, "body");
  const ObjectRef predicate = node::Get<ObjectRef>(realize, "predicate");
  if (!node::Is(predicate, "ir.IntImm")) Unsupported("a block under a condition");
  if (!node::Is(body, "tirx.BufferStore")) Unsupported("a block that does more than one store");
  stages.push_back(std::make_unique<Stage>());
  Stage& stage = *stages.back();
  std::map<const void*, int> iters;
  std::vector<bool> is_reduction;
  for (const ObjectRef& iter : node::Get<Refs>(block, "iter_vars")) {
    const ObjectRef domain = node::Get<ObjectRef>(iter, "dom");
    if (node::IntValue(node::Get<ObjectRef>(domain, "min")) != 0)
      Unsupported("an iterator not from 0");
    iters[node::Get<ObjectRef>(iter, "var").get()] = static_cast<int>(stage.extents.size());
    is_reduction.push_back(node::Get<int64_t>(iter, "iter_type") == 2);
    if (is_reduction.back()) stage.reductions.push_back(static_cast<int>(stage.extents.size()));
    stage.extents.push_back(node::IntValue(node::Get<ObjectRef>(domain, "extent")));
  }
  // Each iterator must run over its whole domain: one loop of its own.
  std::map<const void*, int> loop_uses;
  for (const ObjectRef& value : node::Get<Refs>(realize, "iter_values")) {
    if (node::Is(value, "ir.IntImm")) continue;
    if (!node::Is(value, "ir.Var") || loop_uses[value.get()]++ > 0)
      Unsupported("a loop nest that is split");
  }
  stage.iters.assign(stage.extents.size(), 0);
  const ObjectRef variable = node::Get<ObjectRef>(body, "buffer");
  const Refs indices = node::Get<Refs>(body, "indices");
  stage.output = BufferOf(variable);
  if (stage.output->stage != nullptr) Unsupported("a tensor written by several blocks");
  stage.output->stage = &stage;
  std::vector<bool> used(stage.extents.size(), false);
  for (size_t d = 0; d < indices.size(); ++d) {
    const auto iter = iters.find(indices[d].get());
    const int64_t extent = stage.output->spec.shape[d];
    if (iter == iters.end()) {
      if (extent != 1 || !node::Is(indices[d], "ir.IntImm"))
        Unsupported("a computed position of a result");
      stage.output_iters.push_back(-1);
      continue;
    }
    if (used[iter->second] || is_reduction[iter->second] || stage.extents[iter->second] != extent) {
      Unsupported("a result whose dimensions are not the block's iterators");
    }
    used[iter->second] = true;
    stage.output_iters.push_back(iter->second);
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i] && !is_reduction[i] && stage.extents[i] != 1)
      Unsupported("elements written more than once");
  }
  stage.value = Convert(node::Get<ObjectRef>(body, "value"), iters, indices, variable);
  const ObjectRef init = node::Get<ObjectRef>(block, "init");
  stage.has_init = init.defined();
  if (stage.has_init) {
    if (!node::Is(init, "tirx.BufferStore"))
      Unsupported("an initialisation that does more than one store");
    stage.init = Convert(node::Get<ObjectRef>(init, "value"), iters, indices, variable);
  }
  if (!stage.reductions.empty()) CollectLinearLoads(stage.value, &stage.loads);
}

ElementEvaluator::~ElementEvaluator() = default;

Result<std::unique_ptr<ElementEvaluator>> ElementEvaluator::Make(
    const Workload& workload, const std::vector<const void*>& inputs) {
  return TryTvm(
      [&]() -> Result<std::unique_ptr<ElementEvaluator>> {
        auto state = std::make_unique<State>();
        state->module = ModuleFromJson(workload.module_json);
        const auto functions =
            node::Get<ffi::Map<ObjectRef, ObjectRef>>(state->module, "functions");
        const ObjectRef function = (*functions.begin()).second;
        for (const ObjectRef& parameter : node::Get<Refs>(function, "params")) {
          Buffer* buffer = state->BufferOf(parameter);
          buffer->data = inputs.at(state->parameters.size());
          state->parameters.push_back(buffer);
        }
        const ObjectRef root =
            node::Get<ObjectRef>(node::Get<ObjectRef>(function, "body"), "block");
        node::VisitBlocks(node::Get<ObjectRef>(root, "body"),
                          [&](const ObjectRef& realize) { state->AddStage(realize); });
        for (const auto& [variable, buffer] : state->buffers) {
          if (buffer.data == nullptr && buffer.stage == nullptr)
            Unsupported("a tensor nobody writes");
        }
        auto evaluator = std::make_unique<ElementEvaluator>();
        evaluator->state_ = std::move(state);
        return evaluator;
      },
      ErrorCode::kUnsupported);
}

double ElementEvaluator::Element(size_t parameter, int64_t flat) {
  return state_->walker.NumberAt(*state_->parameters.at(parameter), flat);
}

void ElementEvaluator::Trim() {
  constexpr size_t kMaxRemembered = 4 << 20;
  size_t remembered = 0;
  for (const auto& [variable, buffer] : state_->buffers) {
    remembered += buffer.floats.size() + buffer.integers.size();
  }
  if (remembered < kMaxRemembered) return;
  for (auto& [variable, buffer] : state_->buffers) {
    buffer.floats.clear();
    buffer.integers.clear();
  }
}

}  // namespace banyan
