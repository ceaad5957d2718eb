#pragma once

#include <string>
#include <vector>

#include "schedule/compiler.h"
#include "search/run_config.h"

namespace banyan {

// A preset: a name, what it does in a sentence, and the parts it switches.
struct Strategy {
  std::string description;
  StrategyConfig config;
};

// All presets in presentation order; `FindStrategy` of run_config.h looks up by name. Static
// lifetime.
const std::vector<Strategy>& Strategies();

ActionSpace SpaceOf(const StrategyConfig& config);

// InvalidArgument names the first field out of its range; CheckStrategy also what does not go
// together.
Status CheckFields(const StrategyConfig& config);
Status CheckStrategy(const StrategyConfig& config);
Status CheckBudget(const Budget& budget);

}  // namespace banyan
