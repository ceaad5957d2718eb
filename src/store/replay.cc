#include "store/replay.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/strings.h"
#include "model/pool.h"
#include "search/journal_reader.h"
#include "search/search.h"
#include "store/blob.h"

namespace banyan {
namespace {

constexpr size_t kLineBytes = 400;  // of what a report shows

// What two rows are compared by, in one line. Nine digits, as in the dump.
std::string TextOf(const NodeRecord& node) {
  return fmt::format("parent {} origin {} call {} prior {:.9g} plan {} program {} {}{}{}",
                     node.parent_id, node.origin, node.call_id, node.prior, HashHex(node.plan_hash),
                     HashHex(node.program_hash), node.delta_is_plan ? "= " : "+ ",
                     OneLine(node.delta, SIZE_MAX),
                     node.reason.empty() ? "" : " reason: " + node.reason);
}
std::string TextOf(const TrialRecord& trial) {
  return fmt::format("node {} program {} plan {}", trial.node_id, HashHex(trial.program_hash),
                     OneLine(trial.plan, SIZE_MAX));
}
std::string EndOf(const TrialRecord& trial) {
  if (!trial.finished) return "not ended";
  return fmt::format("{} {:.9g} ms", FailureKindName(trial.outcome.failure),
                     RankingLatencyMs(trial.outcome.samples_ms));
}
std::string TextOf(const CallRecord& call) {
  return fmt::format("model {} ({}) node {} why: {}", call.model, ModelRoleName(call.role),
                     call.node_id, call.why);
}
std::string EndOf(const CallRecord& call) {
  return fmt::format("answered {} proposals {} accepted {}", call.answered,
                     call.reply.proposals.size(), call.accepted);
}
std::string EndOf(const NodeRecord&) { return {}; }

// Rows of one kind: those stored, and those that come again.
template <typename Record>
struct Rows {
  const char* name;
  std::map<uint64_t, Record> stored;
  std::map<uint64_t, Record> now;
};

class Replay {
 public:
  Replay(const Store& store, const StoredRun& run) : store_(store), run_(run) {}

  Result<ReplayReport> Run(Compiler* compiler) {
    BANYAN_RETURN_IF_ERROR(Load());
    JournalReader reader(&events_);
    const auto limits = [&reader](size_t model, const ModelRequest&) {
      return reader.TakeLimits(model).value_or(CallLimits());
    };
    BANYAN_ASSIGN_OR_RETURN(const auto search,
                            Search::Make(run_.start.config, models_, compiler, limits));
    report_.events = static_cast<int64_t>(events_.size());
    while (report_.where.empty()) {
      const auto event = reader.Next();
      if (!event.ok()) {
        Differ("the journal", event.error().message, "another decision");
        break;
      }
      if (*event == nullptr) break;
      Feed(**event, search.get());
    }
    report_.dump = search->DumpTree();
    report_.hash = ContentHash(report_.dump);
    report_.nodes = static_cast<int64_t>(nodes_.now.size());
    report_.trials = static_cast<int64_t>(trials_.now.size());
    report_.calls = static_cast<int64_t>(calls_.now.size());
    if (report_.where.empty()) CompareEnds();
    if (report_.where.empty()) CompareTree();
    report_.identical = report_.where.empty();
    return std::move(report_);
  }

 private:
  Status Load() {
    BANYAN_ASSIGN_OR_RETURN(events_, store_.LoadEvents(run_.run_id));
    BANYAN_ASSIGN_OR_RETURN(const auto nodes, store_.LoadNodes(run_.run_id));
    for (const NodeRecord& node : nodes) {
      nodes_.stored[static_cast<uint64_t>(node.node_id)] = node;
    }
    BANYAN_ASSIGN_OR_RETURN(const auto trials, store_.LoadTrials(run_.run_id));
    for (const TrialRecord& trial : trials) trials_.stored[trial.trial_id] = trial;
    BANYAN_ASSIGN_OR_RETURN(const auto calls, store_.LoadCalls(run_.run_id));
    for (const CallRecord& call : calls) calls_.stored[call.call_id] = call;
    models_ = run_.models;
    if (models_.empty()) {  // a run of schema 1 knows built-in experts only
      for (const PoolEntry& entry : run_.start.config.pool) {
        BANYAN_ASSIGN_OR_RETURN(const auto model, MakeModel(entry));
        models_.push_back(model->info());
      }
    }
    return Ok{};
  }

  void Differ(std::string where, const std::string& stored, const std::string& now) {
    if (!report_.where.empty()) return;
    report_.where = std::move(where);
    report_.stored = OneLine(stored, kLineBytes);
    report_.now = OneLine(now, kLineBytes);
  }

  void Feed(const Event& event, Search* search) {
    const std::string at = fmt::format("event {} ({})", event.index, EventName(event));
    const RunProgress before = search->Progress();
    if (const auto* ended = std::get_if<OutcomeEvent>(&event.body);
        ended != nullptr &&
        ended->outcome.trial_id > static_cast<uint64_t>(before.trials_started)) {
      return Differ(at, fmt::format("trial {} ended", ended->outcome.trial_id),
                    fmt::format("{} trials were started", before.trials_started));
    }
    if (const auto* reply = std::get_if<ReplyEvent>(&event.body);
        reply != nullptr && reply->call_id > static_cast<uint64_t>(before.calls_made)) {
      return Differ(at, fmt::format("call {} was answered", reply->call_id),
                    fmt::format("{} calls were made", before.calls_made));
    }
    if (std::holds_alternative<FinalsEvent>(event.body) && before.phase != "finals") {
      return Differ(at, "the search had ended", "it goes on: " + before.last);
    }
    (void)search->Advance(event);
    // A kill may have come before the rows of the last event were written.
    const bool last = event.index + 1 == report_.events && run_.status != RunStatus::kFinished;
    for (const Row& row : search->TakeRows()) {
      std::visit([&](const auto& record) { Compare(record, at, last); }, row);
    }
  }

  void Compare(const NodeRecord& node, const std::string& at, bool may_lack) {
    Compare(&nodes_, static_cast<uint64_t>(node.node_id), node, at, may_lack);
  }
  void Compare(const TrialRecord& trial, const std::string& at, bool may_lack) {
    Compare(&trials_, trial.trial_id, trial, at, may_lack);
  }
  void Compare(const CallRecord& call, const std::string& at, bool may_lack) {
    Compare(&calls_, call.call_id, call, at, may_lack);
  }
  template <typename Record>
  void Compare(Rows<Record>* rows, uint64_t id, const Record& now, const std::string& at,
               bool may_lack) {
    rows->now.insert_or_assign(id, now);
    const auto stored = rows->stored.find(id);
    const std::string where = fmt::format("{}: {} {}", at, rows->name, id);
    if (stored == rows->stored.end()) {
      if (!may_lack) Differ(where, "nothing", TextOf(now));
    } else if (TextOf(stored->second) != TextOf(now)) {
      Differ(where, TextOf(stored->second), TextOf(now));
    }
  }

  // How trials and calls ended, and whether all that is stored came again.
  void CompareEnds() {
    CompareEnds(nodes_);
    CompareEnds(trials_);
    CompareEnds(calls_);
  }
  template <typename Record>
  void CompareEnds(const Rows<Record>& rows) {
    for (const auto& [id, stored] : rows.stored) {
      const std::string where = fmt::format("{} {}", rows.name, id);
      const auto now = rows.now.find(id);
      if (now == rows.now.end()) {
        Differ(where, TextOf(stored), "nothing");
      } else if (run_.status == RunStatus::kFinished && EndOf(stored) != EndOf(now->second)) {
        Differ(where, EndOf(stored), EndOf(now->second));
      }
    }
  }

  void CompareTree() {
    const auto tree = store_.LoadTree(run_.run_id);
    if (!tree.ok()) return Differ("the stored tree", tree.error().message, "hash " + report_.hash);
    if (tree->dump.empty() || tree->events != report_.events) return;
    report_.whole_tree = true;
    if (tree->dump == report_.dump) return;
    const std::vector<std::string> stored = Lines(tree->dump);
    const std::vector<std::string> now = Lines(report_.dump);
    std::string place;  // the last line that begins an entry
    for (size_t i = 0; i < std::max(stored.size(), now.size()); ++i) {
      const std::string one = i < stored.size() ? stored[i] : "nothing";
      const std::string other = i < now.size() ? now[i] : "nothing";
      if (one == other) {
        if (!one.empty() && one[0] != ' ') place = FirstWords(one);
        continue;
      }
      if (!one.empty() && one[0] != ' ') place = FirstWords(one);
      return Differ(fmt::format("line {} of the tree: {}", i + 1, place), one, other);
    }
  }

  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    size_t begin = 0;
    while (begin < text.size()) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }
  // "node 9 parent ..." -> "node 9".
  static std::string FirstWords(const std::string& line) {
    const size_t first = line.find(' ');
    return first == std::string::npos ? line : line.substr(0, line.find(' ', first + 1));
  }

  const Store& store_;
  const StoredRun& run_;
  std::vector<Event> events_;
  std::vector<ModelInfo> models_;
  Rows<NodeRecord> nodes_{.name = "node", .stored = {}, .now = {}};
  Rows<TrialRecord> trials_{.name = "trial", .stored = {}, .now = {}};
  Rows<CallRecord> calls_{.name = "call", .stored = {}, .now = {}};
  ReplayReport report_;
};

}  // namespace

Result<ReplayReport> ReplayRun(const Store& store, const StoredRun& run, Compiler* compiler) {
  return Replay(store, run).Run(compiler);
}

}  // namespace banyan
