// The pool with real processes (banyan_fake_worker) that misbehave on command.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/files.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "measure/measurer.h"

namespace banyan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// No test should ever wait this long; a test that does has failed.
constexpr double kForeverS = 120;

std::vector<std::string> FakeWorker() {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return {(here / "banyan_fake_worker").string()};
}

struct LogLine {
  pid_t pid = 0;
  std::string what;
  std::string call;
  uint64_t handle = 0;
};

class WorkerPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TempDir::Make("banyan-test");
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    folder_ = std::move(folder).value();
    log_path_ = folder_.path() + "/log";
    setenv("BANYAN_FAKE_LOG", log_path_.c_str(), 1);
    setenv("TMPDIR", folder_.path().c_str(), 1);
    options_.workers = 2;
    options_.build_timeout_s = kForeverS;
    options_.run_timeout_s = kForeverS;
    workload_.id = "toy";
  }
  void TearDown() override {
    pool_.reset();
    unsetenv("BANYAN_FAKE_LOG");
    unsetenv("TMPDIR");
  }

  Result<ReferenceOutcome> Prepare() {
    pool_ = MakeWorkerPool(FakeWorker(), options_);
    return pool_->Prepare(workload_, Target(), 7);
  }
  void Start() {
    auto reference = Prepare();
    ASSERT_TRUE(reference.ok()) << reference.error().message;
    EXPECT_EQ(reference->default_latency_ms, 50);
  }
  TrialRequest Request(uint64_t id, const std::string& module, uint64_t hash = 0) {
    TrialRequest request;
    request.trial_id = id;
    request.program_hash = hash == 0 ? 1000 + id : hash;
    request.module_json = module;
    return request;
  }
  void Submit(uint64_t id, const std::string& module, uint64_t hash = 0) {
    pool_->Submit(Request(id, module, hash));
  }
  // Every outcome of what is in flight, by trial.
  std::map<uint64_t, TrialOutcome> Drain() {
    std::map<uint64_t, TrialOutcome> outcomes;
    while (pool_->InFlight() > 0) {
      auto outcome = pool_->Wait(kForeverS);
      if (!outcome) {
        ADD_FAILURE() << "the pool is stuck";
        break;
      }
      EXPECT_TRUE(outcomes.emplace(outcome->trial_id, *outcome).second) << "reported twice";
    }
    return outcomes;
  }
  // Between two healthy trials, so that what the failure leaves behind would show.
  TrialOutcome OneBadTrial(const std::string& module) {
    Submit(1, R"({"latency_ms": 1})");
    Submit(2, module);
    Submit(3, R"({"latency_ms": 3})");
    Submit(4, R"({"latency_ms": 4})");
    auto outcomes = Drain();
    EXPECT_EQ(outcomes.size(), 4u);
    for (const uint64_t good : {1, 3, 4}) {
      EXPECT_TRUE(outcomes[good].ok()) << outcomes[good].failure_text;
    }
    EXPECT_FALSE(outcomes[2].ok());
    EXPECT_TRUE(outcomes[2].samples_ms.empty());
    return outcomes[2];
  }
  // Beside six that build at once.
  TrialOutcome OneRunawayBuild() {
    Submit(1, R"({"build": "hang"})");
    for (uint64_t id = 2; id <= 7; ++id) Submit(id, R"({"latency_ms": 1})");
    auto outcomes = Drain();
    for (uint64_t id = 2; id <= 7; ++id) {
      EXPECT_TRUE(outcomes[id].ok()) << outcomes[id].failure_text;
    }
    EXPECT_EQ(outcomes[1].failure, FailureKind::kBuildTimeout);
    return outcomes[1];
  }
  std::vector<LogLine> Log() {
    std::vector<LogLine> lines;
    auto text = ReadFile(log_path_);
    if (!text.ok()) return lines;
    std::istringstream in(*text);
    LogLine line;
    while (in >> line.pid >> line.what >> line.call >> line.handle) lines.push_back(line);
    return lines;
  }

  TempDir folder_;
  std::string log_path_;
  MeasureOptions options_;
  Workload workload_;
  std::unique_ptr<Measurer> pool_;
};

TEST_F(WorkerPoolTest, MeasuresTrials) {
  Start();
  EXPECT_EQ(pool_->InFlight(), 0);
  for (uint64_t id = 1; id <= 20; ++id) {
    Submit(id, "{\"latency_ms\": " + std::to_string(id) + "}");
  }
  EXPECT_EQ(pool_->InFlight(), 20);
  const auto outcomes = Drain();
  ASSERT_EQ(outcomes.size(), 20u);
  for (const auto& [id, outcome] : outcomes) {
    EXPECT_TRUE(outcome.ok()) << outcome.failure_text;
    EXPECT_THAT(outcome.samples_ms, ElementsAre(id, id, id));
    EXPECT_EQ(outcome.max_relative_error, 0.5);
    EXPECT_GT(outcome.build_s, 0);
    EXPECT_GT(outcome.run_s, 0);
  }
  EXPECT_GT(pool_->build_s(), 0);
  EXPECT_GT(pool_->run_s(), 0);
  EXPECT_FALSE(pool_->Wait(0));
}

TEST_F(WorkerPoolTest, OnlyOneWorkerRunsAndOthersBuildMeanwhile) {
  options_.workers = 3;
  Start();
  for (uint64_t id = 1; id <= 12; ++id) Submit(id, R"({"build_ms": 5, "run_ms": 10})");
  Drain();
  int running = 0;
  int building = 0;
  int overlaps = 0;
  std::set<pid_t> runners;
  for (const LogLine& line : Log()) {
    const int change = line.what == "begin" ? 1 : -1;
    if (line.call == "run" || line.call == "drift" || line.call == "make_reference") {
      running += change;
    }
    if (line.call == "build") building += change;
    if (line.call == "run") runners.insert(line.pid);
    EXPECT_LE(running, 1);
    overlaps += running == 1 && building > 0;
  }
  if (ProcessCpus().size() > 1) {
    EXPECT_GT(overlaps, 0);
    EXPECT_GT(runners.size(), 1u);
  }
}

TEST_F(WorkerPoolTest, OneWorkerIsEnough) {
  options_.workers = 1;
  Start();
  EXPECT_EQ(pool_->Capacity(), 2);
  for (uint64_t id = 1; id <= 3; ++id) Submit(id, "{}");
  EXPECT_EQ(Drain().size(), 3u);
}

TEST_F(WorkerPoolTest, EveryKernelIsDroppedAfterItsRun) {
  Start();
  for (uint64_t id = 1; id <= 5; ++id) Submit(id, "{}");
  Drain();
  int dropped = 0;
  for (const LogLine& line : Log()) dropped += line.call == "drop" && line.what == "begin";
  EXPECT_EQ(dropped, 5);
}

TEST_F(WorkerPoolTest, BuildErrorIsTheBuildersAndKeepsTheWorker) {
  Start();
  const auto outcome = OneBadTrial(R"({"build": "error"})");
  EXPECT_EQ(outcome.failure, FailureKind::kBuildError);
  EXPECT_EQ(outcome.failure_text, "refused as scripted");
  std::set<pid_t> workers;
  for (const LogLine& line : Log()) workers.insert(line.pid);
  EXPECT_LE(workers.size(), 2u);
}

TEST_F(WorkerPoolTest, RunErrorAndException) {
  Start();
  EXPECT_EQ(OneBadTrial(R"({"run": "error"})").failure, FailureKind::kRunError);
  const auto outcome = OneBadTrial(R"({"run": "throw"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunError);
  EXPECT_THAT(outcome.failure_text, HasSubstr("thrown as scripted"));
}

TEST_F(WorkerPoolTest, CrashesCostOneTrialAndAreNamed) {
  Start();
  auto outcome = OneBadTrial(R"({"build": "crash"})");
  EXPECT_EQ(outcome.failure, FailureKind::kBuildCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("SIGSEGV"));
  EXPECT_THAT(outcome.failure_text, HasSubstr("last words"));
  outcome = OneBadTrial(R"({"run": "crash"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("SIGSEGV"));
  outcome = OneBadTrial(R"({"run": "abort"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("SIGABRT"));
  outcome = OneBadTrial(R"({"run": "exit"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("exited with status 0"));
}

TEST_F(WorkerPoolTest, HangsEndAtTheirLimit) {
  options_.build_timeout_s = 0.3;
  options_.run_timeout_s = 0.3;
  Start();
  auto outcome = OneBadTrial(R"({"build": "hang"})");
  EXPECT_EQ(outcome.failure, FailureKind::kBuildTimeout);
  EXPECT_THAT(outcome.failure_text, HasSubstr("longer than 0.3 s"));
  outcome = OneBadTrial(R"({"run": "hang"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunTimeout);
}

TEST_F(WorkerPoolTest, ARunawayBuildEndsOnceOthersAreKnown) {
  options_.build_race_grace_s = 0.5;
  Start();
  const TrialOutcome outcome = OneRunawayBuild();
  EXPECT_THAT(outcome.failure_text, HasSubstr("builds of this run take"));
}

TEST_F(WorkerPoolTest, WithoutRacingABuildHasItsWholeTime) {
  options_.build_race_factor = 0;
  options_.build_race_grace_s = 0;
  options_.build_timeout_s = 1;
  Start();
  const TrialOutcome outcome = OneRunawayBuild();
  EXPECT_GE(outcome.build_s, 1);
  EXPECT_THAT(outcome.failure_text, HasSubstr("longer than 1 s"));
}

TEST_F(WorkerPoolTest, MemoryIsLimited) {
  options_.memory_limit_bytes = 128 << 20;
  Start();
  auto outcome = OneBadTrial(R"({"build": "oom"})");
  EXPECT_EQ(outcome.failure, FailureKind::kOutOfMemory);
  EXPECT_THAT(outcome.failure_text, HasSubstr("the limit is 128 MiB"));
  EXPECT_EQ(OneBadTrial(R"({"run": "oom"})").failure, FailureKind::kOutOfMemory);
}

TEST_F(WorkerPoolTest, LeakingWorkersAreReplacedAtNoCost) {
  options_.workers = 1;
  options_.memory_limit_bytes = 160 << 20;
  Start();
  for (uint64_t id = 1; id <= 6; ++id) Submit(id, R"({"run": "leak"})");
  for (const auto& [id, outcome] : Drain()) EXPECT_TRUE(outcome.ok()) << outcome.failure_text;
  std::set<pid_t> workers;
  for (const LogLine& line : Log()) workers.insert(line.pid);
  EXPECT_GT(workers.size(), 1u);
}

TEST_F(WorkerPoolTest, OutputIsLimitedButAllowed) {
  options_.output_limit_bytes = 100000;
  Start();
  auto outcome = OneBadTrial(R"({"run": "noise"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("wrote more than 100000 bytes"));
  Submit(9, R"({"run": "say"})");
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
}

TEST_F(WorkerPoolTest, GarbageOnTheProtocolIsOneFailure) {
  Start();
  const auto outcome = OneBadTrial(R"({"run": "garbage"})");
  EXPECT_EQ(outcome.failure, FailureKind::kRunCrash);
  EXPECT_THAT(outcome.failure_text, HasSubstr("protocol"));
}

TEST_F(WorkerPoolTest, ProcessesThatAKernelLeavesBehindDieWithTheWorker) {
  Start();
  Submit(1, R"({"run": "fork"})");
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
  Submit(2, R"({"run": "crash"})");
  Submit(3, R"({"run": "crash"})");
  EXPECT_EQ(Drain().size(), 2u);
  std::set<pid_t> groups;
  for (const LogLine& line : Log()) groups.insert(line.pid);
  pool_.reset();
  const Stopwatch watch;
  for (const pid_t group : groups) {
    while (GroupResidentBytes(group) > 0 && watch.ElapsedS() < kForeverS) {
      SystemClock::Get()->SleepS(1e-3);
    }
    EXPECT_EQ(GroupResidentBytes(group), 0);
  }
}

TEST_F(WorkerPoolTest, AWrongResultIsQuarantined) {
  options_.workers = 1;
  Start();
  Submit(1, R"({"run": "wrong"})", 42);
  Submit(2, R"({"run": "wrong"})", 42);
  Submit(3, R"({})", 43);
  auto outcomes = Drain();
  EXPECT_EQ(outcomes[1].failure, FailureKind::kWrongResult);
  EXPECT_THAT(outcomes[1].failure_text, HasSubstr("C[0, 3]"));
  EXPECT_EQ(outcomes[1].max_relative_error, 1e6);
  EXPECT_EQ(outcomes[2].failure, FailureKind::kWrongResult);
  EXPECT_THAT(outcomes[2].failure_text, HasSubstr("before"));
  EXPECT_TRUE(outcomes[3].ok());
  for (const LogLine& line : Log()) EXPECT_NE(line.handle, 2u);
}

TEST_F(WorkerPoolTest, HopelessCandidatesStopEarly) {
  Start();
  pool_->SetStopAbove(10);
  Submit(1, R"({"latency_ms": 9})");
  Submit(2, R"({"latency_ms": 30})");
  auto outcomes = Drain();
  EXPECT_FALSE(outcomes[1].stopped_early);
  EXPECT_EQ(outcomes[1].samples_ms.size(), 3u);
  EXPECT_TRUE(outcomes[2].stopped_early);
  EXPECT_THAT(outcomes[2].samples_ms, ElementsAre(30));
}

TEST_F(WorkerPoolTest, CancelReportsEverythingAtOnceAndThePoolLivesOn) {
  Start();
  Submit(1, R"({"run": "hang"})");
  for (uint64_t id = 2; id <= 6; ++id) Submit(id, R"({"build": "hang"})");
  EXPECT_FALSE(pool_->Wait(0.05));
  pool_->CancelAll();
  std::set<uint64_t> cancelled;
  while (auto outcome = pool_->Wait(0)) {
    EXPECT_EQ(outcome->failure, FailureKind::kCancelled);
    cancelled.insert(outcome->trial_id);
  }
  EXPECT_EQ(cancelled.size(), 6u);
  EXPECT_EQ(pool_->InFlight(), 0);
  Submit(7, "{}");
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
}

TEST_F(WorkerPoolTest, AWorkerKilledWhileIdleCostsNothing) {
  options_.workers = 1;
  Start();
  Submit(1, "{}");
  Drain();
  kill(Log().back().pid, SIGKILL);
  // Only its replacement loads the reference: the first one made it.
  const auto replaced = [this] {
    const auto log = Log();
    return std::any_of(log.begin(), log.end(), [](const LogLine& line) {
      return line.call == "load_reference" && line.what == "end";
    });
  };
  const Stopwatch watch;
  while (!replaced() && watch.ElapsedS() < kForeverS) SystemClock::Get()->SleepS(1e-3);
  Submit(2, "{}");
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
}

TEST_F(WorkerPoolTest, OneWorkerMakesTheReferenceAndOthersLoadIt) {
  Start();
  Submit(1, "{}");
  Submit(2, R"({"build": "crash"})");
  Submit(3, "{}");
  Drain();
  std::set<pid_t> makers;
  std::set<pid_t> loaders;
  for (const LogLine& line : Log()) {
    if (line.call == "make_reference") makers.insert(line.pid);
    if (line.call == "load_reference") loaders.insert(line.pid);
  }
  EXPECT_EQ(makers.size(), 1u);
  for (const pid_t maker : makers) EXPECT_EQ(loaders.count(maker), 0u);
}

TEST_F(WorkerPoolTest, DriftIsTimedAtTheStartAndNowAndThen) {
  options_.workers = 1;
  Start();
  EXPECT_EQ(pool_->drift(), 1);
  for (uint64_t id = 1; id <= 40; ++id) Submit(id, "{}");
  Drain();
  int drifts = 0;
  for (const LogLine& line : Log()) drifts += line.call == "drift" && line.what == "begin";
  EXPECT_GE(drifts, 3);
  EXPECT_GT(pool_->drift(), 1);  // the fake's reference kernel takes 1 ms more each time
}

TEST_F(WorkerPoolTest, FinalsAreInterleavedRotatedAndAlone) {
  Start();
  Submit(9, R"({"run_ms": 20})");  // still in flight
  const auto finals =
      pool_->Finals({Request(1, R"({"latency_ms": 1})"), Request(2, R"({"latency_ms": 2})"),
                     Request(3, R"({"latency_ms": 3})")});
  ASSERT_TRUE(finals.ok()) << finals.error().message;
  ASSERT_EQ(finals->size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*finals)[i].trial_id, i + 1);
    EXPECT_THAT((*finals)[i].samples_ms, testing::SizeIs(5));
    EXPECT_THAT((*finals)[i].samples_ms, testing::Each(static_cast<double>(i + 1)));
  }
  std::vector<uint64_t> order;
  std::set<pid_t> workers;
  for (const LogLine& line : Log()) {
    if (line.call != "run" || line.what != "begin" || line.handle == 9) continue;
    order.push_back(line.handle);
    workers.insert(line.pid);
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3, 2, 3, 1));
  EXPECT_EQ(workers.size(), 1u);
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
  Submit(10, "{}");
  EXPECT_TRUE(pool_->Wait(kForeverS)->ok());
}

TEST_F(WorkerPoolTest, FinalsSurviveBadFinalists) {
  Start();
  const auto finals =
      pool_->Finals({Request(1, R"({"latency_ms": 1})"), Request(2, R"({"build": "crash"})"),
                     Request(3, R"({"run": "crash"})"), Request(4, R"({"run": "wrong"})"),
                     Request(5, R"({"build": "error"})"), Request(6, R"({"latency_ms": 6})")});
  ASSERT_TRUE(finals.ok()) << finals.error().message;
  std::vector<FailureKind> failures;
  for (const FinalOutcome& outcome : *finals) failures.push_back(outcome.failure);
  EXPECT_THAT(failures,
              ElementsAre(FailureKind::kNone, FailureKind::kBuildCrash, FailureKind::kRunCrash,
                          FailureKind::kWrongResult, FailureKind::kBuildError, FailureKind::kNone));
  EXPECT_THAT((*finals)[0].samples_ms, testing::SizeIs(5));
  EXPECT_THAT((*finals)[5].samples_ms, testing::SizeIs(5));
  const auto none = pool_->Finals({});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

TEST_F(WorkerPoolTest, PeakIsTheWorkers) {
  Start();
  const auto peak = pool_->PeakGflops();
  ASSERT_TRUE(peak.ok());
  EXPECT_EQ(*peak, 100);
}

TEST_F(WorkerPoolTest, PrepareSaysWhatIsWrong) {
  workload_.id = "bad";
  auto outcome = Prepare();
  EXPECT_THAT(outcome.error().message, HasSubstr("bad as scripted"));
  EXPECT_EQ(outcome.error().code, ErrorCode::kInvalidArgument);
  workload_.id = "crash";
  EXPECT_THAT(Prepare().error().message, HasSubstr("SIGSEGV"));
  workload_.id = "no-reference";
  EXPECT_THAT(Prepare().error().message, HasSubstr("cannot make the reference: no reference"));
  workload_.id = "toy";
  pool_ = MakeWorkerPool({"/no/such/worker"}, options_);
  EXPECT_THAT(pool_->Prepare(workload_, Target(), 7).error().message, HasSubstr("/no/such/worker"));
  options_.workers = 0;
  EXPECT_THAT(Prepare().error().message, HasSubstr("workers"));
  options_.workers = 2;
  options_.run_cpu = 100000;
  EXPECT_THAT(Prepare().error().message, HasSubstr("CPU 100000"));
}

TEST_F(WorkerPoolTest, PrepareCanBeInterrupted) {
  std::atomic<bool> cancel = true;
  options_.cancel = &cancel;
  EXPECT_EQ(Prepare().error().code, ErrorCode::kCancelled);
}

TEST_F(WorkerPoolTest, WorkersThatCannotBeReplacedFailTrialsInsteadOfHanging) {
  Start();
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.is_directory()) std::filesystem::remove(entry.path() / "reference");
  }
  for (uint64_t id = 1; id <= 6; ++id) Submit(id, R"({"run": "crash"})");
  const auto outcomes = Drain();
  EXPECT_EQ(outcomes.size(), 6u);
  EXPECT_THAT(outcomes.at(6).failure_text, HasSubstr("cannot start a worker"));
}

TEST_F(WorkerPoolTest, TheEndOfThePoolIsTheEndOfItsWorkers) {
  Start();
  Submit(1, R"({"run": "hang"})");
  const auto running = [this] {
    const auto log = Log();
    return std::any_of(log.begin(), log.end(),
                       [](const LogLine& line) { return line.call == "run"; });
  };
  const Stopwatch watch;
  while (!running() && watch.ElapsedS() < kForeverS) SystemClock::Get()->SleepS(1e-3);
  std::set<pid_t> workers;
  for (const LogLine& line : Log()) workers.insert(line.pid);
  pool_.reset();
  for (const pid_t worker : workers) EXPECT_EQ(ResidentBytes(worker), 0);
  // Its temporary folder is gone as well: only the log is left.
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    left += entry.path().filename() != "log" && entry.path().filename() != ".lock";
  }
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace banyan
