#include "store/journal.h"

#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "store/blob.h"
#include "store/records.h"
#include "store/sqlite.h"
#include "store/transcript.h"

namespace banyan {
namespace {

// JSON of text that may not be UTF-8 (a compiler's message) must not throw.
class SqliteJournal final : public Journal {
 public:
  SqliteJournal(const Database* database, int64_t run) : database_(database), run_(run) {}

  Status PrepareStatements() {
    BANYAN_ASSIGN_OR_RETURN(
        event_, database_->Prepare("INSERT INTO event(run, event_index, elapsed_s, name, json) "
                                   "VALUES(?1, ?2, ?3, ?4, ?5)"));
    BANYAN_ASSIGN_OR_RETURN(
        node_, database_->Prepare(
                   "INSERT OR REPLACE INTO node(run, node_id, parent_id, plan_hash, program_hash, "
                   "delta, delta_is_plan, origin, call_id, prior, reason) "
                   "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"));
    // A replayed "queued" must not wipe what is known of the end.
    BANYAN_ASSIGN_OR_RETURN(
        trial_,
        database_->Prepare(
            "INSERT INTO trial(run, trial_id, node_id, program_hash, plan, queued_s, finished_s, "
            "failure, failure_text, latency_ms, samples_ms, stopped_early, max_relative_error, "
            "build_s, run_s) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
            "?15) "
            "ON CONFLICT(run, trial_id) DO UPDATE SET node_id=excluded.node_id, "
            "program_hash=excluded.program_hash, plan=excluded.plan, "
            "queued_s=coalesce(queued_s, excluded.queued_s), "
            "finished_s=coalesce(excluded.finished_s, finished_s), "
            "failure=coalesce(excluded.failure, failure), "
            "failure_text=coalesce(excluded.failure_text, failure_text), "
            "latency_ms=coalesce(excluded.latency_ms, latency_ms), "
            "samples_ms=coalesce(excluded.samples_ms, samples_ms), "
            "stopped_early=coalesce(excluded.stopped_early, stopped_early), "
            "max_relative_error=coalesce(excluded.max_relative_error, max_relative_error), "
            "build_s=coalesce(excluded.build_s, build_s), run_s=coalesce(excluded.run_s, run_s)"));
    BANYAN_ASSIGN_OR_RETURN(
        call_, database_->Prepare(
                   "INSERT INTO call(run, call_id, model, role, node_id, why, answered, accepted, "
                   "error, tokens_in, tokens_out, cost_usd, seconds, reply, phase, gain) "
                   "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
                   "?16) "
                   "ON CONFLICT(run, call_id) DO UPDATE SET model=excluded.model, "
                   "role=excluded.role, node_id=excluded.node_id, why=excluded.why, "
                   "answered=max(answered, excluded.answered), "
                   "accepted=max(accepted, excluded.accepted), "
                   "error=coalesce(excluded.error, error), "
                   "tokens_in=coalesce(excluded.tokens_in, tokens_in), "
                   "tokens_out=coalesce(excluded.tokens_out, tokens_out), "
                   "cost_usd=coalesce(excluded.cost_usd, cost_usd), "
                   "seconds=coalesce(excluded.seconds, seconds), "
                   "reply=coalesce(excluded.reply, reply), phase=excluded.phase, "
                   "gain=coalesce(excluded.gain, gain)"));
    BANYAN_ASSIGN_OR_RETURN(
        end_trial_,
        database_->Prepare("UPDATE trial SET finished_s=?3, failure=?4, failure_text=?5, "
                           "latency_ms=?6, samples_ms=?7, stopped_early=?8, max_relative_error=?9, "
                           "build_s=?10, run_s=?11 WHERE run=?1 AND trial_id=?2"));
    BANYAN_ASSIGN_OR_RETURN(
        end_call_,
        database_->Prepare("UPDATE call SET answered=1, error=?3, tokens_in=?4, tokens_out=?5, "
                           "cost_usd=?6, seconds=?7, reply=?8 WHERE run=?1 AND call_id=?2"));
    BANYAN_ASSIGN_OR_RETURN(finish_,
                            database_->Prepare("UPDATE run SET status='finished', result=?2, "
                                               "error=NULL WHERE number=?1"));
    BANYAN_ASSIGN_OR_RETURN(pool_, database_->Prepare("UPDATE run SET models=?2 WHERE number=?1"));
    BANYAN_ASSIGN_OR_RETURN(
        tree_, database_->Prepare("UPDATE run SET tree_events=?2, tree_hash=?3 WHERE number=?1"));
    BANYAN_ASSIGN_OR_RETURN(
        features_,
        database_->Prepare("INSERT OR IGNORE INTO features(program_hash, target, bytes) "
                           "SELECT ?2, target_fingerprint, ?3 FROM run WHERE number=?1"));
    return transcript_.Prepare(database_, run_);
  }

  Status Append(const Event& event) override {
    const std::string json = DumpJson(ToJson(event));
    return Write([&]() -> Status {
      BANYAN_RETURN_IF_ERROR(WriteConsequence(event));
      return event_.Bind(1, run_)
          .Bind(2, event.index)
          .Bind(3, event.elapsed_s)
          .Bind(4, EventName(event))
          .Bind(5, json)
          .Run();
    });
  }

  Status Record(const NodeRecord& node) override {
    nodes_.push_back(node);
    return Ok{};
  }
  Status Record(const TrialRecord& trial) override {
    trials_.push_back(trial);
    return Ok{};
  }
  Status Record(const CallRecord& call) override {
    calls_.push_back(call);
    return Ok{};
  }

  Status Record(const PoolRecord& pool) override {
    later_.push_back([this, json = DumpJson(PoolToJson(pool.models))] {
      return pool_.Bind(1, run_).Bind(2, json).Run();
    });
    return Ok{};
  }
  Status Record(const RequestRecord& request) override {
    later_.push_back(
        [this, request] { return transcript_.WriteRequest(request.call_id, *request.request); });
    return Ok{};
  }
  Status Record(const FeatureRecord& record) override {
    later_.push_back(
        [this, hash = HashHex(record.program_hash), bytes = PackFeatures(record.features)] {
          return features_.Bind(1, run_).Bind(2, hash).BindBlob(3, bytes).Run();
        });
    return Ok{};
  }
  Status Record(const TreeRecord& tree) override {
    later_.push_back([this, tree]() -> Status {
      BANYAN_ASSIGN_OR_RETURN(const std::string hash, transcript_.WriteBlob(tree.dump));
      return tree_.Bind(1, run_).Bind(2, tree.events).Bind(3, hash).Run();
    });
    return Ok{};
  }

  Status Flush() override {
    if (nodes_.empty() && trials_.empty() && calls_.empty() && later_.empty()) return Ok{};
    return Write([] { return Status(); });
  }

  Status Finish(const Json& result) override {
    const std::string json = DumpJson(result);
    return Write([&]() -> Status { return finish_.Bind(1, run_).Bind(2, json).Run(); });
  }

 private:
  template <typename Body>
  Status Write(Body&& body) {
    BANYAN_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    for (const NodeRecord& node : nodes_) BANYAN_RETURN_IF_ERROR(WriteRow(node));
    for (const TrialRecord& trial : trials_) BANYAN_RETURN_IF_ERROR(WriteRow(trial));
    for (const CallRecord& call : calls_) BANYAN_RETURN_IF_ERROR(WriteRow(call));
    for (const auto& write : later_) BANYAN_RETURN_IF_ERROR(write());
    BANYAN_RETURN_IF_ERROR(body());
    BANYAN_RETURN_IF_ERROR(transaction.Commit());
    later_.clear();
    nodes_.clear();
    trials_.clear();
    calls_.clear();
    return Ok{};
  }

  Status WriteRow(const NodeRecord& node) {
    return node_.Bind(1, run_)
        .Bind(2, node.node_id)
        .Bind(3, node.parent_id)
        .Bind(4, HashHex(node.plan_hash))
        .Bind(5, HashHex(node.program_hash))
        .Bind(6, node.delta)
        .Bind(7, int64_t{node.delta_is_plan})
        .Bind(8, node.origin)
        .Bind(9, static_cast<int64_t>(node.call_id))
        .Bind(10, node.prior)
        .Bind(11, node.reason)
        .Run();
  }

  // The search records the end of a trial or a call after it has read the event, so that row would
  // come with the next one, and a kill in between would leave it unfinished: it is written with its
  // event.
  Status WriteConsequence(const Event& event) {
    if (const auto* ended = std::get_if<OutcomeEvent>(&event.body)) {
      const TrialOutcome& outcome = ended->outcome;
      end_trial_.Bind(1, run_)
          .Bind(2, static_cast<int64_t>(outcome.trial_id))
          .Bind(3, event.elapsed_s);
      BindOutcome(end_trial_, 4, outcome);
      return end_trial_.Run();
    }
    if (const auto* answered = std::get_if<ReplyEvent>(&event.body)) {
      end_call_.Bind(1, run_).Bind(2, static_cast<int64_t>(answered->call_id));
      BindReply(end_call_, 3, answered->reply);
      BANYAN_RETURN_IF_ERROR(end_call_.Run());
      return transcript_.WriteExchanges(answered->call_id, answered->reply.exchanges);
    }
    return Ok{};
  }

  // failure, failure_text, latency_ms, samples_ms, stopped_early, max_relative_error, build_s,
  // run_s
  static void BindOutcome(Statement& statement, int first, const TrialOutcome& outcome) {
    Json samples = Json::array();
    for (const double sample_ms : outcome.samples_ms) samples.push_back(sample_ms);
    statement.Bind(first, FailureKindName(outcome.failure))
        .Bind(first + 1, outcome.failure_text)
        .Bind(first + 3, DumpJson(samples))
        .Bind(first + 4, int64_t{outcome.stopped_early})
        .Bind(first + 5, outcome.max_relative_error)
        .Bind(first + 6, outcome.build_s)
        .Bind(first + 7, outcome.run_s);
    if (outcome.ok()) statement.Bind(first + 2, RankingLatencyMs(outcome.samples_ms));
  }

  // error, tokens_in, tokens_out, cost_usd, seconds, reply
  static void BindReply(Statement& statement, int first, const ModelReply& reply) {
    Json json = ToJson(reply);
    json.erase("exchanges");  // they have a table of their own
    statement.Bind(first, reply.error)
        .Bind(first + 1, reply.usage.tokens_in)
        .Bind(first + 2, reply.usage.tokens_out)
        .Bind(first + 3, reply.usage.cost_usd)
        .Bind(first + 4, reply.usage.seconds)
        .Bind(first + 5, DumpJson(json));
  }

  Status WriteRow(const TrialRecord& trial) {
    trial_.Bind(1, run_)
        .Bind(2, static_cast<int64_t>(trial.trial_id))
        .Bind(3, trial.node_id)
        .Bind(4, HashHex(trial.program_hash))
        .Bind(5, trial.plan);
    if (!trial.finished) return trial_.Bind(6, trial.elapsed_s).Run();
    trial_.Bind(7, trial.elapsed_s);
    BindOutcome(trial_, 8, trial.outcome);
    return trial_.Run();
  }

  Status WriteRow(const CallRecord& call) {
    call_.Bind(1, run_)
        .Bind(2, static_cast<int64_t>(call.call_id))
        .Bind(3, call.model)
        .Bind(4, call.role == ModelRole::kStrong ? "strong" : "light")
        .Bind(5, call.node_id)
        .Bind(6, call.why)
        .Bind(7, int64_t{call.answered})
        .Bind(8, call.accepted);
    if (!call.phase.empty()) call_.Bind(15, call.phase);
    call_.Bind(16, call.gain);
    if (call.answered) BindReply(call_, 9, call.reply);
    return call_.Run();
  }

  const Database* database_;
  const int64_t run_;
  Statement event_, node_, trial_, call_, end_trial_, end_call_, finish_, pool_, tree_, features_;
  TranscriptWriter transcript_;
  std::vector<NodeRecord> nodes_;
  std::vector<TrialRecord> trials_;
  std::vector<CallRecord> calls_;
  std::vector<std::function<Status()>> later_;  // writes of the other records, in their order
};

}  // namespace

Result<std::unique_ptr<Journal>> MakeSqliteJournal(const Database* database, int64_t run_number) {
  auto journal = std::make_unique<SqliteJournal>(database, run_number);
  BANYAN_RETURN_IF_ERROR(journal->PrepareStatements());
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace banyan
