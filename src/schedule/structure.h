#pragma once

#include <cstdint>

#include "schedule/program.h"

namespace banyan {

// Equal for programs that differ in sizes only: a hash of the blocks, their iters and loops, which
// buffers they read and write and by which iters, element types and combiners; without names,
// extents, constants, and factors other than whether they are 1. Pure.
uint64_t ProgramStructure(const ProgramView& program);

}  // namespace banyan
