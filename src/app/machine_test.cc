#include "app/machine.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"

namespace banyan {
namespace {

class MachineTest : public ::testing::Test {
 protected:
  void Write(const std::string& file, const std::string& text) {
    const std::filesystem::path path = root_.path() + file;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(WriteFileAtomically(path.string(), text).ok());
  }
  const TempDir root_ = TempDir::Make("banyan-machine-test").value();
};

TEST_F(MachineTest, NamesTheSystemAsFarAsItIsKnown) {
  EXPECT_EQ(OperatingSystem(root_.path()), "");
  Write("/etc/os-release", "NAME=\"Oak\"\nPRETTY_NAME=\"Oak Linux 3 (acorn)\"\nID=oak\n");
  EXPECT_EQ(OperatingSystem(root_.path()), "Oak Linux 3 (acorn)");
  Write("/proc/sys/kernel/osrelease", "6.1.0-9\n");
  EXPECT_EQ(OperatingSystem(root_.path()), "Oak Linux 3 (acorn), Linux 6.1.0-9");
}

TEST_F(MachineTest, MemoryIsWhatMayBeUsed) {
  EXPECT_EQ(MemoryBytes(root_.path()), 0);
  Write("/proc/meminfo", "MemTotal:       8192 kB\nMemFree:        17 kB\n");
  EXPECT_EQ(MemoryBytes(root_.path()), 8 << 20);
  Write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(MemoryBytes(root_.path()), 8 << 20);
  Write("/sys/fs/cgroup/memory.max", "4194304\n");
  EXPECT_EQ(MemoryBytes(root_.path()), 4 << 20);
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  EXPECT_EQ(MemoryBytes(root_.path()), 4 << 20);
}

TEST_F(MachineTest, ThisMachineHasSomeOfEach) {
  const Json facts = MachineFacts();
  EXPECT_GE(facts["cpus"].get<int>(), 1);
  EXPECT_GT(facts["memory_bytes"].get<int64_t>(), 1 << 20);
}

}  // namespace
}  // namespace banyan
