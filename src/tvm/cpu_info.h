#pragma once

#include <cstdint>
#include <string>

namespace banyan {

// What the operating system tells of the processor the program runs on. 0 or empty: not known.
struct CpuInfo {
  std::string model;     // "Intel(R) Xeon(R) Processor"
  int64_t l1_bytes = 0;  // data or unified, of one core
  int l1_ways = 0;
  int64_t l2_bytes = 0;
  int64_t l3_bytes = 0;  // divided by the logical CPUs that share it
  int64_t line_bytes = 0;
  bool has_amx = false;
};

// From /proc/cpuinfo and sysfs under `root` ("" for the real ones); what sysfs lacks on x86 comes
// from the CPUID instruction (leaf 4), if `use_cpuid`.
CpuInfo ReadCpuInfo(const std::string& root = {}, bool use_cpuid = true);

}  // namespace banyan
