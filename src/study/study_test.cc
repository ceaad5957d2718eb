#include "study/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "base/testing/fake_clock.h"
#include "store/testing/sample_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFile = R"(name = "tiny"
workloads = ["mlp", "conv"]
seeds = "0-2"
trials = 8
calls = 2
baseline = "old"

[[arm]]
label = "old"
strategy = "reasoning"

[[arm]]
label = "new"
strategy = "banyan"
)";

// Runs that take ten seconds of the fake clock and find 2 ms (old) or 1 ms (new).
class FakeRunner final : public RunRunner {
 public:
  FakeRunner(Store* store, FakeClock* clock) : store_(store), clock_(clock) {}

  Result<Json> Configuration(const StudyRunRequest& request) override {
    return Json{{"seed", request.seed()},
                {"strategy", {{"name", request.arm().strategy}}},
                {"version", version}};
  }
  Status Run(const StudyRunRequest& request, const std::string& resume,
             const std::function<void(const std::string& run_id)>& on_begun,
             const std::function<void(const RunProgress&)>& on_progress) override {
    ++runs;
    resumed += resume.empty() ? 0 : 1;
    const std::string what =
        request.cell.workload + std::to_string(request.cell.seed) + "-" + request.arm().label;
    order.push_back(what);
    std::string run_id = resume;
    if (resume.empty()) {
      RunStart start = SampleRunStart(request.seed());
      start.versions = {
          {"banyan", "0"}, {"llvm", request.seed() < 2 ? "21" : "22"}, {"commit", ""}};
      start.config.workload_text = request.cell.workload;
      BANYAN_ASSIGN_OR_RETURN(run_id, store_->BeginRun(start));
      on_begun(run_id);
    }
    clock_->SleepS(10);
    on_progress({});
    if (runs == kill_at) return Error{ErrorCode::kCancelled, "cancelled", {}};
    if (fail.count(what) > 0) return EnvironmentError("no luck\nat all");
    BANYAN_ASSIGN_OR_RETURN(const auto journal, store_->MakeJournal(run_id));
    const double best_ms = request.arm().label == "new" ? 1 : 2;
    BANYAN_RETURN_IF_ERROR(
        journal->Finish({{"best_latency_ms", best_ms}, {"default_latency_ms", 10}, {"plan", ""}}));
    latency_ms[run_id] = best_ms;
    return Ok{};
  }
  Json Facts(const StudyRunRequest& /*request*/) override {
    return {{"repo_commit", "abc"}, {"machine", {{"cpus", 8}, {"memory_bytes", int64_t{1} << 34}}}};
  }
  Result<std::vector<FinalOutcome>> Finals(const StudyConfig& /*study*/,
                                           const std::vector<std::string>& run_ids) override {
    ++finals;
    clock_->SleepS(4);
    std::vector<FinalOutcome> outcomes;
    for (const std::string& run_id : run_ids) {
      FinalOutcome outcome;
      outcome.samples_ms = {latency_ms[run_id] * 1.5, latency_ms[run_id] * 1.1,
                            latency_ms[run_id] * 1.2};
      if (wrong_final && outcomes.empty()) {
        outcome.failure = FailureKind::kWrongResult;
        outcome.failure_text = "element 3";
        outcome.samples_ms.clear();
      }
      outcomes.push_back(outcome);
    }
    return outcomes;
  }

  int version = 1;
  int runs = 0;
  int resumed = 0;
  int finals = 0;
  int kill_at = 0;  // this run is cancelled in the middle
  bool wrong_final = false;
  std::set<std::string> fail;
  std::vector<std::string> order;
  std::map<std::string, double> latency_ms;

 private:
  Store* const store_;
  FakeClock* const clock_;
};

class StudyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = Store::Open(path_, Store::Mode::kWrite, {.clock = &clock_}).value();
    log_ = StudyLog::Open(path_, true, &clock_).value();
    runner_ = std::make_unique<FakeRunner>(store_.get(), &clock_);
    config_ = ParseStudy(kFile, "tiny.toml").value();
  }
  Status Go(StudyOptions options = {}) {
    StudyDependencies deps;
    deps.runner = runner_.get();
    deps.store = store_.get();
    deps.log = log_.get();
    deps.clock = &clock_;
    deps.cancel = &cancel_;
    deps.on_progress = [this](const StudyProgress& progress) { progress_.push_back(progress); };
    return RunStudy(config_, kFile, options, deps);
  }
  StudyTables Tables() {
    auto tables = LoadStudyTables(config_, *store_, *log_);
    EXPECT_TRUE(tables.ok()) << tables.error().message;
    return *std::move(tables);
  }

  TempDir folder_ = TempDir::Make("banyan-study-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<StudyLog> log_;
  std::unique_ptr<FakeRunner> runner_;
  StudyConfig config_;
  std::atomic<bool> cancel_ = false;
  std::vector<StudyProgress> progress_;
};

TEST_F(StudyTest, RunsEveryCellOnceAndMeasuresEveryPairAgain) {
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(runner_->runs, 12);
  EXPECT_EQ(runner_->finals, 6);
  for (size_t i = 0; i < runner_->order.size(); i += 2) {  // both arms of a pair in a row
    EXPECT_EQ(runner_->order[i].substr(0, runner_->order[i].find('-')),
              runner_->order[i + 1].substr(0, runner_->order[i + 1].find('-')));
  }
  const StudyTables tables = Tables();
  EXPECT_EQ(tables.runs.size(), 12u);
  for (const RunRow& run : tables.runs) {
    EXPECT_EQ(run.status, "ok");
    EXPECT_TRUE(run.remeasured);
    EXPECT_EQ(run.repo_commit, "abc");
    EXPECT_DOUBLE_EQ(run.run_latency_ms, run.arm == "new" ? 1 : 2);
    EXPECT_DOUBLE_EQ(run.median_latency_ms, run.arm == "new" ? 1.2 : 2.4);
    EXPECT_DOUBLE_EQ(run.best_latency_ms, run.arm == "new" ? 1.1 : 2.2);
  }
  ASSERT_EQ(tables.aggregate.size(), 1u);
  EXPECT_EQ(tables.aggregate[0].judgement.pairs, 6);
  EXPECT_NEAR(tables.aggregate[0].judgement.speedup, 2, 1e-9);
  EXPECT_EQ(tables.aggregate[0].judgement.verdict, Verdict::kFaster);
  EXPECT_TRUE(tables.pairs[0].interleaved);
}

TEST_F(StudyTest, SaysOnWhatAndWithWhatTheRunsWereMade) {
  ASSERT_TRUE(Go().ok());
  const StudyTables tables = Tables();
  const Json setups = VerdictsJson(tables)["setup"];
  ASSERT_EQ(setups.size(), 2u);  // another LLVM for seed 2
  EXPECT_EQ(setups[0]["runs"], 8);
  EXPECT_EQ(setups[1]["runs"], 4);
  EXPECT_EQ(setups[0]["versions"]["llvm"], "21");
  EXPECT_EQ(setups[1]["versions"]["llvm"], "22");
  EXPECT_EQ(setups[0]["machine"]["cpus"], 8);
  EXPECT_EQ(setups[0]["machine"]["kernel_cores"], SampleRunStart(0).target.cores);
  EXPECT_EQ(setups[0]["machine"]["cpu"], SampleRunStart(0).target.cpu_model);
  const std::string text = ReportText(tables, true);
  EXPECT_THAT(text, HasSubstr("\n## Set-up\n\n- 8 runs: "));
  EXPECT_THAT(text, HasSubstr(", 8 CPUs (kernels on 1), 16.0 GiB of memory; banyan 0, llvm 21\n"));
}

TEST_F(StudyTest, TheSameCallAgainDoesNothing) {
  ASSERT_TRUE(Go().ok());
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(runner_->runs, 12);
  EXPECT_EQ(runner_->finals, 6);
}

TEST_F(StudyTest, GoesOnWithTheRunThatWasCutOff) {
  runner_->kill_at = 5;
  const Status cut = Go();
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Tables().notes.front(), "8 runs are not done yet: these are interim tables");
  const auto count = [this](const std::string& status) {
    const std::vector<RunRow> runs = Tables().runs;
    return std::count_if(runs.begin(), runs.end(),
                         [&](const RunRow& run) { return run.status == status; });
  };
  EXPECT_EQ(count("interrupted"), 1);
  ASSERT_TRUE(log_->Begin("tiny", kFile).ok());  // as another command sees one that goes on
  EXPECT_EQ(count("interrupted"), 0);
  EXPECT_EQ(count("running"), 1);
  ASSERT_TRUE(log_->End("tiny").ok());
  runner_->kill_at = 0;
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(runner_->runs, 13);
  EXPECT_EQ(runner_->resumed, 1);
  EXPECT_EQ(runner_->finals, 6);
  EXPECT_EQ(store_->ListRuns().value().size(), 12u);  // none twice
  EXPECT_EQ(Tables().aggregate[0].judgement.pairs, 6);
}

TEST_F(StudyTest, AFailedRunIsARowWithItsReason) {
  runner_->fail = {"mlp1-new"};
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(runner_->runs, 12);
  const StudyTables tables = Tables();
  int failed = 0;
  for (const RunRow& run : tables.runs) {
    if (run.status != "failed") continue;
    ++failed;
    EXPECT_EQ(run.error, "no luck at all");
    EXPECT_EQ(run.arm, "new");
    EXPECT_FALSE(run.run_id.empty());
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(tables.pairs.size(), 6u);
  EXPECT_EQ(tables.aggregate[0].missing_pairs, 1);
  EXPECT_EQ(progress_.back().failed, 1);

  runner_->fail.clear();
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(runner_->runs, 12);  // a failure is an outcome
  ASSERT_TRUE(Go({.retry_failed = true}).ok());
  EXPECT_EQ(runner_->runs, 13);
  EXPECT_EQ(Tables().aggregate[0].missing_pairs, 0);
}

TEST_F(StudyTest, AFinalThatIsWrongCostsItsRun) {
  runner_->wrong_final = true;
  ASSERT_TRUE(Go().ok());
  const StudyTables tables = Tables();
  EXPECT_EQ(tables.runs[0].status, "failed");
  EXPECT_THAT(tables.runs[0].error, HasSubstr("wrong_result: element 3"));
  EXPECT_EQ(tables.aggregate[0].judgement.pairs, 0);
}

TEST_F(StudyTest, RunsOfOtherSettingsAreNotTakenForThese) {
  ASSERT_TRUE(Go().ok());
  runner_->version = 2;
  const Status status = Go();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.error().message, HasSubstr("version: 1, now 2"));
  EXPECT_EQ(runner_->runs, 12);
}

TEST_F(StudyTest, CtrlCEndsItBetweenRuns) {
  cancel_ = true;
  EXPECT_EQ(Go().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(runner_->runs, 0);
  for (const RunRow& run : Tables().runs) EXPECT_EQ(run.status, "pending");
}

TEST_F(StudyTest, ProgressTellsWhatIsDoneAndWhatIsLeft) {
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(progress_.front().runs, 12);
  EXPECT_EQ(progress_.front().done, 0);
  EXPECT_EQ(progress_.back().done, 12);
  for (const StudyProgress& progress : progress_) {
    if (progress.done == 6 && progress.running.empty()) {
      EXPECT_DOUBLE_EQ(progress.eta_s, 60 + 12);  // ten seconds a run, four a pair's finals
      EXPECT_THAT(progress.last, ::testing::AnyOf(HasSubstr(": 1.00 ms"), HasSubstr(": 2.00 ms")));
    }
  }
  StudyProgress progress = progress_.back();
  progress.done = 3;
  progress.failed = 1;
  progress.eta_s = 90;
  progress.running = "mlp, seed 1, new";
  progress.run.trials_done = 4;
  progress.run.best_latency_ms = 1.25;
  const std::string text = ProgressText(progress, 100);
  EXPECT_THAT(text,
              HasSubstr("3/12 runs, 1 failed, 1m30s left; mlp, seed 1, new: 4 trials, 1.25 ms"));
  EXPECT_THAT(text, HasSubstr("best so far"));
  EXPECT_THAT(text, HasSubstr("new"));
  for (const std::string& line : {text.substr(0, text.find('\n'))}) EXPECT_LT(line.size(), 100u);
}

TEST_F(StudyTest, TheStoreKeepsTheFile) {
  ASSERT_TRUE(Go().ok());
  EXPECT_EQ(log_->LoadFile("tiny").value(), kFile);
  EXPECT_THAT(log_->LoadFile("other").error().message, HasSubstr("there are: tiny"));
  const auto reader = StudyLog::Open(path_, false).value();
  EXPECT_EQ(reader->LoadRuns("tiny").value().size(), 12u);
  EXPECT_EQ(reader->LoadFinals("tiny").value().size(), 6u);
}

}  // namespace
}  // namespace banyan
