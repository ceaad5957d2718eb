#pragma once

#include "schedule/program.h"
#include "schedule/target.h"
#include "schedule/workload.h"

namespace banyan {

// Pictures of small programs as LiveSchedule gives them for a default program; for tests.
ProgramView FakeMatmulProgram(int64_t m, int64_t n, int64_t k);  // C[i,j] += A[i,k] * B[k,j]
// gate and up: X * G, X * U; gated = gate * up; O = gated * D.
ProgramView FakeMlpProgram(int64_t t, int64_t h, int64_t i);
// pad (with a condition), conv (a 3x3 window), out (elementwise): NCHW, one image.
ProgramView FakeConvProgram(int64_t channels, int64_t size);

Target FakeTarget();  // 512-bit vectors, 32 registers, one core
Workload FakeWorkload();

}  // namespace banyan
