#include <algorithm>
#include <cmath>
#include <limits>

#include "tvm/element_tree.h"
#include "tvm/kernel_buffers.h"

namespace banyan::element {
namespace {

int64_t Wrap(int64_t value, Width width) {
  if (width.bits == 0 || width.bits >= 64) return value;
  const int shift = 64 - width.bits;
  const uint64_t up = static_cast<uint64_t>(value) << shift;
  return width.is_signed ? static_cast<int64_t>(up) >> shift : static_cast<int64_t>(up >> shift);
}

int64_t FloorDivide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  const int64_t quotient = a / b;
  return quotient - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}

}  // namespace

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

}  // namespace banyan::element
