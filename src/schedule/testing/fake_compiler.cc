#include "schedule/testing/fake_compiler.h"

#include <algorithm>
#include <cmath>

#include "schedule/testing/fake_live_schedule.h"
#include "schedule/testing/fake_programs.h"
#include "schedule/transform_base.h"

namespace banyan {

std::unique_ptr<Compiler> MakeFakeCompiler(size_t capacity) {
  return MakeScheduleCompiler(FakeWorkload(), FakeTarget(),
                              std::make_unique<FakeLiveSchedule>(FakeMatmulProgram(64, 64, 64)),
                              capacity);
}

double FakeLatencyMs(const Candidate& candidate) { return FakeLatencyMs(*candidate.program); }

double FakeLatencyMs(const ProgramView& program) {
  constexpr double kScalarMsPerIteration = 10.0 / (64.0 * 64.0 * 64.0);
  double latency_ms = 0;
  for (size_t i = 0; i < program.blocks.size(); ++i) {
    const auto& block = program.blocks[i];
    double speed = 1;
    double accumulators = 1;
    for (size_t l = 0; l < block.loops.size(); ++l) {
      const auto& loop = program.loops[static_cast<size_t>(block.loops[l])];
      const auto extent = static_cast<double>(loop.extent);
      if (loop.kind == LoopKind::kVectorized) {
        speed *= std::min(extent, 16.0) / (1 + 0.1 * std::abs(std::log2(extent / 32)));
        accumulators *= std::max(1.0, extent / 16);
      }
      if (loop.kind == LoopKind::kUnrolled) {
        speed *= 1 + 0.25 * std::log2(extent + 1) / (1 + extent / 64);
        if (!DrivesReduction(block, l)) accumulators *= extent;
      }
    }
    if (accumulators > 32) speed /= accumulators / 32;
    if (block.is_reduction && !block.writes.empty() &&
        program.buffers[static_cast<size_t>(block.writes[0].buffer)].scope == "local") {
      speed *= 1.3;
    }
    if (block.is_reduction && !block.has_init) speed *= 1.15;
    latency_ms += kScalarMsPerIteration *
                  static_cast<double>(program.Iterations(static_cast<int>(i))) / speed;
  }
  return latency_ms;
}

}  // namespace banyan
