#pragma once

#include <memory>

#include "schedule/compiler.h"

namespace banyan {

// A cheap deterministic Compiler for tests of the search: the real cache of live schedules over a
// FakeLiveSchedule of a 64x64x64 matmul. All transformations work; a child costs some 20
// microseconds.
std::unique_ptr<Compiler> MakeFakeCompiler(size_t capacity = 256);

// The latency that a fake measurer reports for a candidate: a smooth, made-up function of the
// picture (about 10 ms for the default program, 0.3 ms for a good one), the same for equal
// programs.
double FakeLatencyMs(const Candidate& candidate);
double FakeLatencyMs(const ProgramView& program);

}  // namespace banyan
