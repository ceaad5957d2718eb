#include "tvm/cpu_info.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace banyan {
namespace {

namespace fs = std::filesystem;

class CpuInfoTest : public testing::Test {
 protected:
  CpuInfoTest() {
    std::string pattern = (fs::temp_directory_path() / "cpu_info_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~CpuInfoTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  void Cache(int index, const std::string& level, const std::string& type, const std::string& size,
             const std::string& cpus) {
    const std::string dir =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    Write(dir + "level", level);
    Write(dir + "type", type);
    Write(dir + "size", size);
    Write(dir + "ways_of_associativity", "12");
    Write(dir + "coherency_line_size", "64");
    Write(dir + "shared_cpu_list", cpus);
  }

  std::string root_;
};

TEST_F(CpuInfoTest, ReadsSysfsAndSharesTheLastLevel) {
  Write("/proc/cpuinfo", "processor : 0\nmodel name\t: Some CPU\nflags\t\t: fpu amx_tile avx2");
  Cache(0, "1", "Data", "48K", "0");
  Cache(1, "1", "Instruction", "32K", "0");
  Cache(2, "2", "Unified", "2048K", "0");
  Cache(3, "3", "Unified", "32M", "0-3,8-11");
  const CpuInfo info = ReadCpuInfo(root_, false);
  EXPECT_EQ(info.model, "Some CPU");
  EXPECT_TRUE(info.has_amx);
  EXPECT_EQ(info.l1_bytes, 48 << 10);
  EXPECT_EQ(info.l1_ways, 12);
  EXPECT_EQ(info.l2_bytes, 2 << 20);
  EXPECT_EQ(info.l3_bytes, 4 << 20);
  EXPECT_EQ(info.line_bytes, 64);
}

TEST_F(CpuInfoTest, MissingFilesLeaveUnknowns) {
  const CpuInfo info = ReadCpuInfo(root_, false);
  EXPECT_EQ(info.model, "");
  EXPECT_EQ(info.l1_bytes, 0);
  EXPECT_EQ(info.l3_bytes, 0);
  EXPECT_FALSE(info.has_amx);
}

TEST_F(CpuInfoTest, SysfsWinsOverCpuid) {
  Cache(0, "1", "Data", "7K", "0");
  EXPECT_EQ(ReadCpuInfo(root_, true).l1_bytes, 7 << 10);
}

}  // namespace
}  // namespace banyan
