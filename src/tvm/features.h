#pragma once

#include <vector>

#include "tvm/ffi.h"

namespace banyan {

// TVM's per-store features (Zheng et al., Ansor, 2020, appendix B) of a schedule's program for a
// CPU: one row a store. Throws ffi::Error. Thread-safe.
std::vector<std::vector<float>> ExtractFeatures(const ffi::ObjectRef& schedule);

}  // namespace banyan
