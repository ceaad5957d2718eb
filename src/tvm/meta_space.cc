#include "tvm/meta_space.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/rng.h"
#include "tvm/node.h"
#include "tvm/pipeline.h"

namespace banyan {
namespace {

using ffi::ObjectRef;
using Refs = ffi::Array<ObjectRef>;

constexpr std::string_view kRoom = "s_tir.meta_schedule.";

// TVM's generator is linear-congruential, modulo 2^31 - 1, and takes neither 0 nor -1; small seeds
// give small first numbers, so they are hashed.
int64_t TvmSeed(uint64_t number, std::string_view stream) {
  constexpr uint64_t kModulus = (uint64_t{1} << 31) - 1;
  return static_cast<int64_t>(1 + ChildSeed(number, stream) % (kModulus - 1));
}

// "s_tir.meta_schedule.RewriteLayout" -> "RewriteLayout".
std::string PlainType(const ObjectRef& object) {
  std::string key(node::TypeKey(object));
  if (key.compare(0, kRoom.size(), kRoom) == 0) key.erase(0, kRoom.size());
  return key;
}

constexpr std::pair<const char*, const char*> kMutatorTypes[] = {
    {"tile_size", "MutateTileSize"},
    {"compute_location", "MutateComputeLocation"},
    {"parallel", "MutateParallel"},
    {"unroll", "MutateUnroll"},
};

template <typename R = ffi::Any, typename... Args>
R CallMeta(std::string_view name, Args&&... args) {
  return CallTvm<R>(std::string(kRoom) + std::string(name), std::forward<Args>(args)...);
}

}  // namespace

MetaSpace::MetaSpace(ObjectRef module, const Target& target) : module_(std::move(module)) {
  const auto rules = CallMeta<Refs>("ScheduleRuleDefaultLLVM");
  const auto postprocs = CallMeta<Refs>("PostprocDefaultLLVM");
  const auto mutators = CallMeta<ffi::Map<ObjectRef, ObjectRef>>("MutatorDefaultLLVM");
  const auto generator =
      CallMeta<ObjectRef>("SpaceGeneratorPostOrderApply", nullptr, rules, postprocs, mutators);
  // One thread: the parts are called from here alone, and the number takes part in seeding.
  context_ = CallMeta<ObjectRef>("TuneContext", module_, TargetObject(target), generator, nullptr,
                                 "main", /*num_threads=*/1, /*rand_state=*/1, nullptr);
  CallMeta<void>("TuneContextInitialize", context_);
  for (const ObjectRef& schedule :
       CallMeta<Refs>("SpaceGeneratorGenerateDesignSpace", generator, module_)) {
    const auto trace = CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetTrace", schedule);
    sketches_.push_back(CallTvm<ObjectRef>("s_tir.schedule.TraceSimplified", trace,
                                           /*remove_postproc=*/true));
  }
  if (sketches_.empty()) TVM_FFI_THROW(ValueError) << "MetaSchedule's design space is empty";
  for (const ObjectRef& postproc : postprocs) postprocs_.push_back(postproc);
  for (const auto& [mutator, probability] : mutators) {
    for (const auto& [name, type] : kMutatorTypes) {
      if (PlainType(mutator) == type) mutators_[name] = mutator;
    }
  }
}

Result<ObjectRef> MetaSpace::Sample(uint64_t sample) const {
  Rng rng(sample, "design space sketch");
  const ObjectRef& sketch = rng.Pick(sketches_);
  return TryTvm(
      [&] {
        const auto trace = CallTvm<ObjectRef>("s_tir.schedule.Trace", node::Field(sketch, "insts"),
                                              ffi::Map<ObjectRef, ffi::Any>());
        return Replay(trace, TvmSeed(sample, "design space decisions"));
      },
      ErrorCode::kIllegalStep);
}

Result<ObjectRef> MetaSpace::Mutate(const ObjectRef& schedule, const std::string& mutator,
                                    uint64_t draw) const {
  const auto found = mutators_.find(mutator);
  if (found == mutators_.end()) return IllegalStep("no mutator " + mutator + " for this target");
  return TryTvm(
      [&]() -> Result<ObjectRef> {
        const auto trace = CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetTrace", schedule);
        const auto mutated = CallMeta<ffi::Optional<ObjectRef>>("MutatorApply", found->second,
                                                                trace, TvmSeed(draw, mutator));
        if (!mutated.has_value()) {
          // Tile sizes give up by their draw, the others by what the trace holds.
          return IllegalStep(fmt::format("{} finds nothing to change {}", mutator,
                                         mutator == "tile_size" ? "with this draw" : "here"));
        }
        // All decisions are taken: the seed is for a sampling instruction whose decision TVM finds
        // illegal after the change.
        return Replay(*mutated, TvmSeed(draw, "mutated replay"));
      },
      ErrorCode::kIllegalStep);
}

Result<ObjectRef> MetaSpace::Replay(const ObjectRef& trace, int64_t seed) const {
  constexpr int kNoDebugMask = 0;
  constexpr int kShortErrors = 1;  // rendering a program into an error costs more than the replay
  const auto schedule = CallTvm<ObjectRef>("s_tir.schedule.TracedSchedule", module_, seed,
                                           kNoDebugMask, kShortErrors, /*enable_check=*/true);
  CallTvm<void>("s_tir.schedule.TraceApplyToSchedule", trace, schedule, /*remove_postproc=*/true,
                nullptr);
  CallTvm<void>("s_tir.schedule.ScheduleEnterPostproc", schedule);
  for (const ObjectRef& postproc : postprocs_) {
    if (!CallMeta<bool>("PostprocApply", postproc, schedule)) {
      return IllegalStep(fmt::format("TVM's postprocessor {} refuses it", PlainType(postproc)));
    }
  }
  return schedule;
}

}  // namespace banyan
