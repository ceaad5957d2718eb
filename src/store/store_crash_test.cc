// What a killed writer, a full disk, a second writer and a damaged file do to a store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/files.h"
#include "base/rng.h"
#include "base/subprocess.h"
#include "store/store.h"
#include "store/testing/sample_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

std::string WriterProgram() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "banyan_store_writer";
}

// Reads lines until `lines` have come or the end; the last number read, -1 for none.
int64_t ReadAcknowledged(int fd, int64_t lines) {
  std::string text;
  int64_t last = -1;
  char c = 0;
  while (lines > 0 && read(fd, &c, 1) == 1) {
    if (c != '\n') {
      text += c;
      continue;
    }
    if (text.rfind("run", 0) != 0) last = std::stoll(text);
    text.clear();
    --lines;
  }
  return last;
}

void ExpectWholePrefix(const std::string& path, int64_t at_least) {
  auto store = Store::Open(path, Store::Mode::kRead);
  ASSERT_TRUE(store.ok()) << store.error().message;
  const auto events = (*store)->LoadEvents("last");
  ASSERT_TRUE(events.ok()) << events.error().message;
  const auto count = static_cast<int64_t>(events->size());
  EXPECT_GE(count, at_least);
  // Rows and events stand or fall together.
  EXPECT_EQ(static_cast<int64_t>((*store)->LoadNodes("last")->size()),
            std::max<int64_t>(0, count - 1));
  const auto trials = (*store)->LoadTrials("last");
  ASSERT_TRUE(trials.ok());
  for (const TrialRecord& trial : *trials) EXPECT_TRUE(trial.finished);
}

TEST(StoreCrashTest, KilledAtAnyMomentKeepsAllThatWasAcknowledged) {
  Rng rng(20);
  for (int round = 0; round < 20; ++round) {
    const TempDir folder = TempDir::Make("banyan-store-test").value();
    const std::string path = folder.path() + "/runs.db";
    auto writer = Subprocess::Spawn(
        {.argv = {WriterProgram(), path, "100000"}, .pipe_stdin = false, .pipe_stderr = false});
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    int64_t acknowledged = ReadAcknowledged(writer->stdout_fd(), rng.Between(2, 300));
    usleep(static_cast<useconds_t>(rng.Below(3000)));
    writer->KillGroup(SIGKILL);
    acknowledged = std::max(acknowledged, ReadAcknowledged(writer->stdout_fd(), 1 << 20));
    writer->Kill();
    ASSERT_GE(acknowledged, 0);
    ExpectWholePrefix(path, acknowledged + 1);
    auto store = Store::Open(path, Store::Mode::kWrite);
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ((*store)->LoadRun("last")->status, RunStatus::kInterrupted);
    // And it goes on.
    ASSERT_TRUE((*store)->ContinueRun("1", SampleRunStart().config).ok());
    auto journal = (*store)->MakeJournal("1");
    ASSERT_TRUE(journal.ok());
    const auto next = static_cast<int64_t>((*store)->LoadEvents("1")->size());
    EXPECT_TRUE(WriteSample(**journal, next).ok());
  }
}

TEST(StoreCrashTest, ARunOfALivingProcessIsNotTakenOver) {
  const TempDir folder = TempDir::Make("banyan-store-test").value();
  const std::string path = folder.path() + "/runs.db";
  auto writer = Subprocess::Spawn(
      {.argv = {WriterProgram(), path, "1000000"}, .pipe_stdin = false, .pipe_stderr = false});
  ASSERT_TRUE(writer.ok());
  ReadAcknowledged(writer->stdout_fd(), 3);
  auto store = Store::Open(path, Store::Mode::kWrite);
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_EQ((*store)->LoadRun("1")->status, RunStatus::kRunning);
  const Status taken = (*store)->ContinueRun("1", SampleRunStart().config);
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(taken.error().message, HasSubstr("being written by another process"));
}

TEST(StoreCrashTest, AFullDiskIsToldInOneLineAndLosesNothing) {
  const TempDir folder = TempDir::Make("banyan-store-test").value();
  const std::string path = folder.path() + "/runs.db";
  for (const int64_t limit_bytes : {4'000, 40'000, 100'000, 400'000}) {
    SCOPED_TRACE(limit_bytes);
    std::filesystem::remove_all(path);
    std::filesystem::remove_all(path + "-wal");
    std::filesystem::remove_all(path + "-shm");
    auto output = RunCommand(
        {.argv = {WriterProgram(), path, "100000"}, .file_size_limit_bytes = limit_bytes});
    ASSERT_TRUE(output.ok()) << output.error().message;
    EXPECT_EQ(output->status.code, 3) << output->err;
    EXPECT_THAT(output->err, HasSubstr("no space left"));
    EXPECT_EQ(output->err.find('\n'), output->err.size() - 1) << output->err;
    const auto lines = std::count(output->out.begin(), output->out.end(), '\n');
    if (lines > 1) ExpectWholePrefix(path, lines - 1);
  }
}

TEST(StoreCrashTest, TwoProcessesWriteTheirRunsToOneStore) {
  const TempDir folder = TempDir::Make("banyan-store-test").value();
  const std::string path = folder.path() + "/runs.db";
  const SpawnOptions options = {.argv = {WriterProgram(), path, "200"},
                                .pipe_stdin = false,
                                .pipe_stdout = false,
                                .pipe_stderr = false};
  std::array<Subprocess, 3> writers;
  for (Subprocess& writer : writers) {
    auto spawned = Subprocess::Spawn(options);
    ASSERT_TRUE(spawned.ok());
    writer = std::move(spawned).value();
  }
  for (Subprocess& writer : writers) {
    const auto status = writer.Wait(120);
    ASSERT_TRUE(status.has_value());
    EXPECT_TRUE(status->ok()) << status->Text();
  }
  auto store = Store::Open(path, Store::Mode::kRead);
  ASSERT_TRUE(store.ok()) << store.error().message;
  const auto runs = (*store)->ListRuns();
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), writers.size());
  for (const RunSummary& run : *runs) {
    EXPECT_EQ(run.status, RunStatus::kFinished);
    EXPECT_EQ((*store)->LoadEvents(run.run_id)->size(), 200u);
  }
}

template <typename T>
void ExpectValueOrError(const Result<T>& result) {
  EXPECT_TRUE(result.ok() || !result.error().message.empty());
}

// Whatever the bytes, each reader gives a value or an error of one line.
void ReadEverything(const std::string& path) {
  for (const auto mode : {Store::Mode::kRead, Store::Mode::kWrite}) {
    auto store = Store::Open(path, mode, {.busy_timeout_ms = 20});
    if (!store.ok()) {
      EXPECT_FALSE(store.error().message.empty());
      continue;
    }
    const Store& s = **store;
    ExpectValueOrError(s.ListRuns());
    ExpectValueOrError(s.LoadRun("last"));
    ExpectValueOrError(s.LoadEvents("last"));
    ExpectValueOrError(s.LoadNodes("last"));
    ExpectValueOrError(s.LoadTrials("last"));
    ExpectValueOrError(s.LoadCalls("last"));
    if (mode == Store::Mode::kWrite) {
      if (auto r = (*store)->BeginRun(SampleRunStart()); r.ok()) {
        auto journal = (*store)->MakeJournal(*r);
        if (journal.ok()) (void)WriteSample(**journal, 0);
      }
    }
  }
}

TEST(StoreFuzzTest, DamagedStoresNeverCrash) {
  const TempDir folder = TempDir::Make("banyan-store-test").value();
  const std::string path = folder.path() + "/runs.db";
  {
    auto store = Store::Open(path, Store::Mode::kWrite);
    ASSERT_TRUE(store.ok());
    auto journal = (*store)->MakeJournal((*store)->BeginRun(SampleRunStart()).value());
    ASSERT_TRUE(journal.ok());
    for (int64_t index = 0; index < 60; ++index) ASSERT_TRUE(WriteSample(**journal, index).ok());
  }
  const std::string good = ReadFile(path).value();
  ASSERT_GT(good.size(), 10'000u);
  Rng rng(4);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    std::string bytes = good;
    switch (round % 4) {
      case 0:
        bytes.resize(rng.Below(bytes.size()));
        break;
      case 1:
        for (uint64_t n = rng.Below(40) + 1; n > 0; --n) {
          bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
        }
        break;
      case 2: {  // a run of noise, where pages point at one another
        const size_t start = rng.Below(bytes.size() - 200);
        for (size_t i = 0; i < 200; ++i) bytes[start + i] = static_cast<char>(rng.Below(256));
        break;
      }
      default: {
        // Digits, quotes and braces of stored text: the pages stay sound, the records do not.
        for (int n = 0; n < 200; ++n) {
          char& c = bytes[rng.Below(bytes.size())];
          if (c >= ' ' && c <= '~') c = "0\"{}[],:-e."[rng.Below(11)];
        }
        break;
      }
    }
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    std::ofstream(path, std::ios::binary) << bytes;
    if (round % 10 == 9) {
      std::string noise;
      for (int n = 0; n < 5000; ++n) noise += static_cast<char>(rng.Below(256));
      std::ofstream(path + "-wal", std::ios::binary) << noise;
    }
    ReadEverything(path);
  }
}

TEST(StoreFuzzTest, RandomFilesNeverCrash) {
  const TempDir folder = TempDir::Make("banyan-store-test").value();
  const std::string path = folder.path() + "/runs.db";
  Rng rng(5);
  for (int round = 0; round < 100; ++round) {
    std::string bytes = round % 2 == 0 ? std::string("SQLite format 3\0", 16) : std::string();
    for (uint64_t n = rng.Below(9000); n > 0; --n) bytes += static_cast<char>(rng.Below(256));
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    std::ofstream(path, std::ios::binary) << bytes;
    ReadEverything(path);
  }
}

}  // namespace
}  // namespace banyan
