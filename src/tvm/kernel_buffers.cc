#include "tvm/kernel_buffers.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/hash.h"
#include "base/rng.h"

namespace banyan {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kGuard = 4096;
constexpr uint32_t kPattern = 0xFFFDA5A5;  // a NaN as float32, float64 and (upper half) bfloat16

struct BFloat16 {
  uint16_t bits;
  operator float() const {  // NOLINT(google-explicit-constructor)
    const uint32_t wide = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }
};

// binary16, decoded by hand: not every compiler and CPU has the type.
struct Float16 {
  uint16_t bits;
  operator float() const {  // NOLINT(google-explicit-constructor)
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    float value;
    if (exponent == 0) {
      value = std::ldexp(static_cast<float>(fraction), -24);
    } else if (exponent == 31) {
      value = fraction == 0 ? std::numeric_limits<float>::infinity()
                            : std::numeric_limits<float>::quiet_NaN();
    } else {
      value = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    }
    return (bits & 0x8000) != 0 ? -value : value;
  }
};

// Calls visit(T{}) for the C++ type of a dtype; false: unknown dtype.
template <typename Visit>
bool Dispatch(const std::string& dtype, Visit visit) {
  if (dtype == "float32") {
    visit(float{});
  } else if (dtype == "float64") {
    visit(double{});
  } else if (dtype == "float16") {
    visit(Float16{});
  } else if (dtype == "bfloat16") {
    visit(BFloat16{});
  } else if (dtype == "int8") {
    visit(int8_t{});
  } else if (dtype == "int16") {
    visit(int16_t{});
  } else if (dtype == "int32") {
    visit(int32_t{});
  } else if (dtype == "int64") {
    visit(int64_t{});
  } else if (dtype == "uint8" || dtype == "bool") {
    visit(uint8_t{});
  } else if (dtype == "uint16") {
    visit(uint16_t{});
  } else if (dtype == "uint32") {
    visit(uint32_t{});
  } else if (dtype == "uint64") {
    visit(uint64_t{});
  } else {
    return false;
  }
  return true;
}

// Uniform in [-1, 1) on a grid that the type holds exactly: rounding could otherwise reach 1.
float Encode(Rng& rng, float) { return static_cast<float>(rng.Next() >> 40) * 0x1p-23f - 1; }
double Encode(Rng& rng, double) { return static_cast<double>(rng.Next() >> 11) * 0x1p-52 - 1; }
BFloat16 Encode(Rng& rng, BFloat16) {
  const float value = static_cast<float>(rng.Next() >> 56) * 0x1p-7f - 1;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return {static_cast<uint16_t>(bits >> 16)};
}
Float16 Encode(Rng& rng, Float16) {
  // steps of 2^-10 from -1: sign, then the 10-bit magnitude normalised
  const int steps = static_cast<int>(rng.Next() >> 53) - 1024;
  const int magnitude = std::abs(steps);
  if (magnitude == 0) return {0};
  int shift = 0;
  while (((magnitude << shift) & 1024) == 0) ++shift;
  const int exponent = 15 - shift;
  const int bits = (steps < 0 ? 0x8000 : 0) | (exponent << 10) | ((magnitude << shift) & 1023);
  return {static_cast<uint16_t>(bits)};
}
template <typename T>
std::enable_if_t<std::is_integral_v<T>, T> Encode(Rng& rng, T) {
  return std::is_signed_v<T> ? static_cast<T>(rng.Between(-8, 7)) : static_cast<T>(rng.Below(8));
}

template <typename T>
void Fill(Rng& rng, void* data, int64_t elements) {
  T* values = static_cast<T*>(data);
  for (int64_t i = 0; i < elements; ++i) values[i] = Encode(rng, T{});
}

template <typename T>
Comparison Compare(const T* values, const T* reference, int64_t elements, double relative) {
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
  double sum = 0;
  for (int64_t i = 0; i < elements; ++i) {
    const double size = std::abs(static_cast<double>(reference[i]));
    if (std::isfinite(size)) sum += size;
  }
  const double mean = sum / static_cast<double>(elements);
  const double floor = std::max(mean * relative, 1e-37);
  Comparison out;
  for (int64_t i = 0; i < elements; ++i) {
    const double got = static_cast<Wide>(values[i]);
    const double expected = static_cast<Wide>(reference[i]);
    double error = std::abs(got - expected) / (relative * std::abs(expected) + floor);
    if (!std::isfinite(expected) || !std::isfinite(got)) {
      const bool same = std::isnan(expected) ? std::isnan(got) : got == expected;
      error = same ? 0 : std::numeric_limits<double>::infinity();
    }
    if (error > out.worst) out.worst = error;
    if (error > 1) {
      if (out.wrong++ == 0) out.first_wrong = i;
    }
  }
  return out;
}

template <typename T>
Comparison CompareExact(const T* values, const T* reference, int64_t elements) {
  Comparison out;
  for (int64_t i = 0; i < elements; ++i) {
    if (values[i] == reference[i]) continue;
    if (out.wrong++ == 0) out.first_wrong = i;
  }
  if (out.wrong > 0) out.worst = std::numeric_limits<double>::infinity();
  return out;
}

}  // namespace

void GuardedTensor::Free::operator()(unsigned char* memory) const { std::free(memory); }

Result<GuardedTensor> GuardedTensor::Make(const TensorSpec& spec, int stagger) {
  GuardedTensor tensor;
  tensor.spec_ = spec;
  tensor.bytes_ = static_cast<size_t>(spec.bytes());
  const size_t before = kGuard + kLine * static_cast<size_t>(stagger % 64);
  tensor.total_ = (before + tensor.bytes_ + kGuard + kLine - 1) / kLine * kLine;
  tensor.memory_.reset(
      static_cast<unsigned char*>(std::aligned_alloc(4096, (tensor.total_ + 4095) / 4096 * 4096)));
  if (tensor.memory_ == nullptr) {
    return EnvironmentError("not enough memory for tensor " + spec.name + " (" +
                            std::to_string(tensor.bytes_ >> 20) + " MiB)");
  }
  tensor.data_ = tensor.memory_.get() + before;
  tensor.WriteGuards();
  return tensor;
}

void GuardedTensor::FillRandom(uint64_t seed) {
  Rng rng(seed);
  const int64_t elements = spec_.elements();
  if (spec_.dtype == "bool") {
    for (int64_t i = 0; i < elements; ++i) data_[i] = static_cast<unsigned char>(rng.Below(2));
    return;
  }
  Dispatch(spec_.dtype, [&](auto type) { Fill<decltype(type)>(rng, data_, elements); });
}

void GuardedTensor::Poison() {
  for (size_t i = 0; i + sizeof kPattern <= bytes_; i += sizeof kPattern) {
    std::memcpy(data_ + i, &kPattern, sizeof kPattern);
  }
  for (size_t i = bytes_ / sizeof kPattern * sizeof kPattern; i < bytes_; ++i) data_[i] = 0xFF;
}

void GuardedTensor::WriteGuards() {
  std::memset(memory_.get(), 0xFF, static_cast<size_t>(data_ - memory_.get()));
  const size_t after = total_ - bytes_ - static_cast<size_t>(data_ - memory_.get());
  std::memset(data_ + bytes_, 0xFF, after);
}

bool GuardedTensor::GuardsIntact() const {
  const auto all_ones = [](const unsigned char* from, const unsigned char* to) {
    return std::all_of(from, to, [](unsigned char byte) { return byte == 0xFF; });
  };
  return all_ones(memory_.get(), data_) && all_ones(data_ + bytes_, memory_.get() + total_);
}

uint64_t GuardedTensor::ContentHash() const {
  return Hash64({reinterpret_cast<const char*>(data_), bytes_});
}

double RelativeTolerance(const std::string& dtype, int64_t reduction_length) {
  const double growth = std::sqrt(static_cast<double>(std::max<int64_t>(reduction_length, 1)));
  if (dtype == "float64") return 16 * 0x1p-52 * growth;
  if (dtype == "float32") return 16 * 0x1p-23 * growth;
  if (dtype == "float16") return std::min(0.5, 4 * 0x1p-10 * growth);
  if (dtype == "bfloat16") return std::min(0.5, 4 * 0x1p-7 * growth);
  return 0;
}

Comparison CompareTensor(const TensorSpec& spec, const void* values, const void* reference,
                         double relative_tolerance) {
  Comparison out;
  const int64_t elements = spec.elements();
  Dispatch(spec.dtype, [&](auto type) {
    using T = decltype(type);
    const T* got = static_cast<const T*>(values);
    const T* expected = static_cast<const T*>(reference);
    if constexpr (std::is_integral_v<T>) {
      out = CompareExact(got, expected, elements);
    } else {
      out = Compare(got, expected, elements, relative_tolerance);
    }
  });
  if (out.first_wrong >= 0) {
    out.got = ReadElement(spec.dtype, values, out.first_wrong);
    out.expected = ReadElement(spec.dtype, reference, out.first_wrong);
  }
  return out;
}

double ReadElement(const std::string& dtype, const void* data, int64_t index) {
  double value = 0;
  Dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_arithmetic_v<T>) {
      value = static_cast<double>(static_cast<const T*>(data)[index]);
    } else {
      value = static_cast<float>(static_cast<const T*>(data)[index]);
    }
  });
  return value;
}

std::string IndexText(const TensorSpec& spec, int64_t flat) {
  std::vector<int64_t> index(spec.shape.size());
  for (size_t d = spec.shape.size(); d-- > 0;) {
    index[d] = flat % spec.shape[d];
    flat /= spec.shape[d];
  }
  std::string text = "[";
  for (size_t d = 0; d < index.size(); ++d) {
    if (d > 0) text += ',';
    text += std::to_string(index[d]);
  }
  return text + "]";
}

}  // namespace banyan
