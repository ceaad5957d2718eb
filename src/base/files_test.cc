#include "base/files.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banyan {
namespace {

using testing::HasSubstr;

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::Make("banyan-files-test");
    ASSERT_TRUE(folder.ok());
    folder_ = std::move(folder).value();
  }
  std::string Path(const std::string& name) { return folder_.path() + "/" + name; }

  TempDir folder_;
};

TEST_F(FilesTest, WritesAndReads) {
  const std::string text("a\0b\n", 4);
  ASSERT_TRUE(WriteFileAtomically(Path("x"), text).ok());
  EXPECT_EQ(*ReadFile(Path("x")), text);
  ASSERT_TRUE(WriteFileAtomically(Path("x"), "new").ok());
  EXPECT_EQ(*ReadFile(Path("x")), "new");
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    entries += entry.path().filename() != ".lock";
  }
  EXPECT_EQ(entries, 1);
}

TEST_F(FilesTest, SaysWhatIsWrong) {
  EXPECT_EQ(ReadFile(Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(ReadFile(folder_.path()).error().message, HasSubstr("folder"));
  ASSERT_TRUE(WriteFileAtomically(Path("big"), std::string(100, 'x')).ok());
  EXPECT_THAT(ReadFile(Path("big"), 99).error().message, HasSubstr("larger than 99"));
  EXPECT_TRUE(ReadFile(Path("big"), 100).ok());
  EXPECT_FALSE(WriteFileAtomically(Path("no/such/folder"), "x").ok());
  EXPECT_EQ(WriteFileAtomically("/proc/banyan", "x").ok(), false);
}

TEST_F(FilesTest, TempDirIsPrivateAndRemoved) {
  std::string path;
  {
    auto folder = TempDir::Make("banyan-files-test");
    ASSERT_TRUE(folder.ok());
    path = folder->path();
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    ASSERT_TRUE(WriteFileAtomically(path + "/x", "x").ok());
    TempDir moved = std::move(folder).value();
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(FilesTest, LeftOversOfTheKilledAreRemovedButNotTheLiving) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto folder = TempDir::Make("banyan-left-over");
    const std::string path = folder.ok() ? folder->path() : "";
    const ssize_t wrote = write(ends[1], path.data(), path.size());
    _exit(wrote > 0 && raise(SIGKILL) == 0 ? 0 : 1);
  }
  waitpid(child, nullptr, 0);
  char buffer[1000];
  const ssize_t got = read(ends[0], buffer, sizeof(buffer));
  close(ends[0]);
  close(ends[1]);
  ASSERT_GT(got, 0);
  const std::string left_over(buffer, static_cast<size_t>(got));
  EXPECT_TRUE(std::filesystem::exists(left_over));

  const auto living = TempDir::Make("banyan-left-over");
  ASSERT_TRUE(living.ok());
  EXPECT_FALSE(std::filesystem::exists(left_over));
  const auto second = TempDir::Make("banyan-left-over");
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(std::filesystem::exists(living->path()));
}

}  // namespace
}  // namespace banyan
