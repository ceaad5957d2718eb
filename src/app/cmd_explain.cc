#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "app/run_view.h"
#include "app/wiring.h"
#include "base/format.h"

namespace banyan {
namespace {

// The lines before the tree: which run this is and how it stands.
std::string Header(const RunView& view, const NodeView& node) {
  std::vector<std::pair<std::string, std::string>> rows = {
      {"run", fmt::format("{} ({})", view.run.run_id, RunStatusName(view.run.status))},
      {"workload", view.run.start.workload.id},
      {"strategy",
       fmt::format("{}, seed {}", view.run.start.config.strategy.name, view.run.start.config.seed)},
      {"default", FormatMs(view.default_latency_ms)}};
  std::string shown = fmt::format("node {}", node.record.node_id);
  if (std::isfinite(node.latency_ms)) {
    shown += ", " + FormatMs(node.latency_ms);
    if (std::isfinite(view.default_latency_ms)) {
      shown += ", " + FormatRatio(view.default_latency_ms / node.latency_ms);
    }
  }
  rows.emplace_back(node.record.node_id == view.best_node ? "best" : "shown", shown);
  if (!view.run.error.empty()) rows.emplace_back("error", view.run.error);
  return AlignedRows(rows);
}

// How much faster the call's best proposal was than the best known when it was asked.
std::string GainText(const CallRecord& call) {
  if (!call.answered || !std::isfinite(call.gain)) return "-";
  return call.gain > 0 ? FormatRatio(std::exp(call.gain)) : "none";
}

std::string CallsText(const RunView& view) {
  using Align = TextTable::Align;
  TextTable table(
      {Align::kRight, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.AddRow({"call", "model", "node", "proposals", "accepted", "gain", "why"});
  for (const CallRecord& call : view.calls) {
    table.AddRow({std::to_string(call.call_id), call.model, std::to_string(call.node_id),
                  call.answered ? std::to_string(call.reply.proposals.size()) : "-",
                  std::to_string(call.accepted), GainText(call),
                  call.reply.error.empty() ? call.why : call.why + "; error: " + call.reply.error});
  }
  return view.calls.empty() ? std::string("none\n") : table.Print();
}

// What one call was asked and what it answered, as it went over the wire.
Result<int> ExplainCall(const Store& store, const RunView& view, uint64_t call_id, bool as_json) {
  const auto call = std::find_if(view.calls.begin(), view.calls.end(),
                                 [&](const CallRecord& one) { return one.call_id == call_id; });
  if (call == view.calls.end()) {
    return NotFound(fmt::format("run {} has no call {}: it made {}", view.run.run_id, call_id,
                                view.calls.size()));
  }
  BANYAN_ASSIGN_OR_RETURN(const auto transcript, store.LoadTranscript(view.run.run_id));
  Json exchanges = Json::array();
  std::string text = fmt::format("call {} to {}: {}\n", call_id, call->model, call->why);
  if (call->answered) {
    text += fmt::format("{} of {} proposals accepted, gain over the best before: {}\n",
                        call->accepted, call->reply.proposals.size(), GainText(*call));
  }
  for (const StoredExchange& exchange : transcript) {
    if (exchange.call_id != call_id) continue;
    if (exchange.ordinal == 0) {
      text += "\nThe request\n" + exchange.request + "\n";
    } else {
      text += fmt::format("\nSent ({})\n{}\n\nReceived ({})\n{}\n", exchange.ordinal,
                          exchange.request, exchange.ordinal, exchange.reply);
    }
    exchanges.push_back({{"ordinal", exchange.ordinal},
                         {"request", exchange.request},
                         {"reply", exchange.ordinal == 0 ? Json(nullptr) : Json(exchange.reply)}});
  }
  Json reply = call->answered ? ToJson(call->reply) : Json(nullptr);
  if (as_json) {
    PrintJson({{"run_id", view.run.run_id},
               {"call_id", call_id},
               {"model", call->model},
               {"why", call->why},
               {"accepted", call->accepted},
               {"gain", NumberOrNull(call->gain)},
               {"exchanges", std::move(exchanges)},
               {"reply", std::move(reply)}});
    return 0;
  }
  text += "\nThe reply as it was understood\n" +
          reply.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

Result<int> RunExplain(const CommonOptions& common, const ExplainOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const RunView view, LoadRunView(*store, options.run));
  if (options.call) {
    return ExplainCall(*store, view, static_cast<uint64_t>(*options.call), common.json);
  }
  const int64_t node_id = options.node.value_or(view.best_node);
  const auto found = view.nodes.find(node_id);
  if (found == view.nodes.end()) {
    if (view.nodes.empty()) return NotFound(fmt::format("run {} has no tree yet", view.run.run_id));
    return NotFound(fmt::format("run {} has no node {}: its nodes are 0 to {}", view.run.run_id,
                                node_id, view.nodes.rbegin()->first));
  }
  const NodeView& node = found->second;
  BANYAN_ASSIGN_OR_RETURN(const Plan plan, view.PlanOf(node_id));

  const bool all = !options.tree && !options.words && !options.script && !options.trace;
  std::string script;
  std::string trace;
  if (all || options.script || options.trace) {
    const RunStart& start = view.run.start;
    BANYAN_ASSIGN_OR_RETURN(auto compiler,
                            MakeCompiler(start.workload, start.target, ActionSpaceOf(plan)));
    BANYAN_ASSIGN_OR_RETURN(const Candidate candidate, compiler->Apply(plan));
    if (all || options.script) {
      BANYAN_ASSIGN_OR_RETURN(script, compiler->Script(candidate));
    }
    if (all || options.trace) {
      BANYAN_ASSIGN_OR_RETURN(trace, compiler->TracePython(candidate));
    }
  }

  if (common.json) {
    Json nodes = Json::array();
    for (const auto& [id, other] : view.nodes) nodes.push_back(NodeToJson(other));
    PrintJson({{"run_id", view.run.run_id},
               {"status", RunStatusName(view.run.status)},
               {"workload", view.run.start.workload.id},
               {"default_latency_ms", NumberOrNull(view.default_latency_ms)},
               {"node", NodeToJson(node)},
               {"plan", PrintPlan(plan)},
               {"words", PlanInWords(plan)},
               {"script", script.empty() ? Json(nullptr) : Json(script)},
               {"trace", trace.empty() ? Json(nullptr) : Json(trace)},
               {"nodes", std::move(nodes)},
               {"result", view.run.result}});
    return 0;
  }
  // One part alone is printed bare, for pipes.
  const bool several =
      all || int{options.tree} + int{options.words} + int{options.script} + int{options.trace} > 1;
  const auto part = [&](bool wanted, const char* heading, const std::string& text) {
    if (!all && !wanted) return;
    if (several) fmt::print("\n{}\n", heading);
    std::fputs(text.c_str(), stdout);
    if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
  };
  if (all) std::fputs(Header(view, node).c_str(), stdout);
  const size_t columns = IsTerminal(STDOUT_FILENO)
                             ? static_cast<size_t>(std::max(40, TerminalColumns(STDOUT_FILENO)))
                             : 160;
  part(options.tree, "The tree (* is the node shown; value: best log-speedup at or below)",
       TreeText(view, node_id, static_cast<size_t>(options.top), columns));
  if (all) part(true, "Calls", CallsText(view));
  part(options.words, "The plan in words", PlanInWords(plan));
  if (all) part(true, "The plan (for `banyan apply`)", PrintPlan(plan));
  part(options.trace, "The schedule in Python", trace);
  part(options.script, "The scheduled program in TVMScript", script);
  return 0;
}

}  // namespace banyan
