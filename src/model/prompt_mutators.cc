// The prompt of the published methods' action space: programs, traces and predicted scores; no
// hardware, no latency.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "base/strings.h"
#include "model/prompt_parts.h"

namespace banyan {
namespace {

const char* const kStateNames[] = {"Current schedule", "Its parent", "Its grandparent"};

std::string Explanation(const std::string& mutator) {
  if (mutator == "tile_size") {
    return "draws other factors for one split of a loop (how an extent is cut into levels)";
  }
  if (mutator == "compute_location") {
    return "draws another loop inside which one block is computed, or its own place";
  }
  if (mutator == "parallel") {
    return "draws another limit for how many iterations the outer parallel loop has";
  }
  if (mutator == "unroll") return "draws another limit for the automatic unrolling of inner loops";
  return "draws one decision of its kind anew";
}

}  // namespace

std::string MutatorStates(const ModelRequest& request, PromptCut cut) {
  std::string text;
  for (size_t i = 0; i < request.states.size() && i < std::size(kStateNames); ++i) {
    const StateText& state = request.states[i];
    text += fmt::format("\n# {}\nPredicted score: {}\n", kStateNames[i], Score(state.score));
    if (i == 0) continue;  // its texts come from the caller
    if (!state.trace.empty()) text += "Trace:\n" + Fence("", state.trace);
    const bool left_out = (i == 2 && cut >= PromptCut::kGrandparent) || cut >= PromptCut::kParent;
    if (left_out) {
      text += "(left out for length: its program)\n";
    } else if (!state.script.empty()) {
      text += "Program:\n" + Fence("python", state.script);
    }
  }
  return text;
}

std::string MutatorTask(const ModelRequest& request) {
  std::string text = "\n# Mutators\n";
  for (const std::string& name : request.mutators) {
    text += fmt::format("- {}: {}\n", name, Explanation(name));
  }
  text += fmt::format(
      "\n# The search\nDepth of the current schedule: {}. Share of the trials spent: {}.\n",
      request.depth, FormatPercent(std::clamp(request.progress, 0.0, 1.0)));
  if (const std::string failures = FailuresSection(request, true); !failures.empty()) {
    text += "\n# Mutators that failed here, newest first\n" + failures;
  }
  if (request.pool.size() > 1) text += "\n# Models\n" + ModelsSection(request);
  return text;
}

}  // namespace banyan
