#include <fmt/format.h>

#include <cstdio>

#include "app/commands.h"
#include "app/output.h"
#include "app/wiring.h"
#include "store/replay.h"
#include "store/store.h"

namespace banyan {

Result<int> RunReplay(const CommonOptions& common, const ReplayOptions& options) {
  BANYAN_ASSIGN_OR_RETURN(const auto store, Store::Open(common.store, Store::Mode::kRead));
  BANYAN_ASSIGN_OR_RETURN(const StoredRun run, store->LoadRun(options.run));
  const RunStart& start = run.start;
  if (start.config.strategy.name == "apply") {
    return InvalidArgument(
        fmt::format("run {} applied a plan: there is no search to replay", run.run_id));
  }
  if (run.status == RunStatus::kRunning) {
    return InvalidArgument(
        fmt::format("run {} is still being written: wait for its end", run.run_id));
  }
  BANYAN_ASSIGN_OR_RETURN(const auto compiler, MakeCompiler(start.workload, start.target,
                                                            start.config.strategy.action_space));
  BANYAN_ASSIGN_OR_RETURN(const ReplayReport report, ReplayRun(*store, run, compiler.get()));
  const char* const compared = report.whole_tree ? "tree" : "records";
  if (common.json) {
    Json object = {{"run_id", run.run_id},          {"status", RunStatusName(run.status)},
                   {"identical", report.identical}, {"compared", compared},
                   {"events", report.events},       {"nodes", report.nodes},
                   {"trials", report.trials},       {"calls", report.calls},
                   {"tree_hash", report.hash}};
    if (!report.identical) {
      object["difference"] = {
          {"where", report.where}, {"stored", report.stored}, {"now", report.now}};
    }
    if (options.dump) object["dump"] = report.dump;
    PrintJson(object);
    return report.identical ? 0 : 1;
  }
  if (options.dump) std::fputs(report.dump.c_str(), stdout);
  std::FILE* const out = options.dump ? stderr : stdout;
  if (report.identical) {
    fmt::print(out, "identical: run {}, {} events, {} nodes, {} trials, {} calls; {}\n", run.run_id,
               report.events, report.nodes, report.trials, report.calls,
               report.whole_tree ? "tree " + report.hash
                                 : std::string("records compared, the run stored no tree at its "
                                               "end"));
    return 0;
  }
  fmt::print(out, "different: run {} at {}\n  stored: {}\n  now:    {}\n", run.run_id, report.where,
             report.stored, report.now);
  return 1;
}

}  // namespace banyan
