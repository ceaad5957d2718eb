#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/live_schedule.h"
#include "schedule/program.h"

namespace banyan {

// Parses `terms` and checks that the layout holds every element of a buffer of `shape` once:
// each dimension whole or cut by a chain such as d1/64, d1/16%4, d1%16, whose sizes divide the
// extent unless `pad`. Errors name the dimension and its divisors.
Result<Layout> CheckLayout(const Json& terms, const std::vector<int64_t>& shape, bool pad);

// Layouts worth offering for a buffer: one dimension's inner part moved innermost, or the last two
// dimensions both cut into squares. Sizes divide and hold whole vectors of `lanes` elements.
std::vector<Json> LayoutProposals(const std::vector<int64_t>& shape, int lanes);

// The same layouts with one cut a size smaller or larger.
std::vector<Json> LayoutVariants(const Json& terms, const std::vector<int64_t>& shape, int lanes);

}  // namespace banyan
