#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace banyan {

// One transformation with its arguments, e.g. tile(block=O, factors={i: [8], k: [4]},
// order=[i.0, k.0, i.1, k.1]). The same as JSON: {"op": "tile", "block": "O", ...}. A value.
struct Step {
  std::string op;
  Json args = Json::object();

  bool operator==(const Step& other) const { return op == other.op && args == other.args; }
};

// Deepest nesting of lists and objects in a step's arguments.
inline constexpr int kMaxStepDepth = 8;

// An ordered list of steps, applied to the workload's default program. Its canonical text, one step
// a line, is its identity; '#' starts a comment in files. A value.
struct Plan {
  std::vector<Step> steps;

  bool operator==(const Plan& other) const { return steps == other.steps; }
  bool HasPrefix(const Plan& prefix) const;
  size_t CommonSteps(const Plan& other) const;  // at the beginning of both
  Plan Then(const std::vector<Step>& more) const;
};

// Canonical text: arguments in the order of the transformation's schema, defaults left out. Parsing
// and printing are inverse: ParseStep(PrintStep(s)) == s for every canonical step.
std::string PrintStep(const Step& step);
std::string PrintPlan(const Plan& plan);

// Grammar: op '(' [key '=' value {',' key '=' value}] ')'; value: integer, float, true, false, name
// ([A-Za-z_0-9.*%/+-]+, or quoted as in JSON), '[' values ']', '{' key ':' value, ... '}'.
// Checks names and types against the transformation's schema; errors carry line and column.
Result<Step> ParseStep(std::string_view text);
Result<Plan> ParsePlan(std::string_view text);

// Checks a step built in code against its transformation's schema and brings it to canonical form:
// arguments in schema order, defaults and nulls left out, names relative to their block.
Result<Step> CanonicalStep(Step step);

// {"op": ..., args...} <-> Step, with the same checks and canonical form.
Result<Step> StepFromJson(const Json& json);
Json StepToJson(const Step& step);
Result<Plan> PlanFromJson(const Json& json);  // an array of steps
Json PlanToJson(const Plan& plan);

// JSON schema of one step (one branch for each transformation) and of a plan.
Json StepJsonSchema();
Json PlanJsonSchema();

// Hash64 of the canonical text.
uint64_t PlanHash(const Plan& plan);
uint64_t PlanTextHash(std::string_view canonical_text);
// PlanHash of the first 0, 1, ..., all steps; each step is printed once.
std::vector<uint64_t> PrefixHashes(const Plan& plan);

}  // namespace banyan
