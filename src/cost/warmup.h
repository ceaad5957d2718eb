#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "cost/cost_model.h"

namespace banyan {

// Uniform random numbers in [0, 1) and no trust until `model` has learnt `warmup` measurements of
// this run, then `model`: TVM's habit (its XGBModel has num_warmup_samples = 100), and so the
// published methods'. Random even for candidates without features, as there. The numbers are of
// `seed` and of how many were drawn before: the same calls give the same answers.
std::unique_ptr<CostModel> WithRandomWarmup(std::unique_ptr<CostModel> model, size_t warmup,
                                            uint64_t seed);

}  // namespace banyan
