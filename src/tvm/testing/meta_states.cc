#include "tvm/testing/meta_states.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/rng.h"
#include "schedule/mutator_steps.h"

namespace banyan {

std::string DescribeMetaWalk(Compiler* compiler) {
  std::string text;
  const auto root = compiler->Root();
  if (!root.ok()) return root.error().message;
  Rng rng(11);
  for (uint64_t sample = 0; sample < 3; ++sample) {
    Candidate state = *root;
    Step step = DesignSpaceStep(sample);
    for (int i = 0; i < 8; ++i) {
      const auto next = compiler->Extend(state, {step});
      if (next.ok()) {
        state = *next;
        const auto trace = compiler->TracePython(state);
        const auto json = compiler->TraceJson(state);
        text += fmt::format("{} -> {} {} {}\n", PrintStep(step), HashHex(state.program_hash),
                            HashHex(Hash64(trace.ok() ? *trace : trace.error().message)),
                            HashHex(Hash64(json.ok() ? json->dump() : json.error().message)));
      } else {
        text += next.error().message + "\n";
        if (state.plan.steps.empty()) break;
      }
      step = MutateStep(rng.Pick(MutatorNames()), rng.Below(kMutatorDraws));
    }
  }
  return text;
}

}  // namespace banyan
