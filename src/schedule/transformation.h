#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/rng.h"
#include "schedule/live_schedule.h"
#include "schedule/program.h"
#include "schedule/step.h"
#include "schedule/target.h"

namespace banyan {

// A parameterised schedule step, named by what it means to a compiler engineer. It finds its places
// from the program's blocks, loops and accesses, never from a workload's name. Stateless,
// thread-safe.
class Transformation {
 public:
  virtual ~Transformation() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;  // one line, for people and prompts
  // JSON schema of the arguments (draft 2020-12 subset: type, properties, required, items,
  // additionalProperties as a schema, enum, minimum, maximum, minItems, maxItems, minProperties,
  // description, default). Arguments print in the order of its properties.
  virtual const Json& schema() const = 0;
  // Brings arguments that fit the schema to their one canonical form (names relative to their
  // block, sorted keys), so that equal steps have equal text. Called by CanonicalStep.
  virtual Status Canonicalize(Json& args) const = 0;

  // Fast check against the picture, without TVM: names exist, kinds fit, factors sane. Passing is
  // no promise that Apply succeeds; failing is a promise that it would not help.
  virtual Status Check(const ProgramView& program, const Target& target,
                       const Step& step) const = 0;
  // Legal steps at this program in a stable order, at most `limit` (evenly thinned, not cut off).
  virtual std::vector<Step> Enumerate(const ProgramView& program, const Target& target,
                                      size_t limit) const = 0;
  // A legal step drawn at random; nullopt where there is none (or none was hit in a few draws).
  virtual std::optional<Step> Sample(const ProgramView& program, const Target& target,
                                     Rng& rng) const = 0;
  // Small legal changes of one parameter of `step`, `program` being the one it applies to.
  virtual std::vector<Step> Neighbours(const ProgramView& program, const Target& target,
                                       const Step& step) const = 0;
  virtual Status Apply(LiveSchedule& schedule, const Step& step) const = 0;
  // What the step did, in words, for prompts and `explain`.
  virtual std::string Describe(const Step& step) const = 0;
};

// All transformations of the plan space, which models, prompts and random moves choose from, in
// presentation order. Static lifetime.
const std::vector<const Transformation*>& AllTransformations();
// The steps of the MetaSchedule action space (mutator_steps.h): plans may hold them, nobody is
// offered them. Static lifetime.
const std::vector<const Transformation*>& MutatorSpaceTransformations();
// Of either space.
const Transformation* FindTransformation(std::string_view name);  // nullptr: none

// Applies steps in order; the error says which step failed ("step 3, tile(...): reason"). With a
// target, each step passes its Check before it is applied (the static refusals need one).
Status ApplySteps(LiveSchedule& schedule, const std::vector<Step>& steps, size_t first_number = 1,
                  const Target* target = nullptr);

// Legal steps of all transformations, at most `limit_each` of each, in presentation order.
std::vector<Step> EnumerateSteps(const ProgramView& program, const Target& target,
                                 size_t limit_each);
// A kind drawn uniformly among those that have a legal step, then its parameters.
std::optional<Step> SampleStep(const ProgramView& program, const Target& target, Rng& rng);
// Neighbours by the step's own transformation.
std::vector<Step> NeighbourSteps(const ProgramView& program, const Target& target,
                                 const Step& step);

}  // namespace banyan
