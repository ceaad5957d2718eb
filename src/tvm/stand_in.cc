#include "tvm/stand_in.h"

namespace banyan {

Result<std::string> StandInModule(const Workload& workload, const Target&) {
  return workload.module_json;
}

Status CheckStandIn(const Workload&, const std::vector<GuardedTensor>&, uint64_t) { return Ok{}; }

}  // namespace banyan
