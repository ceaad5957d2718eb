#include "schedule/transformation.h"

#include <fmt/format.h>

#include "schedule/transform_all.h"

namespace banyan {

const std::vector<const Transformation*>& AllTransformations() {
  static const std::vector<const Transformation*> kAll = {
      &TileTransformation(),         &PackTransformation(),         &AccumulateTransformation(),
      &FuseProducerTransformation(), &FuseConsumerTransformation(), &InlineTransformation(),
      &VectorizeTransformation(),    &UnrollTransformation(),       &ParallelizeTransformation(),
      &FuseLoopsTransformation(),    &ReorderTransformation(),      &PaddingTransformation(),
      &RFactorTransformation(),      &LayoutTransformation(),       &PrimitiveTransformation()};
  return kAll;
}

const std::vector<const Transformation*>& MutatorSpaceTransformations() {
  static const std::vector<const Transformation*> kAll = {&DesignSpaceTransformation(),
                                                          &MutateTransformation()};
  return kAll;
}

const Transformation* FindTransformation(std::string_view name) {
  for (const auto* space : {&AllTransformations(), &MutatorSpaceTransformations()}) {
    for (const auto* transformation : *space) {
      if (transformation->name() == name) return transformation;
    }
  }
  return nullptr;
}

Status ApplySteps(LiveSchedule& schedule, const std::vector<Step>& steps, size_t first_number,
                  const Target* target) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    auto failed = [&](const Error& error) {
      return Error{error.code,
                   fmt::format("step {}, {}: {}", first_number + i, PrintStep(step), error.message),
                   error.context};
    };
    const Transformation* transformation = FindTransformation(step.op);
    if (transformation == nullptr) {
      return failed(InvalidArgument("unknown transformation"));
    }
    if (target != nullptr) {
      auto program = schedule.Program();
      if (!program.ok()) return failed(program.error());
      if (auto status = transformation->Check(**program, *target, step); !status.ok()) {
        return failed(status.error());
      }
    }
    if (auto status = transformation->Apply(schedule, step); !status.ok()) {
      return failed(status.error());
    }
  }
  return {};
}

std::vector<Step> EnumerateSteps(const ProgramView& program, const Target& target,
                                 size_t limit_each) {
  std::vector<Step> steps;
  for (const auto* transformation : AllTransformations()) {
    for (auto& step : transformation->Enumerate(program, target, limit_each)) {
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

std::optional<Step> SampleStep(const ProgramView& program, const Target& target, Rng& rng) {
  std::vector<const Transformation*> kinds = AllTransformations();
  rng.Shuffle(kinds);
  for (const auto* transformation : kinds) {
    if (auto step = transformation->Sample(program, target, rng)) return step;
  }
  return std::nullopt;
}

std::vector<Step> NeighbourSteps(const ProgramView& program, const Target& target,
                                 const Step& step) {
  const Transformation* transformation = FindTransformation(step.op);
  if (transformation == nullptr) return {};
  return transformation->Neighbours(program, target, step);
}

}  // namespace banyan
