#include "tvm/element_eval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <unordered_map>

#include "tvm/kernel_buffers.h"
#include "tvm/node.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

using ffi::ObjectRef;
using node::Refs;

enum class Op {
  kConstant,
  kIter,
  kLoad,
  kSelf,
  kCast,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kFloorDiv,
  kFloorMod,
  kMin,
  kMax,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kAnd,
  kOr,
  kNot,
  kSelect,
  kExp,
  kLog,
  kSqrt,
  kRsqrt,
  kTanh,
  kErf,
  kSigmoid,
  kPow,
  kAbs,
  kFloor,
  kCeil,
  kRound,
  kSin,
  kCos,
};

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

// How many bits an integer type keeps, and whether it is signed; floats and bool: 0.
struct Width {
  int bits = 0;
  bool is_signed = true;
};

Width WidthOf(const std::string& dtype) {
  if (dtype.rfind("int", 0) == 0) return {std::stoi(dtype.substr(3)), true};
  if (dtype.rfind("uint", 0) == 0) return {std::stoi(dtype.substr(4)), false};
  return {};
}

int64_t Wrap(int64_t value, Width width) {
  if (width.bits == 0 || width.bits >= 64) return value;
  const int shift = 64 - width.bits;
  const uint64_t up = static_cast<uint64_t>(value) << shift;
  return width.is_signed ? static_cast<int64_t>(up) >> shift : static_cast<int64_t>(up >> shift);
}

struct Buffer;

// One node of an expression. `integer`: its value is an integer (or a truth value).
struct Expr {
  Op op = Op::kConstant;
  bool integer = false;
  Width width;
  double number = 0;
  int64_t whole = 0;       // constant, or the iterator's slot
  std::vector<Expr> args;  // of a load: the indices
  Buffer* buffer = nullptr;
  // Of a load whose index is linear in the innermost reduction: set before that loop.
  bool linear = false;
  mutable int64_t base = 0;
  mutable int64_t step = 0;
};

struct Stage;

struct Buffer {
  TensorSpec spec;
  std::vector<int64_t> strides;
  bool integer = false;
  Width width;
  const void* data = nullptr;  // an input
  Stage* stage = nullptr;      // the stage that writes it
  std::unordered_map<int64_t, double> floats;
  std::unordered_map<int64_t, int64_t> integers;
};

struct Stage {
  Buffer* output = nullptr;
  std::vector<int64_t> extents;   // of the iterators
  std::vector<int> output_iters;  // iterator of each output dimension, -1: a dimension of size 1
  std::vector<int> reductions;    // iterators, outermost first
  Expr init;
  bool has_init = false;
  Expr value;
  std::vector<const Expr*> loads;  // the linear ones of `value`
  std::vector<int64_t> iters;      // current values
  int64_t inner = 0;               // value of the innermost reduction, for linear loads
  double self_number = 0;
  int64_t self_whole = 0;
};

[[noreturn]] void Unsupported(const std::string& what) {
  TVM_FFI_THROW(NotImplementedError) << what;
  TVM_FFI_UNREACHABLE();
}

int64_t FloorDivide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

class Walker {
 public:
  double Number(const Stage& stage, const Expr& e);
  int64_t Whole(const Stage& stage, const Expr& e);
  double NumberAt(Buffer& buffer, int64_t flat);
  int64_t WholeAt(Buffer& buffer, int64_t flat);

 private:
  int64_t FlatIndex(const Stage& stage, const Expr& load);
  void Compute(Buffer& buffer, int64_t flat);
  void Reduce(Stage& stage, size_t depth);
  void Accumulate(Stage& stage);
};

int64_t Walker::FlatIndex(const Stage& stage, const Expr& load) {
  if (load.linear) return load.base + load.step * stage.inner;
  int64_t flat = 0;
  for (size_t d = 0; d < load.args.size(); ++d) {
    flat += Whole(stage, load.args[d]) * load.buffer->strides[d];
  }
  return flat;
}

double Walker::NumberAt(Buffer& buffer, int64_t flat) {
  if (buffer.integer) return static_cast<double>(WholeAt(buffer, flat));
  if (buffer.data != nullptr) {
    if (buffer.spec.dtype == "float32") return static_cast<const float*>(buffer.data)[flat];
    return ReadElement(buffer.spec.dtype, buffer.data, flat);
  }
  const auto found = buffer.floats.find(flat);
  if (found != buffer.floats.end()) return found->second;
  Compute(buffer, flat);
  return buffer.floats[flat] = buffer.stage->self_number;
}

int64_t Walker::WholeAt(Buffer& buffer, int64_t flat) {
  if (buffer.data != nullptr) {
    if (buffer.spec.dtype == "int64") return static_cast<const int64_t*>(buffer.data)[flat];
    return static_cast<int64_t>(ReadElement(buffer.spec.dtype, buffer.data, flat));
  }
  const auto found = buffer.integers.find(flat);
  if (found != buffer.integers.end()) return found->second;
  Compute(buffer, flat);
  return buffer.integers[flat] = buffer.stage->self_whole;
}

void Walker::Compute(Buffer& buffer, int64_t flat) {
  Stage& stage = *buffer.stage;
  for (size_t d = 0; d < buffer.strides.size(); ++d) {
    const int64_t index = flat / buffer.strides[d];
    flat %= buffer.strides[d];
    if (stage.output_iters[d] >= 0) stage.iters[stage.output_iters[d]] = index;
  }
  stage.self_number = 0;
  stage.self_whole = 0;
  if (stage.has_init) {
    if (buffer.integer) {
      stage.self_whole = Whole(stage, stage.init);
    } else {
      stage.self_number = Number(stage, stage.init);
    }
  }
  Reduce(stage, 0);
}

void Walker::Reduce(Stage& stage, size_t depth) {
  if (stage.reductions.empty()) {
    Accumulate(stage);
    return;
  }
  const int iter = stage.reductions[depth];
  if (depth + 1 < stage.reductions.size()) {
    for (int64_t i = 0; i < stage.extents[iter]; ++i) {
      stage.iters[iter] = i;
      Reduce(stage, depth + 1);
    }
    return;
  }
  // Innermost: linear loads advance by a step instead of evaluating their indices.
  for (const Expr* load : stage.loads) {
    const auto index_at = [&](int64_t i) {
      stage.iters[iter] = i;
      int64_t flat = 0;
      for (size_t d = 0; d < load->args.size(); ++d) {
        flat += Whole(stage, load->args[d]) * load->buffer->strides[d];
      }
      return flat;
    };
    load->base = index_at(0);
    load->step = index_at(1) - load->base;
  }
  for (int64_t i = 0; i < stage.extents[iter]; ++i) {
    stage.iters[iter] = i;
    stage.inner = i;
    Accumulate(stage);
  }
}

void Walker::Accumulate(Stage& stage) {
  if (stage.output->integer) {
    stage.self_whole = Wrap(Whole(stage, stage.value), stage.output->width);
  } else {
    stage.self_number = Number(stage, stage.value);
  }
}

double Walker::Number(const Stage& stage, const Expr& e) {
  if (e.integer) return static_cast<double>(Whole(stage, e));
  const auto arg = [&](size_t i) { return Number(stage, e.args[i]); };
  switch (e.op) {
    case Op::kConstant:
      return e.number;
    case Op::kLoad:
      return NumberAt(*e.buffer, FlatIndex(stage, e));
    case Op::kSelf:
      return stage.self_number;
    case Op::kCast:
      return arg(0);
    case Op::kAdd:
      return arg(0) + arg(1);
    case Op::kSub:
      return arg(0) - arg(1);
    case Op::kMul:
      return arg(0) * arg(1);
    case Op::kDiv:
      return arg(0) / arg(1);
    case Op::kMin:
      return std::fmin(arg(0), arg(1));
    case Op::kMax:
      return std::fmax(arg(0), arg(1));
    case Op::kSelect:
      return Whole(stage, e.args[0]) != 0 ? arg(1) : arg(2);
    case Op::kExp:
      return std::exp(arg(0));
    case Op::kLog:
      return std::log(arg(0));
    case Op::kSqrt:
      return std::sqrt(arg(0));
    case Op::kRsqrt:
      return 1 / std::sqrt(arg(0));
    case Op::kTanh:
      return std::tanh(arg(0));
    case Op::kErf:
      return std::erf(arg(0));
    case Op::kSigmoid:
      return 1 / (1 + std::exp(-arg(0)));
    case Op::kPow:
      return std::pow(arg(0), arg(1));
    case Op::kAbs:
      return std::fabs(arg(0));
    case Op::kFloor:
      return std::floor(arg(0));
    case Op::kCeil:
      return std::ceil(arg(0));
    case Op::kRound:
      return std::nearbyint(arg(0));
    case Op::kSin:
      return std::sin(arg(0));
    case Op::kCos:
      return std::cos(arg(0));
    default:
      return std::numeric_limits<double>::quiet_NaN();  // refused when the tree was made
  }
}

int64_t Walker::Whole(const Stage& stage, const Expr& e) {
  const auto arg = [&](size_t i) { return Whole(stage, e.args[i]); };
  // Wraps without undefined behaviour.
  const auto wrapped = [](uint64_t value) { return static_cast<int64_t>(value); };
  const auto unsigned_arg = [&](size_t i) { return static_cast<uint64_t>(arg(i)); };
  const auto compare = [&](auto relation) -> int64_t {
    if (e.args[0].integer && e.args[1].integer) return relation(arg(0), arg(1));
    return relation(Number(stage, e.args[0]), Number(stage, e.args[1]));
  };
  switch (e.op) {
    case Op::kConstant:
      return e.whole;
    case Op::kIter:
      return stage.iters[e.whole];
    case Op::kLoad:
      return WholeAt(*e.buffer, FlatIndex(stage, e));
    case Op::kSelf:
      return stage.self_whole;
    case Op::kCast:
      return e.args[0].integer ? Wrap(arg(0), e.width)
                               : Wrap(static_cast<int64_t>(Number(stage, e.args[0])), e.width);
    case Op::kAdd:
      return Wrap(wrapped(unsigned_arg(0) + unsigned_arg(1)), e.width);
    case Op::kSub:
      return Wrap(wrapped(unsigned_arg(0) - unsigned_arg(1)), e.width);
    case Op::kMul:
      return Wrap(wrapped(unsigned_arg(0) * unsigned_arg(1)), e.width);
    case Op::kDiv: {
      const int64_t divisor = arg(1);
      return divisor == 0 ? 0 : arg(0) / divisor;
    }
    case Op::kMod: {
      const int64_t divisor = arg(1);
      return divisor == 0 ? 0 : arg(0) % divisor;
    }
    case Op::kFloorDiv:
      return FloorDivide(arg(0), arg(1));
    case Op::kFloorMod: {
      const int64_t a = arg(0);
      const int64_t b = arg(1);
      return a - FloorDivide(a, b) * b;
    }
    case Op::kMin:
      return std::min(arg(0), arg(1));
    case Op::kMax:
      return std::max(arg(0), arg(1));
    case Op::kAbs:
      return std::abs(arg(0));
    case Op::kEq:
      return compare([](auto a, auto b) { return a == b; });
    case Op::kNe:
      return compare([](auto a, auto b) { return a != b; });
    case Op::kLt:
      return compare([](auto a, auto b) { return a < b; });
    case Op::kLe:
      return compare([](auto a, auto b) { return a <= b; });
    case Op::kGt:
      return compare([](auto a, auto b) { return a > b; });
    case Op::kGe:
      return compare([](auto a, auto b) { return a >= b; });
    case Op::kAnd:
      return arg(0) != 0 && arg(1) != 0;
    case Op::kOr:
      return arg(0) != 0 || arg(1) != 0;
    case Op::kNot:
      return arg(0) == 0;
    case Op::kSelect:
      return arg(0) != 0 ? arg(1) : arg(2);
    default:
      return 0;  // refused when the tree was made
  }
}

}  // namespace

struct ElementEvaluator::State {
  std::map<const void*, Buffer> buffers;  // by TVM's variable
  std::vector<std::unique_ptr<Stage>> stages;
  std::vector<Buffer*> parameters;
  ObjectRef module;  // keeps the variables alive
  Walker walker;

  Buffer* BufferOf(const ObjectRef& variable);
  void AddStage(const ObjectRef& realize);
  Expr Convert(const ObjectRef& expr, const std::map<const void*, int>& iters,
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
bool IsConstant(const Expr& e) {
  return e.op == Op::kConstant || (e.op == Op::kCast && IsConstant(e.args[0]));
}
bool IsLinear(const Expr& e) {
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
void CollectLinearLoads(Expr& e, std::vector<const Expr*>* loads) {
  if (e.op == Op::kLoad) {
    e.linear = std::all_of(e.args.begin(), e.args.end(), IsLinear);
    if (e.linear) loads->push_back(&e);
  }
  for (Expr& arg : e.args) CollectLinearLoads(arg, loads);
}
}  // namespace

Expr ElementEvaluator::State::Convert(const ObjectRef& expr,
                                      const std::map<const void*, int>& iters,
                                      const Refs& own_indices, const ObjectRef& own_buffer) {
  const std::string key(node::TypeKey(expr));
  const auto sub = [&](const ObjectRef& e) { return Convert(e, iters, own_indices, own_buffer); };
  Expr out;
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
