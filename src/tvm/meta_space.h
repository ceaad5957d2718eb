#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "schedule/target.h"
#include "tvm/ffi.h"

namespace banyan {

// TVM's MetaSchedule for one program, without its search: post-order-apply with the rules,
// postprocessors and mutators for LLVM given explicitly (the automatic ones of an AVX-512 target
// need intrinsics that only TVM's Python registers). Follows TVM's evolutionary search
// (src/s_tir/meta_schedule/search_strategy/evolutionary_search.cc): SampleInitPopulation for
// samples, EvolveWithCostModel for mutations, ThreadedTraceApply for replay and postprocessors.
//
// All of TVM's random states are derived from the caller's numbers, so equal calls give equal
// schedules in any process. Internal to the room (tvm-ffi shows). Not thread-safe.
class MetaSpace {
 public:
  // Generates the design space of `module`. Throws ffi::Error.
  MetaSpace(ffi::ObjectRef module, const Target& target);

  size_t sketches() const { return sketches_.size(); }

  // A sketch drawn at random, all its decisions drawn anew; postprocessed. Errors are kIllegalStep.
  Result<ffi::ObjectRef> Sample(uint64_t sample) const;
  // A schedule made here with one decision changed by `mutator` (a name of MutatorNames); replayed
  // on the unscheduled program and postprocessed. Errors are kIllegalStep.
  Result<ffi::ObjectRef> Mutate(const ffi::ObjectRef& schedule, const std::string& mutator,
                                uint64_t draw) const;

 private:
  Result<ffi::ObjectRef> Replay(const ffi::ObjectRef& trace, int64_t seed) const;

  ffi::ObjectRef module_;
  ffi::ObjectRef context_;                // what the parts were initialised with; they look at it
  std::vector<ffi::ObjectRef> sketches_;  // traces
  std::vector<ffi::ObjectRef> postprocs_;
  std::map<std::string, ffi::ObjectRef> mutators_;  // by plain name
};

}  // namespace banyan
