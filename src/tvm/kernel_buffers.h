#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/workload.h"

namespace banyan {

// Memory of one tensor, 64-byte aligned, between two guard zones whose pattern reads as NaN and
// whose change betrays a stray write. Movable; owns its memory. Not thread-safe.
class GuardedTensor {
 public:
  // `stagger` shifts the start by that many cache lines, so that tensors do not all begin at the
  // same offset of a page (which would make equal indices compete for the same cache sets).
  static Result<GuardedTensor> Make(const TensorSpec& spec, int stagger);

  const TensorSpec& spec() const { return spec_; }
  void* data() { return data_; }
  const void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

  // Floats uniform in [-1, 1), integers in [-8, 8) (unsigned: [0, 8), bool: 0 or 1).
  void FillRandom(uint64_t seed);
  // NaN, or a sentinel for integers.
  void Poison();
  void WriteGuards();
  bool GuardsIntact() const;
  uint64_t ContentHash() const;

 private:
  struct Free {
    void operator()(unsigned char* memory) const;
  };

  TensorSpec spec_;
  std::unique_ptr<unsigned char, Free> memory_;
  unsigned char* data_ = nullptr;
  size_t bytes_ = 0;
  size_t total_ = 0;
};

// How far an output may lie from the reference. Floats: |a - b| <= relative * (|b| + mean |b|),
// with relative = c * epsilon(dtype) * sqrt(reduction_length): rounding errors of a sum of n random
// terms grow as sqrt(n) (Higham, Accuracy and Stability, 2002, section 2.8); c = 16 leaves room for
// the largest of millions of elements, while a lost term is off by about 1/sqrt(n). Integers:
// equal.
double RelativeTolerance(const std::string& dtype, int64_t reduction_length);

struct Comparison {
  double worst =
      0;  // largest difference in units of the tolerance; infinite for a NaN out of place
  int64_t wrong = 0;  // elements beyond the tolerance
  int64_t first_wrong = -1;
  double got = 0;  // at first_wrong
  double expected = 0;
};

// `reference` holds spec.bytes() bytes. Infinities and NaNs must match in kind.
Comparison CompareTensor(const TensorSpec& spec, const void* values, const void* reference,
                         double relative_tolerance);

// An element as a double; exact for all types but 64-bit integers.
double ReadElement(const std::string& dtype, const void* data, int64_t index);

// "[3,17]" of a flat index.
std::string IndexText(const TensorSpec& spec, int64_t flat);

}  // namespace banyan
