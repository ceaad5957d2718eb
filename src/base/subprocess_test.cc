#include "base/subprocess.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/files.h"

namespace banyan {
namespace {

using testing::HasSubstr;

SpawnOptions Shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

// A killed grandchild stays a zombie until init reaps it, without memory.
bool Alive(pid_t pid) { return ResidentBytes(pid) > 0; }

// Waits for a condition that other processes bring about; false after 20 s.
template <typename F>
bool Eventually(F condition) {
  const Stopwatch watch;
  while (watch.ElapsedS() < 20) {
    if (condition()) return true;
    SystemClock::Get()->SleepS(2e-3);
  }
  return false;
}

TEST(RunCommandTest, GivesOutputAndStatus) {
  const auto output = RunCommand(Shell("cat; echo bad >&2; exit 3"), "hello\n");
  ASSERT_TRUE(output.ok()) << output.error().message;
  EXPECT_EQ(output->out, "hello\n");
  EXPECT_EQ(output->err, "bad\n");
  EXPECT_EQ(output->status.code, 3);
  EXPECT_EQ(output->status.Text(), "exited with status 3");
}

TEST(RunCommandTest, LargeInputAndOutputDoNotDeadlock) {
  const std::string input(1 << 20, 'x');
  const auto output = RunCommand({.argv = {"cat"}}, input);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, input);
}

TEST(RunCommandTest, AClosedStdinIsNoSignal) {
  const std::string input(1 << 20, 'x');
  const auto output = RunCommand(Shell("exec 0<&-; echo done"), input);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "done\n");
}

TEST(RunCommandTest, EnvironmentFolderAndStandardInput) {
  SpawnOptions options = Shell("echo $BANYAN_TEST_WORD; pwd; cat; ulimit -c; ulimit -f");
  options.env = {{"BANYAN_TEST_WORD", "fig"}};
  options.cwd = "/";
  options.file_size_limit_bytes = 1024 * 512;
  const auto output = RunCommand(options);
  ASSERT_TRUE(output.ok());
  EXPECT_THAT(output->out, testing::StartsWith("fig\n/\n0\n"));
  EXPECT_THAT(output->out, testing::Not(HasSubstr("unlimited")));
}

TEST(RunCommandTest, MergedStreams) {
  SpawnOptions options = Shell("echo a; echo b >&2; echo c");
  options.merge_stderr = true;
  const auto output = RunCommand(options);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "a\nb\nc\n");
}

TEST(RunCommandTest, SaysWhyACommandCannotStart) {
  const auto missing = RunCommand({.argv = {"/no/such/program"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("/no/such/program"));
  EXPECT_THAT(missing.error().message, HasSubstr("No such file"));
  SpawnOptions options = Shell("true");
  options.cwd = "/no/such/folder";
  EXPECT_FALSE(RunCommand(options).ok());
  EXPECT_FALSE(RunCommand({.argv = {}}).ok());
}

TEST(RunCommandTest, EndsWhatTakesTooLong) {
  const auto output = RunCommand(Shell("sleep 1000 & sleep 1000"), {}, {.timeout_s = 0.1});
  ASSERT_FALSE(output.ok());
  EXPECT_THAT(output.error().message, HasSubstr("took longer than"));
}

TEST(RunCommandTest, EndsWhatIsCancelled) {
  const TempDir folder = TempDir::Make("banyan-cancel-test").value();
  const std::string file = folder.path() + "/pid";
  // Once with open pipes, once with closed ones: the command is waited for in another way then.
  for (const std::string streams : {"", ">/dev/null 2>/dev/null"}) {
    std::atomic<bool> cancel = false;
    std::thread canceller([&] {
      EXPECT_TRUE(Eventually([&] { return ReadFile(file).ok() && !ReadFile(file)->empty(); }));
      cancel = true;
    });
    const auto output =
        RunCommand(Shell("exec " + streams + "; sleep 1000 & echo $! > " + file + "; wait"), {},
                   {.timeout_s = 1000, .cancel = &cancel});
    canceller.join();
    ASSERT_FALSE(output.ok());
    EXPECT_EQ(output.error().code, ErrorCode::kCancelled);
    const pid_t grandchild = std::stoi(*ReadFile(file));
    EXPECT_TRUE(Eventually([&] { return !Alive(grandchild); }));
    std::filesystem::remove(file);
  }
}

TEST(RunCommandTest, EndsWhatWritesTooMuch) {
  const auto output = RunCommand(Shell("yes"), {}, {.output_limit_bytes = 100000});
  ASSERT_FALSE(output.ok());
  EXPECT_THAT(output.error().message, HasSubstr("wrote more than 100000 bytes"));
}

TEST(RunCommandTest, AGrandchildThatHoldsThePipesDoesNotHoldTheCaller) {
  const auto output = RunCommand(Shell("sleep 1000 & echo $!"), {}, {.timeout_s = 100});
  ASSERT_TRUE(output.ok());
  const pid_t grandchild = std::stoi(output->out);
  EXPECT_TRUE(Eventually([&] { return !Alive(grandchild); }));
}

TEST(SubprocessTest, ASignalIsNamed) {
  auto process = Subprocess::Spawn(Shell("kill -SEGV $$"));
  ASSERT_TRUE(process.ok());
  const auto status = process->Wait(20);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, SIGSEGV);
  EXPECT_THAT(status->Text(), HasSubstr("SIGSEGV"));
  EXPECT_FALSE(status->ok());
  EXPECT_EQ(process->Wait(0)->signal, SIGSEGV);  // remembered
}

TEST(SubprocessTest, WaitTimesOut) {
  auto process = Subprocess::Spawn({.argv = {"sleep", "1000"}});
  ASSERT_TRUE(process.ok());
  EXPECT_FALSE(process->Wait(0.01));
  EXPECT_EQ(process->Kill().signal, SIGKILL);
}

TEST(SubprocessTest, TheDestructorKillsTheGroup) {
  pid_t child = 0;
  pid_t grandchild = 0;
  {
    auto process = Subprocess::Spawn(Shell("sleep 1000 & echo $!; wait"));
    ASSERT_TRUE(process.ok());
    child = process->pid();
    EXPECT_EQ(getpgid(child), child);
    char text[32] = {};
    ASSERT_GT(read(process->stdout_fd(), text, sizeof(text) - 1), 0);
    grandchild = std::stoi(text);
    Subprocess moved = std::move(process).value();
    EXPECT_TRUE(Alive(child));
  }
  EXPECT_FALSE(Alive(child));
  EXPECT_TRUE(Eventually([&] { return !Alive(grandchild); }));
}

TEST(SubprocessTest, ResidentMemoryOfAGroup) {
  auto process = Subprocess::Spawn(Shell("sleep 1000 & echo up; wait"));
  ASSERT_TRUE(process.ok());
  char text[8] = {};
  ASSERT_GT(read(process->stdout_fd(), text, sizeof(text)), 0);
  const int64_t leader = ResidentBytes(process->pid());
  EXPECT_GT(leader, 0);
  EXPECT_TRUE(Eventually([&] { return GroupResidentBytes(process->pid()) > leader; }));
  const pid_t pid = process->pid();
  process->Kill();
  EXPECT_EQ(ResidentBytes(pid), 0);
  EXPECT_GT(ResidentBytes(getpid()), 1 << 20);
}

// A parent that dies by SIGKILL takes its child along.
TEST(SubprocessTest, DiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto process = Subprocess::Spawn({.argv = {"sleep", "1000"}});
    const pid_t pid = process.ok() ? process->pid() : -1;
    const ssize_t wrote = write(ends[1], &pid, sizeof(pid));
    _exit(wrote > 0 && raise(SIGKILL) == 0 ? 0 : 1);
  }
  pid_t child = -1;
  ASSERT_EQ(read(ends[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  close(ends[0]);
  close(ends[1]);
  ASSERT_GT(child, 0);
  EXPECT_TRUE(Eventually([&] { return ResidentBytes(child) == 0; }));
}

}  // namespace
}  // namespace banyan
