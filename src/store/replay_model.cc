#include "store/replay_model.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "search/event.h"
#include "store/blob.h"
#include "store/store.h"
#include "store/transcript.h"

namespace banyan {
namespace {

struct RecordedCall {
  ModelReply reply;
  CallLimits limits;  // as the run was told; 0: it was not
};

class ReplayModel final : public Model {
 public:
  ReplayModel(ModelInfo info, std::string source, std::vector<RecordedCall> calls,
              std::unordered_map<std::string, size_t> by_request)
      : info_(std::move(info)),
        source_(std::move(source)),
        calls_(std::move(calls)),
        by_request_(std::move(by_request)) {}

  const ModelInfo& info() const override { return info_; }

  ModelReply Propose(const ModelRequest& request) override {
    if (const RecordedCall* call = Find(request)) return call->reply;
    ModelReply reply;
    reply.failure = CallFailure::kRefused;
    reply.error = "the recording of " + source_ + " holds " + std::to_string(calls_.size()) +
                  " answers, no further one";
    return reply;
  }

  CallLimits Limits(const ModelRequest& request) const override {
    const RecordedCall* call = Find(request);
    if (call == nullptr) return {};
    const Usage& usage = call->reply.usage;
    return {.tokens = std::max(call->limits.tokens, usage.tokens_in + usage.tokens_out),
            .cost_usd = std::max(call->limits.cost_usd, usage.cost_usd)};
  }

 private:
  const RecordedCall* Find(const ModelRequest& request) const {
    const std::string text = DumpJson(RequestToJson(request));
    if (const auto found = by_request_.find(ContentHash(text)); found != by_request_.end()) {
      return &calls_[found->second];
    }
    // How often it was asked before, as the request itself says.
    size_t place = 0;
    for (const ModelStanding& standing : request.pool) {
      if (standing.info.name == info_.name) {
        place = static_cast<size_t>(standing.calls + standing.alterations);
      }
    }
    return place < calls_.size() ? &calls_[place] : nullptr;
  }

  const ModelInfo info_;
  const std::string source_;
  const std::vector<RecordedCall> calls_;  // in the order they were made
  const std::unordered_map<std::string, size_t> by_request_;
};

// Names of the models that the run asked, for an error.
std::string Names(const std::vector<CallRecord>& calls) {
  std::string names;
  for (const CallRecord& call : calls) {
    if (names.find(call.model) != std::string::npos) continue;
    names += (names.empty() ? "" : ", ") + call.model;
  }
  return names.empty() ? std::string("it asked none") : "it asked " + names;
}

}  // namespace

Result<std::unique_ptr<Model>> MakeReplayModel(const PoolEntry& entry) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(entry.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const StoredRun run,
                          store->LoadRun(entry.run.empty() ? "last" : entry.run));
  const std::string& recorded = entry.model.empty() ? entry.name : entry.model;
  BANYAN_ASSIGN_OR_RETURN(const auto records, store->LoadCalls(run.run_id));
  BANYAN_ASSIGN_OR_RETURN(const auto transcript, store->LoadTranscript(run.run_id));
  BANYAN_ASSIGN_OR_RETURN(const auto events, store->LoadEvents(run.run_id));

  std::map<uint64_t, CallLimits> limits;
  for (const Event& event : events) {
    // The last one before a call was made is the call's.
    if (const auto* said = std::get_if<LimitsEvent>(&event.body)) {
      limits[said->call_id] = said->limits;
    }
  }
  std::vector<RecordedCall> calls;
  std::map<uint64_t, size_t> places;
  for (const CallRecord& record : records) {
    if (record.model != recorded || !record.answered) continue;
    places[record.call_id] = calls.size();
    calls.push_back({record.reply, limits[record.call_id]});
  }
  if (calls.empty()) {
    return NotFound("run " + run.run_id + " of store '" + entry.store +
                    "' holds no answer of a model '" + recorded + "': " + Names(records));
  }
  std::unordered_map<std::string, size_t> by_request;
  for (const StoredExchange& exchange : transcript) {
    const auto place = places.find(exchange.call_id);
    if (exchange.ordinal != 0 || place == places.end()) continue;
    by_request.emplace(ContentHash(exchange.request), place->second);
  }
  ModelInfo info{.name = entry.name,
                 .role = entry.role,
                 .repeatable = true,
                 .parameters_b = entry.parameters_b,
                 .price = entry.price};
  for (const ModelInfo& known : run.models) {
    if (known.name == recorded) info.reads_text = known.reads_text;
  }
  return std::unique_ptr<Model>(std::make_unique<ReplayModel>(
      std::move(info), recorded + " in run " + run.run_id + " of '" + entry.store + "'",
      std::move(calls), std::move(by_request)));
}

}  // namespace banyan
