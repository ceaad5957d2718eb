#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace banyan {

// Child seed = hash(run seed, stream name, index): streams are independent of one another and of
// the order in which they are drawn.
uint64_t ChildSeed(uint64_t run_seed, std::string_view stream, uint64_t index = 0);

// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. Own distributions, because the
// standard library's differ between implementations and a run must replay anywhere.
// Not thread-safe; copyable (a copy continues from the same state).
class Rng {
 public:
  explicit Rng(uint64_t seed);
  Rng(uint64_t run_seed, std::string_view stream, uint64_t index = 0)
      : Rng(ChildSeed(run_seed, stream, index)) {}

  uint64_t Next();
  // Uniform in [0, bound); bound > 0. Unbiased (Lemire's rejection).
  uint64_t Below(uint64_t bound);
  // Uniform in [low, high], both included.
  int64_t Between(int64_t low, int64_t high);
  // Uniform in [0, 1), 53 bits.
  double Uniform();
  // Standard normal (Marsaglia polar method).
  double Normal();
  // Gamma(shape, 1), shape > 0 (Marsaglia and Tsang, 2000).
  double Gamma(double shape);
  bool Chance(double probability) { return Uniform() < probability; }

  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[Below(items.size())];
  }
  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  uint64_t state_[4];
};

}  // namespace banyan
