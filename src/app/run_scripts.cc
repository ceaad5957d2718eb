#include "app/run_scripts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/wiring.h"

namespace banyan {
namespace {

constexpr size_t kMostBytes = 1'200'000;  // of all programs: a page stays below 5 MB

std::vector<int64_t> WorthReading(const RunRecords& records, size_t most) {
  std::vector<std::pair<double, int64_t>> measured;
  for (const TrialRecord& trial : records.trials) {
    if (!trial.finished || !trial.outcome.ok()) continue;
    measured.emplace_back(RankingLatencyMs(trial.outcome.samples_ms), trial.node_id);
  }
  std::sort(measured.begin(), measured.end());
  std::vector<int64_t> nodes = {0, BestNode(records)};
  for (const auto& [latency_ms, node] : measured) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }
  if (nodes.size() > most) nodes.resize(most);
  return nodes;
}

}  // namespace

std::map<int64_t, std::string> ProgramScripts(const RunRecords& records, size_t most) {
  std::map<int64_t, std::string> scripts;
  size_t bytes = 0;
  const RunStart& start = records.run.start;
  PlanCompilers compilers(&start.workload, &start.target);
  for (const int64_t node : WorthReading(records, most)) {
    const auto plan = ParsePlan(PlanText(records, node));
    if (!plan.ok()) continue;
    const auto compiler = compilers.For(*plan);
    if (!compiler.ok()) continue;
    const auto candidate = (*compiler)->Apply(*plan);
    if (!candidate.ok()) continue;
    auto script = (*compiler)->Script(*candidate);
    if (!script.ok()) continue;
    bytes += script->size();
    if (bytes > kMostBytes) break;
    scripts[node] = std::move(script).value();
  }
  return scripts;
}

}  // namespace banyan
