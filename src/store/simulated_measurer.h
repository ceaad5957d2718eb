#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "measure/measurer.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// A Measurer that measures nothing: it answers from what runs of a store measured of the same
// workload on an equal target, by program hash. A program that no run tried is a failed trial of
// kind kNotMeasured. Trials end at once, in the order submitted; time passes by a clock of its own,
// by what building and running took then, shared out among the workers. Of several measurements of
// a program the last one counts that gave a latency. Owned and used by one thread, its clock by
// any.
class SimulatedMeasurer : public Measurer {
 public:
  virtual Clock* clock() = 0;  // of the run
};

// Reads the store once. kNotFound if it knows nothing of this workload on this target.
Result<std::unique_ptr<SimulatedMeasurer>> MakeSimulatedMeasurer(const std::string& store_path,
                                                                 const Workload& workload,
                                                                 const Target& target, int workers);

}  // namespace banyan
