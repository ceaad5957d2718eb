#pragma once

#include <cstdint>
#include <string>

namespace banyan {

// The machine and core count a program is compiled for. A value. Sizes are of one core's share.
struct Target {
  std::string json;       // TVM target as JSON, host included; the identity together with `cpu`
  std::string cpu;        // LLVM's name of the CPU, e.g. "sapphirerapids"
  std::string cpu_model;  // the operating system's name of it
  int cores = 1;
  int vector_bits = 128;      // widest usable SIMD register
  int vector_registers = 16;  // architectural SIMD registers of that width
  int fma_units = 2;          // vector multiply-adds started in a cycle
  int64_t l1_bytes = 32 << 10;
  int l1_ways = 8;
  int64_t l2_bytes = 1 << 20;
  int64_t l3_bytes = 0;  // 0: unknown or none
  int64_t line_bytes = 64;
  uint64_t fingerprint =
      0;  // hash of json, cpu and caches: measurements hold for equal fingerprints

  int lanes(int element_bits) const { return vector_bits / element_bits; }
};

}  // namespace banyan
