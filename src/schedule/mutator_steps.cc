#include "schedule/mutator_steps.h"

#include <fmt/format.h>

#include "schedule/transform_all.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

constexpr const char* kDesignSpace = "design_space";
constexpr const char* kMutate = "mutate";

// What both have in common: nothing is told from the picture, and nothing is offered.
class MutatorSpaceStep : public TransformationBase {
 public:
  using TransformationBase::TransformationBase;

  Status Check(const ProgramView&, const Target&, const Step&) const final { return {}; }

 protected:
  std::vector<Json> Proposals(const ProgramView&, const Target&) const final { return {}; }
};

class DesignSpace final : public MutatorSpaceStep {
 public:
  DesignSpace()
      : MutatorSpaceStep(kDesignSpace,
                         "a random sample of MetaSchedule's design space (its first step)", R"({
  "type": "object",
  "properties": {
    "sample": {"type": "integer", "minimum": 0, "maximum": 2147483647,
               "description": "seed of the sample: chooses the sketch and all its decisions"}
  },
  "required": ["sample"]
})") {}

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    return schedule.SampleDesignSpace(DrawOf(step));
  }
  std::string Describe(const Step& step) const override {
    return fmt::format("sample {} of MetaSchedule's design space", DrawOf(step));
  }
};

class Mutate final : public MutatorSpaceStep {
 public:
  Mutate()
      : MutatorSpaceStep(kMutate, "one of MetaSchedule's mutators, whose parameters TVM draws", R"({
  "type": "object",
  "properties": {
    "mutator": {"type": "string", "enum": ["tile_size", "compute_location", "parallel", "unroll"],
                "description": "which kind of decision is drawn anew"},
    "draw": {"type": "integer", "minimum": 0, "maximum": 2147483647,
             "description": "seed of TVM's draw"}
  },
  "required": ["mutator", "draw"]
})") {}

  Status Apply(LiveSchedule& schedule, const Step& step) const override {
    return schedule.Mutate(Text(step.args, "mutator"), DrawOf(step));
  }
  std::string Describe(const Step& step) const override {
    return fmt::format("MetaSchedule's mutator {}, draw {}", Text(step.args, "mutator"),
                       DrawOf(step));
  }
};

}  // namespace

const Transformation& DesignSpaceTransformation() {
  static const DesignSpace kDesignSpaceStep;
  return kDesignSpaceStep;
}

const Transformation& MutateTransformation() {
  static const Mutate kMutateStep;
  return kMutateStep;
}

const std::vector<std::string>& MutatorNames() {
  static const std::vector<std::string> kNames = MutateTransformation()
                                                     .schema()["properties"]["mutator"]["enum"]
                                                     .get<std::vector<std::string>>();
  return kNames;
}

Step DesignSpaceStep(uint64_t sample) {
  return {kDesignSpace, {{"sample", static_cast<int64_t>(sample % kMutatorDraws)}}};
}

Step MutateStep(const std::string& mutator, uint64_t draw) {
  Step step{kMutate, Json::object()};
  step.args["mutator"] = mutator;
  step.args["draw"] = static_cast<int64_t>(draw % kMutatorDraws);
  return step;
}

bool IsDesignSpaceStep(const Step& step) { return step.op == kDesignSpace; }
bool IsMutateStep(const Step& step) { return step.op == kMutate; }

uint64_t DrawOf(const Step& step) {
  return step.args[IsDesignSpaceStep(step) ? "sample" : "draw"].get<uint64_t>();
}

std::vector<std::string> MutatorsOf(const Plan& plan) {
  std::vector<std::string> names;
  for (const Step& step : plan.steps) {
    if (IsMutateStep(step)) names.push_back(step.args["mutator"].get<std::string>());
  }
  return names;
}

}  // namespace banyan
