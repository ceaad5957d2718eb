#include "store/store.h"
#include "store/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "base/files.h"
#include "base/testing/fake_clock.h"
#include "store/testing/sample_run.h"

namespace banyan {
namespace {

using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> OpenStore(Store::Mode mode = Store::Mode::kWrite) {
    auto store = Store::Open(path_, mode, {.clock = &clock_, .busy_timeout_ms = 50});
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(store).value();
  }
  std::string OpenError(Store::Mode mode, ErrorCode code) {
    auto store = Store::Open(path_, mode, {.clock = &clock_, .busy_timeout_ms = 50});
    if (store.ok()) return "it opened";
    EXPECT_EQ(store.error().code, code);
    EXPECT_EQ(store.error().message.find('\n'), std::string::npos);
    return store.error().message;
  }
  std::string WriteSampleRun(int64_t events) {
    auto store = OpenStore();
    auto run_id = store->BeginRun(SampleRunStart());
    EXPECT_TRUE(run_id.ok());
    auto journal = store->MakeJournal(*run_id);
    EXPECT_TRUE(journal.ok());
    for (int64_t index = 0; index < events; ++index) {
      const Status status = WriteSample(**journal, index);
      EXPECT_TRUE(status.ok()) << status.error().message;
    }
    return *run_id;
  }
  void Sql(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }

  TempDir folder_ = TempDir::Make("banyan-store-test").value();
  std::string path_ = folder_.path() + "/runs.db";
  FakeClock clock_;
};

TEST_F(StoreTest, RunIdsAreDatedAndNumbered) {
  auto store = OpenStore();
  EXPECT_EQ(store->BeginRun(SampleRunStart()).value(), "20231114-221320-1");
  EXPECT_EQ(store->BeginRun(SampleRunStart()).value(), "20231114-221320-2");
}

TEST_F(StoreTest, KeepsWhatARunStartedFrom) {
  const std::string run_id = WriteSampleRun(0);
  auto run = OpenStore(Store::Mode::kRead)->LoadRun("last");
  ASSERT_TRUE(run.ok()) << run.error().message;
  const RunStart expected = SampleRunStart();
  EXPECT_EQ(run->run_id, run_id);
  EXPECT_EQ(run->number, 1);
  EXPECT_EQ(run->status, RunStatus::kRunning);
  EXPECT_EQ(run->created_unix_ms, clock_.UnixMs());
  EXPECT_TRUE(run->result.is_null());
  EXPECT_EQ(ToJson(run->start.config), ToJson(expected.config));
  EXPECT_EQ(run->start.versions, expected.versions);
  const Workload& workload = run->start.workload;
  EXPECT_EQ(workload.id, expected.workload.id);
  EXPECT_EQ(workload.family, expected.workload.family);
  EXPECT_EQ(workload.module_json, expected.workload.module_json);
  EXPECT_EQ(workload.entry, expected.workload.entry);
  EXPECT_EQ(workload.flops, expected.workload.flops);
  EXPECT_EQ(workload.reduction_length, expected.workload.reduction_length);
  EXPECT_EQ(workload.hash, expected.workload.hash);
  ASSERT_EQ(workload.parameters.size(), 2u);
  EXPECT_EQ(workload.parameters[1].name, "C");
  EXPECT_EQ(workload.parameters[1].shape, (std::vector<int64_t>{64, 64}));
  EXPECT_TRUE(workload.parameters[1].is_output);
  EXPECT_EQ(run->start.target.json, expected.target.json);
  EXPECT_EQ(run->start.target.fingerprint, expected.target.fingerprint);
  EXPECT_EQ(run->start.target.vector_bits, 512);
}

TEST_F(StoreTest, ReadsBackEventsAndRows) {
  const std::string run_id = WriteSampleRun(12);
  auto store = OpenStore(Store::Mode::kRead);
  const auto events = store->LoadEvents(run_id);
  ASSERT_TRUE(events.ok()) << events.error().message;
  ASSERT_EQ(events->size(), 12u);
  for (int64_t index = 0; index < 12; ++index) {
    EXPECT_EQ(ToJson(events->at(static_cast<size_t>(index))), ToJson(SampleEvent(index)));
  }
  const auto nodes = store->LoadNodes(run_id);
  ASSERT_TRUE(nodes.ok());
  ASSERT_EQ(nodes->size(), 11u);
  const NodeRecord node = SampleNode(3);
  EXPECT_EQ(nodes->at(2).plan_hash, node.plan_hash);
  EXPECT_EQ(nodes->at(2).reason, node.reason);
  EXPECT_TRUE(nodes->at(2).delta_is_plan);
  EXPECT_EQ(nodes->at(2).prior, 0.5);

  const auto trials = store->LoadTrials(run_id);
  ASSERT_TRUE(trials.ok());
  ASSERT_EQ(trials->size(), 9u - 1);
  for (const TrialRecord& trial : *trials) {
    const TrialRecord expected = SampleTrial(trial.trial_id);
    EXPECT_EQ(ToJson(trial.outcome), ToJson(expected.outcome));
    EXPECT_EQ(trial.program_hash, expected.program_hash);
    EXPECT_EQ(trial.plan, expected.plan);
    EXPECT_TRUE(trial.finished);
    EXPECT_EQ(trial.elapsed_s, expected.elapsed_s);
  }
  const auto calls = store->LoadCalls(run_id);
  ASSERT_TRUE(calls.ok());
  ASSERT_EQ(calls->size(), 3u);
  EXPECT_EQ(calls->at(0).model, "builtin:random");
  EXPECT_EQ(calls->at(0).role, ModelRole::kLight);
  EXPECT_EQ(calls->at(0).accepted, 3);
  EXPECT_EQ(calls->at(0).reply.usage.tokens_in, 100);

  const auto runs = store->ListRuns();
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), 1u);
  EXPECT_EQ(runs->at(0).trials, 8);
  EXPECT_EQ(runs->at(0).seed, 7u);
  EXPECT_DOUBLE_EQ(runs->at(0).best_latency_ms,
                   RankingLatencyMs(SampleTrial(9).outcome.samples_ms));
}

TEST_F(StoreTest, FindsRunsByIdNumberAndLast) {
  const std::string first = WriteSampleRun(1);
  const std::string second = WriteSampleRun(1);
  auto store = OpenStore(Store::Mode::kRead);
  EXPECT_EQ(store->LoadRun(first)->number, 1);
  EXPECT_EQ(store->LoadRun("1")->run_id, first);
  EXPECT_EQ(store->LoadRun("last")->run_id, second);
  const auto unknown = store->LoadRun("nonsense");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().message, HasSubstr(second));
  EXPECT_THAT(store->LoadTrial(first, 99).error().message, HasSubstr("it has none"));
}

TEST_F(StoreTest, EmptyStoreHasNoLastRun) {
  auto store = OpenStore();
  const auto run = store->LoadRun("last");
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(run.error().message, HasSubstr("banyan tune"));
}

TEST_F(StoreTest, RowsAreIdempotentAndAReplayedQueuedTrialStaysFinished) {
  const std::string run_id = WriteSampleRun(0);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  TrialRecord queued = SampleTrial(1);
  queued.finished = false;
  queued.elapsed_s = 0.125;
  TrialRecord unfinished = SampleTrial(2);
  unfinished.finished = false;
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(journal->Record(queued).ok());
    if (round == 0) {
      ASSERT_TRUE(journal->Record(SampleTrial(1)).ok());
    }
    ASSERT_TRUE(journal->Record(unfinished).ok());
    ASSERT_TRUE(journal->Record(SampleNode(1)).ok());
    ASSERT_TRUE(journal->Record(SampleCall(1)).ok());
    ASSERT_TRUE(journal->Flush().ok());
  }
  const auto trials = store->LoadTrials(run_id).value();
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_TRUE(trials[0].finished);
  EXPECT_EQ(ToJson(trials[0].outcome), ToJson(SampleTrial(1).outcome));
  EXPECT_FALSE(trials[1].finished);
  EXPECT_EQ(store->LoadNodes(run_id)->size(), 1u);
  EXPECT_EQ(store->LoadCalls(run_id)->size(), 1u);
}

TEST_F(StoreTest, RowsWaitForTheirEvent) {
  const std::string run_id = WriteSampleRun(0);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  ASSERT_TRUE(journal->Record(SampleNode(1)).ok());
  EXPECT_TRUE(store->LoadNodes(run_id)->empty());
  ASSERT_TRUE(journal->Append(SampleEvent(0)).ok());
  EXPECT_EQ(store->LoadNodes(run_id)->size(), 1u);
}

TEST_F(StoreTest, TheEndOfATrialAndOfACallIsWrittenWithItsEvent) {
  const std::string run_id = WriteSampleRun(1);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  TrialRecord queued = SampleTrial(1);
  queued.finished = false;
  CallRecord asked = SampleCall(3);
  asked.answered = false;
  asked.accepted = 0;
  ASSERT_TRUE(journal->Record(queued).ok());
  ASSERT_TRUE(journal->Record(asked).ok());
  Event outcome = SampleEvent(1);
  ASSERT_TRUE(journal->Append(outcome).ok());
  EXPECT_TRUE(store->LoadTrials(run_id)->at(0).finished);
  EXPECT_EQ(ToJson(store->LoadTrials(run_id)->at(0).outcome), ToJson(SampleTrial(1).outcome));
  EXPECT_EQ(store->LoadTrials(run_id)->at(0).elapsed_s, outcome.elapsed_s);
  EXPECT_FALSE(store->LoadCalls(run_id)->at(0).answered);
  Event reply = SampleEvent(3);
  reply.index = 2;
  ASSERT_TRUE(journal->Append(reply).ok());
  EXPECT_TRUE(store->LoadCalls(run_id)->at(0).answered);
  EXPECT_EQ(store->LoadCalls(run_id)->at(0).reply.error, "no idea");
}

TEST_F(StoreTest, AnEventIsWrittenOnce) {
  const std::string run_id = WriteSampleRun(2);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  const Status again = journal->Append(SampleEvent(1));
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("another process"));
  EXPECT_TRUE(journal->Append(SampleEvent(2)).ok());
}

TEST_F(StoreTest, FinishContinueAndFinishAgain) {
  const std::string run_id = WriteSampleRun(1);
  auto store = OpenStore();
  ASSERT_TRUE(store->MakeJournal(run_id).value()->Finish({{"best_latency_ms", 2}}).ok());
  EXPECT_EQ(store->LoadRun(run_id)->status, RunStatus::kFinished);
  EXPECT_EQ(store->LoadRun(run_id)->result["best_latency_ms"], 2);
  RunConfig more = SampleRunStart().config;
  more.budget.trials = 99;
  ASSERT_TRUE(store->ContinueRun(run_id, more).ok());
  EXPECT_EQ(store->LoadRun(run_id)->status, RunStatus::kRunning);
  EXPECT_EQ(store->LoadRun(run_id)->start.config.budget.trials, 99);
  ASSERT_TRUE(store->MarkFailed(run_id, "the disk is full").ok());
  EXPECT_EQ(store->LoadRun(run_id)->status, RunStatus::kFailed);
  EXPECT_EQ(store->LoadRun(run_id)->error, "the disk is full");
  ASSERT_TRUE(store->MakeJournal(run_id).value()->Finish({{"best_latency_ms", 1}}).ok());
  EXPECT_EQ(store->LoadRun(run_id)->result["best_latency_ms"], 1);
  EXPECT_EQ(store->LoadRun(run_id)->error, "");
}

TEST_F(StoreTest, TextThatIsNotUtf8IsKeptReadable) {
  const std::string run_id = WriteSampleRun(0);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  Event event = SampleEvent(0);
  OutcomeEvent outcome{SampleTrial(5).outcome};
  outcome.outcome.failure_text = "bad \xff byte";
  event.body = outcome;
  ASSERT_TRUE(journal->Append(event).ok());
  EXPECT_EQ(store->LoadEvents(run_id)->size(), 1u);
}

TEST_F(StoreTest, MissingStoreIsNotMadeByAReader) {
  EXPECT_THAT(OpenError(Store::Mode::kRead, ErrorCode::kNotFound), HasSubstr("banyan tune"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(StoreTest, RefusesANewerVersion) {
  WriteSampleRun(3);
  Sql("PRAGMA user_version=" + std::to_string(Store::kSchemaVersion + 1));
  for (const auto mode : {Store::Mode::kRead, Store::Mode::kWrite}) {
    EXPECT_THAT(OpenError(mode, ErrorCode::kCorrupt), HasSubstr("newer Banyan"));
  }
}

TEST_F(StoreTest, RefusesOtherFiles) {
  Sql("CREATE TABLE customers(id INTEGER)");
  EXPECT_THAT(OpenError(Store::Mode::kWrite, ErrorCode::kCorrupt), HasSubstr("not a Banyan store"));
  std::ofstream(path_) << "#!/bin/sh\necho this is no database, but long enough to look at\n"
                       << std::string(1000, 'x');
  const auto before = std::filesystem::file_size(path_);
  for (const auto mode : {Store::Mode::kRead, Store::Mode::kWrite}) {
    EXPECT_THAT(OpenError(mode, ErrorCode::kCorrupt), HasSubstr("not a Banyan store"));
  }
  EXPECT_EQ(std::filesystem::file_size(path_), before);
}

TEST_F(StoreTest, SaysWhatIsWrongWithThePath) {
  path_ = folder_.path();
  EXPECT_THAT(OpenError(Store::Mode::kWrite, ErrorCode::kEnvironment), HasSubstr("is a folder"));
  path_ = folder_.path() + "/no/such/runs.db";
  EXPECT_THAT(OpenError(Store::Mode::kWrite, ErrorCode::kEnvironment),
              HasSubstr("there is no folder"));
  path_.clear();
  EXPECT_THAT(OpenError(Store::Mode::kWrite, ErrorCode::kInvalidArgument), HasSubstr("--store"));
}

TEST_F(StoreTest, ReadOnlyFileIsReadableAndNotWritable) {
  const std::string run_id = WriteSampleRun(5);
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  EXPECT_THAT(OpenError(Store::Mode::kWrite, ErrorCode::kEnvironment), HasSubstr("read-only"));
  EXPECT_EQ(OpenStore(Store::Mode::kRead)->LoadEvents(run_id)->size(), 5u);
}

TEST_F(StoreTest, LockedStoreSaysSo) {
  WriteSampleRun(1);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto store = OpenStore();
  const auto run = store->BeginRun(SampleRunStart());
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(run.error().message, HasSubstr("locked"));
  EXPECT_EQ(store->LoadEvents("1")->size(), 1u);  // readers are not kept out
  sqlite3_close(other);
  EXPECT_TRUE(store->BeginRun(SampleRunStart()).ok());
}

TEST_F(StoreTest, WhatWasSaidIsStoredOnceWithTheReply) {
  const std::string run_id = WriteSampleRun(0);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  auto request = std::make_shared<ModelRequest>();
  request->call_id = 3;
  request->model = "builtin:random";
  CallRecord asked = SampleCall(3);
  asked.answered = false;
  asked.phase = "stuck";
  ASSERT_TRUE(journal->Record(asked).ok());
  ASSERT_TRUE(journal->Record(RequestRecord{3, request}).ok());
  Event event = SampleEvent(3);
  event.index = 0;
  const std::string prompt(5000, 'p');
  std::get<ReplyEvent>(event.body).reply.exchanges = {{prompt, "no"}, {prompt, "answer \xff"}};
  ASSERT_TRUE(journal->Append(event).ok());  // durable now
  const auto reader = OpenStore(Store::Mode::kRead);
  const auto transcript = reader->LoadTranscript(run_id).value();
  ASSERT_EQ(transcript.size(), 3u);
  EXPECT_EQ(transcript[0].ordinal, 0);
  EXPECT_EQ(Json::parse(transcript[0].request)["model"], "builtin:random");
  EXPECT_EQ(transcript[1].request, prompt);
  EXPECT_EQ(transcript[1].reply, "no");
  EXPECT_EQ(transcript[2].reply, "answer \xff");
  // Neither in the event nor in the call's row, and the prompt once.
  EXPECT_TRUE(std::get<ReplyEvent>(reader->LoadEvents(run_id)->at(0).body).reply.exchanges.empty());
  EXPECT_EQ(reader->database().QueryInteger("SELECT count(*) FROM blob").value(), 4);
  EXPECT_EQ(
      reader->database()
          .QueryInteger("SELECT sum(instr(json, 'ppp')) + (SELECT sum(instr(reply, 'ppp')) "
                        "FROM call) + (SELECT max(length(bytes)) > 1000 FROM blob) FROM event")
          .value(),
      0);
  const CallRecord call = reader->LoadCalls(run_id)->at(0);
  EXPECT_EQ(call.phase, "stuck");
  EXPECT_TRUE(std::isnan(call.gain));
}

TEST_F(StoreTest, ACallsGainIsFilledInWhenItIsSettled) {
  const std::string run_id = WriteSampleRun(0);
  auto store = OpenStore();
  auto journal = store->MakeJournal(run_id).value();
  CallRecord call = SampleCall(1);
  call.phase = "structure";
  ASSERT_TRUE(journal->Record(call).ok());
  call.gain = 0.75;
  ASSERT_TRUE(journal->Record(call).ok());
  ASSERT_TRUE(journal->Flush().ok());
  EXPECT_EQ(store->LoadCalls(run_id)->at(0).gain, 0.75);
}

TEST_F(StoreTest, KeepsTheTreeAndThePoolOfARun) {
  const std::string run_id = WriteSampleRun(2);
  auto store = OpenStore();
  EXPECT_TRUE(store->LoadTree(run_id)->dump.empty());
  auto journal = store->MakeJournal(run_id).value();
  const ModelInfo model{.name = "m",
                        .role = ModelRole::kLight,
                        .repeatable = true,
                        .parameters_b = 7,
                        .price = {1, 2, 0.5},
                        .reads_text = true};
  ASSERT_TRUE(journal->Record(PoolRecord{{model}}).ok());
  ASSERT_TRUE(journal->Record(TreeRecord{.events = 2, .dump = "node 0\n"}).ok());
  ASSERT_TRUE(journal->Flush().ok());
  EXPECT_EQ(store->LoadTree(run_id)->dump, "node 0\n");
  EXPECT_EQ(store->LoadTree(run_id)->events, 2);
  const auto models = store->LoadRun(run_id)->models;
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].name, "m");
  EXPECT_EQ(models[0].role, ModelRole::kLight);
  EXPECT_EQ(models[0].price.out, 2);
  EXPECT_TRUE(models[0].reads_text);
  Sql("UPDATE blob SET bytes=x'00'");
  EXPECT_EQ(store->LoadTree(run_id).error().code, ErrorCode::kCorrupt);
}

// testdata/version1.sql: tables and records as schema 1 had them, of banyan_store_writer FILE 12.
TEST_F(StoreTest, AStoreOfVersion1IsReadAndUpgradedWhenWritten) {
  const auto dump = ReadFile(std::string(BANYAN_SOURCE_DIR) + "/src/store/testdata/version1.sql");
  ASSERT_TRUE(dump.ok()) << dump.error().message;
  Sql(*dump);
  const auto check = [](const Store& store) {
    const auto run = store.LoadRun("last");
    ASSERT_TRUE(run.ok()) << run.error().message;
    EXPECT_EQ(run->start.workload.id, "matmul:M=64,N=64,K=64");
    ASSERT_EQ(run->start.config.pool.size(), 2u);
    EXPECT_EQ(run->start.config.pool[0].name, "builtin:analytic");
    EXPECT_TRUE(run->models.empty());
    EXPECT_EQ(store.LoadEvents(run->run_id)->size(), 12u);
    EXPECT_EQ(store.LoadTrials(run->run_id)->size(), 8u);
    const auto calls = store.LoadCalls(run->run_id);
    ASSERT_TRUE(calls.ok()) << calls.error().message;
    ASSERT_EQ(calls->size(), 3u);
    EXPECT_EQ(calls->at(0).phase, "");
    EXPECT_TRUE(std::isnan(calls->at(0).gain));
    EXPECT_TRUE(store.LoadTranscript(run->run_id)->empty());
    EXPECT_TRUE(store.LoadTree(run->run_id)->dump.empty());
    EXPECT_EQ(store.ListRuns()->size(), 1u);
  };
  {
    const auto reader = OpenStore(Store::Mode::kRead);
    EXPECT_EQ(reader->schema(), 1);
    check(*reader);
  }
  EXPECT_EQ(OpenStore(Store::Mode::kRead)->schema(), 1) << "a reader changes nothing";
  {
    const auto writer = OpenStore();
    EXPECT_EQ(writer->schema(), Store::kSchemaVersion);
    check(*writer);
    const auto run_id = writer->BeginRun(SampleRunStart());
    ASSERT_TRUE(run_id.ok()) << run_id.error().message;
    EXPECT_TRUE(WriteSample(*writer->MakeJournal(*run_id).value(), 0).ok());
  }
  EXPECT_EQ(OpenStore(Store::Mode::kRead)->schema(), Store::kSchemaVersion);
}

TEST_F(StoreTest, AMissingEventIsNotSkipped) {
  const std::string run_id = WriteSampleRun(6);
  Sql("DELETE FROM event WHERE event_index=3");
  const auto events = OpenStore(Store::Mode::kRead)->LoadEvents(run_id);
  ASSERT_FALSE(events.ok());
  EXPECT_EQ(events.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(events.error().message, HasSubstr("event 3"));
}

}  // namespace
}  // namespace banyan
