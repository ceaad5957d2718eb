#include "app/run_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "app/output.h"
#include "base/format.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "schedule/transformation.h"

namespace banyan {
namespace {

// Trials and children are attached; sums go from the leaves up, since parents have smaller ids.
void Accumulate(RunView* view) {
  for (auto node = view->nodes.rbegin(); node != view->nodes.rend(); ++node) {
    NodeView& child = node->second;
    const auto parent = view->nodes.find(child.record.parent_id);
    if (parent == view->nodes.end() || parent->first >= node->first) continue;
    parent->second.visits += child.visits;
    if (!(parent->second.value >= child.value) && std::isfinite(child.value)) {
      parent->second.value = child.value;
    }
  }
}

double DefaultLatency(const RunView& view, const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (const auto* reference = std::get_if<ReferenceEvent>(&event.body)) {
      return reference->reference.default_latency_ms;
    }
  }
  return view.run.result.is_object() && view.run.result.contains("default_latency_ms")
             ? NumberFromJson(view.run.result["default_latency_ms"])
             : kNaN;
}

// The node whose trial's plan is the result's, else of the fastest trial.
int64_t BestNode(const RunView& view) {
  const Json& result = view.run.result;
  if (result.is_object() && result.contains("plan") && result["plan"].is_string()) {
    const std::string plan = result["plan"].get<std::string>();
    if (plan.empty()) return 0;
    for (const TrialRecord& trial : view.trials) {
      if (trial.plan == plan) return trial.node_id;
    }
  }
  const auto fastest = view.FastestTrials();
  return fastest.empty() ? 0 : fastest.front()->node_id;
}

std::string NodeLine(const NodeView& node, size_t columns) {
  std::string line(static_cast<size_t>(2 * node.depth), ' ');
  line += fmt::format("{}", node.record.node_id);
  if (node.trial_id != 0) line += fmt::format(" (trial {})", node.trial_id);
  line += fmt::format("  visits {}", node.visits);
  if (std::isfinite(node.value)) line += fmt::format(", value {:.2f}", node.value);
  if (std::isfinite(node.latency_ms)) line += ", " + FormatMs(node.latency_ms);
  if (!node.failure.empty()) line += ", failed: " + node.failure;
  line += fmt::format("  by {}", node.record.origin);
  if (!node.record.reason.empty()) line += ": " + OneLine(node.record.reason);
  return Shorten(line, columns);
}

}  // namespace

std::vector<const TrialRecord*> RunView::FastestTrials() const {
  std::vector<const TrialRecord*> fastest;
  for (const TrialRecord& trial : trials) {
    if (trial.finished && trial.outcome.ok() && !trial.outcome.stopped_early)
      fastest.push_back(&trial);
  }
  std::stable_sort(fastest.begin(), fastest.end(), [](const auto* a, const auto* b) {
    return RankingLatencyMs(a->outcome.samples_ms) < RankingLatencyMs(b->outcome.samples_ms);
  });
  return fastest;
}

Result<Plan> RunView::PlanOf(int64_t node_id) const {
  std::vector<const NodeRecord*> chain;
  int64_t id = node_id;
  while (true) {
    const auto node = nodes.find(id);
    if (node == nodes.end() || chain.size() > nodes.size()) break;
    chain.push_back(&node->second.record);
    if (node->second.record.delta_is_plan || node->second.record.parent_id < 0) break;
    id = node->second.record.parent_id;
  }
  if (chain.empty()) {
    return NotFound(fmt::format("run {} has no node {}", run.run_id, node_id));
  }
  std::string text;
  for (auto record = chain.rbegin(); record != chain.rend(); ++record) {
    text += (*record)->delta;
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return ParsePlan(text);
}

Result<RunView> LoadRunView(const Store& store, const std::string& run) {
  RunView view;
  BANYAN_ASSIGN_OR_RETURN(view.run, store.LoadRun(run));
  const std::string& run_id = view.run.run_id;
  BANYAN_ASSIGN_OR_RETURN(const auto nodes, store.LoadNodes(run_id));
  BANYAN_ASSIGN_OR_RETURN(view.trials, store.LoadTrials(run_id));
  BANYAN_ASSIGN_OR_RETURN(view.calls, store.LoadCalls(run_id));
  BANYAN_ASSIGN_OR_RETURN(const auto events, store.LoadEvents(run_id));
  view.default_latency_ms = DefaultLatency(view, events);
  for (const NodeRecord& record : nodes) {
    NodeView& node = view.nodes[record.node_id];
    node.record = record;
    node.value = kNaN;
    node.latency_ms = kNaN;
    const auto parent = view.nodes.find(record.parent_id);
    if (parent != view.nodes.end() && record.parent_id < record.node_id) {
      parent->second.children.push_back(record.node_id);
      node.depth = parent->second.depth + 1;
    }
  }
  const double basis_ms = std::isfinite(view.default_latency_ms) ? view.default_latency_ms : 1.0;
  for (const TrialRecord& trial : view.trials) {
    const auto found = view.nodes.find(trial.node_id);
    if (found == view.nodes.end()) continue;
    NodeView& node = found->second;
    node.trial_id = trial.trial_id;
    if (!trial.finished) continue;
    ++node.visits;
    if (trial.outcome.ok()) {
      node.latency_ms = RankingLatencyMs(trial.outcome.samples_ms);
      node.value = std::log(basis_ms / node.latency_ms);
    } else {
      node.failure = FailureKindName(trial.outcome.failure);
      if (!trial.outcome.failure_text.empty())
        node.failure += " (" + trial.outcome.failure_text + ")";
    }
  }
  Accumulate(&view);
  view.best_node = BestNode(view);
  return view;
}

std::string TreeText(const RunView& view, int64_t focus, size_t top, size_t columns) {
  const auto better = [&](int64_t a, int64_t b) {
    const NodeView& x = view.nodes.at(a);
    const NodeView& y = view.nodes.at(b);
    const double value_x = std::isfinite(x.value) ? x.value : -1e300;
    const double value_y = std::isfinite(y.value) ? y.value : -1e300;
    return value_x != value_y ? value_x > value_y : a < b;
  };
  // The best by value, with all their ancestors, so that every node shown hangs on one shown.
  std::vector<int64_t> order;
  for (const auto& [id, node] : view.nodes) order.push_back(id);
  std::sort(order.begin(), order.end(), better);
  std::set<int64_t> shown;
  const auto show = [&](int64_t id) {
    while (view.nodes.count(id) > 0 && shown.insert(id).second)
      id = view.nodes.at(id).record.parent_id;
  };
  show(focus);
  for (const int64_t id : order) {
    if (shown.size() >= top) break;
    show(id);
  }
  std::string text;
  std::vector<int64_t> stack;
  for (const auto& [id, node] : view.nodes) {
    if (node.depth == 0 && shown.count(id) > 0) stack.push_back(id);
  }
  std::reverse(stack.begin(), stack.end());
  while (!stack.empty()) {
    const int64_t id = stack.back();
    stack.pop_back();
    const NodeView& node = view.nodes.at(id);
    text += (id == focus ? "* " : "  ") + NodeLine(node, columns - 2) + "\n";
    std::vector<int64_t> children;
    for (const int64_t child : node.children) {
      if (shown.count(child) > 0) children.push_back(child);
    }
    std::sort(children.begin(), children.end(), better);
    stack.insert(stack.end(), children.rbegin(), children.rend());
  }
  if (shown.size() < view.nodes.size()) {
    text += fmt::format("  ... {} of {} nodes shown (--top N)\n", shown.size(), view.nodes.size());
  }
  return text;
}

std::string PlanInWords(const Plan& plan) {
  if (plan.steps.empty()) return "  nothing: the program as it was written\n";
  std::string text;
  size_t number = 0;
  for (const Step& step : plan.steps) {
    const Transformation* transformation = FindTransformation(step.op);
    text +=
        fmt::format("  {:>2}. {}\n", ++number,
                    transformation != nullptr ? transformation->Describe(step) : PrintStep(step));
  }
  return text;
}

Json NodeToJson(const NodeView& node) {
  return {{"node", node.record.node_id},
          {"parent", node.record.parent_id < 0 ? Json(nullptr) : Json(node.record.parent_id)},
          {"trial", node.trial_id == 0 ? Json(nullptr) : Json(node.trial_id)},
          {"visits", node.visits},
          {"value", NumberOrNull(node.value)},
          {"latency_ms", NumberOrNull(node.latency_ms)},
          {"failure", node.failure.empty() ? Json(nullptr) : Json(node.failure)},
          {"origin", node.record.origin},
          {"prior", NumberOrNull(node.record.prior)},
          {"reason", node.record.reason},
          {"delta", node.record.delta}};
}

}  // namespace banyan
