#include "tvm/cpu_info.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace banyan {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "48K", "2048K", "1M"
int64_t ParseSize(const std::string& text) {
  char* end = nullptr;
  const int64_t value = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || value < 0) return 0;
  switch (*end) {
    case 'K':
      return value << 10;
    case 'M':
      return value << 20;
    case 'G':
      return value << 30;
    default:
      return value;
  }
}

// "0-3,8,10-11" names 7 CPUs.
int64_t CountCpus(const std::string& list) {
  int64_t count = 0;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    const size_t dash = part.find('-');
    const int64_t low = std::atoll(part.c_str());
    count += dash == std::string::npos ? 1 : std::atoll(part.c_str() + dash + 1) - low + 1;
  }
  return count > 0 ? count : 1;
}

void SetCache(CpuInfo& info, int level, bool holds_data, int64_t bytes, int ways, int64_t line,
              int64_t sharers) {
  if (!holds_data || bytes <= 0) return;
  if (line > 0 && info.line_bytes == 0) info.line_bytes = line;
  if (level == 1 && info.l1_bytes == 0) {
    info.l1_bytes = bytes;
    info.l1_ways = ways;
  } else if (level == 2 && info.l2_bytes == 0) {
    info.l2_bytes = bytes;
  } else if (level == 3 && info.l3_bytes == 0) {
    info.l3_bytes = bytes / sharers;
  }
}

void ReadSysfsCaches(const std::string& root, CpuInfo& info) {
  for (int index = 0; index < 8; ++index) {
    const std::string dir =
        root + "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string level = FirstLine(dir + "level");
    if (level.empty()) break;
    SetCache(info, std::atoi(level.c_str()), FirstLine(dir + "type") != "Instruction",
             ParseSize(FirstLine(dir + "size")),
             std::atoi(FirstLine(dir + "ways_of_associativity").c_str()),
             ParseSize(FirstLine(dir + "coherency_line_size")),
             CountCpus(FirstLine(dir + "shared_cpu_list")));
  }
}

#if defined(__x86_64__)
// Intel SDM, CPUID leaf 4: deterministic cache parameters.
void ReadCpuidCaches(CpuInfo& info) {
  for (unsigned index = 0; index < 8; ++index) {
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (!__get_cpuid_count(4, index, &a, &b, &c, &d)) return;
    const unsigned type = a & 31;  // 0 none, 1 data, 2 instruction, 3 unified
    if (type == 0) return;
    const int64_t ways = (b >> 22) + 1;
    const int64_t partitions = ((b >> 12) & 0x3ff) + 1;
    const int64_t line = (b & 0xfff) + 1;
    const int64_t sets = int64_t{c} + 1;
    SetCache(info, static_cast<int>((a >> 5) & 7), type != 2, ways * partitions * line * sets,
             static_cast<int>(ways), line, int64_t{(a >> 14) & 0xfff} + 1);
  }
}
#endif

}  // namespace

CpuInfo ReadCpuInfo(const std::string& root, bool use_cpuid) {
  CpuInfo info;
  std::ifstream cpuinfo(root + "/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.rfind("model name", 0) == 0 && info.model.empty()) info.model = line.substr(colon + 2);
    if (line.rfind("flags", 0) == 0) {
      info.has_amx = line.find(" amx_tile") != std::string::npos;
      break;
    }
  }
  ReadSysfsCaches(root, info);
#if defined(__x86_64__)
  if (use_cpuid) ReadCpuidCaches(info);
#else
  (void)use_cpuid;
#endif
  return info;
}

}  // namespace banyan
