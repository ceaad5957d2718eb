#include "schedule/regions.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace banyan {

int64_t SpanOf(const LinearForm& form, const std::vector<int64_t>& spans, int64_t full) {
  int64_t span = 1;
  for (size_t k = 0; k < spans.size(); ++k) {
    if (!form.uses(k) || spans[k] <= 1) continue;
    if (!form.affine) return full;
    span += std::abs(form.coefficients[k]) * (spans[k] - 1);
  }
  return std::min(span, full);
}

std::vector<int64_t> TouchedRegion(const ProgramView& program, int block, int buffer, bool reads,
                                   int fixed) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  std::vector<int64_t> loop_spans;
  for (size_t i = 0; i < view.loops.size(); ++i) {
    const auto& loop = program.loops[static_cast<size_t>(view.loops[i])];
    loop_spans.push_back(static_cast<int>(i) <= fixed ? 1 : loop.extent);
  }
  std::vector<int64_t> iter_spans;
  for (const auto& iter : view.iters) {
    iter_spans.push_back(SpanOf(iter.binding, loop_spans, iter.extent));
  }
  const auto& shape = program.buffers[static_cast<size_t>(buffer)].shape;
  std::vector<int64_t> region;
  for (const auto& access : reads ? view.reads : view.writes) {
    if (access.buffer != buffer) continue;
    region.resize(shape.size(), 1);
    for (size_t d = 0; d < shape.size() && d < access.indices.size(); ++d) {
      region[d] = std::max(region[d], SpanOf(access.indices[d], iter_spans, shape[d]));
    }
  }
  return region;
}

bool CoversWithoutGaps(const ProgramView& program, int block, int fixed) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  for (const auto& iter : view.iters) {
    if (iter.kind != IterKind::kSpatial) continue;
    std::vector<std::pair<int64_t, int64_t>> inner;  // step, extent
    bool outer = false;
    for (size_t i = 0; i < view.loops.size(); ++i) {
      const int64_t extent = program.loops[static_cast<size_t>(view.loops[i])].extent;
      if (!iter.binding.uses(i) || extent <= 1) continue;
      if (static_cast<int>(i) <= fixed) {
        outer = true;
      } else {
        inner.emplace_back(iter.binding.coefficients[i], extent);
      }
    }
    if (!outer || inner.empty()) continue;
    if (!iter.binding.affine) return false;
    std::sort(inner.begin(), inner.end());
    int64_t next = 1;
    for (const auto& [step, extent] : inner) {
      if (step != next) return false;
      next *= extent;
    }
  }
  return true;
}

bool HasSpatialGuard(const ProgramView& program, int block) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  if (!view.has_predicate) return false;
  for (const auto& iter : view.iters) {
    if (iter.kind != IterKind::kSpatial) continue;
    if (!iter.binding.affine) return true;
    int64_t span = 1;
    for (size_t i = 0; i < view.loops.size() && i < iter.binding.coefficients.size(); ++i) {
      span += std::abs(iter.binding.coefficients[i]) *
              (program.loops[static_cast<size_t>(view.loops[i])].extent - 1);
    }
    if (span > iter.extent) return true;
  }
  return false;
}

double RecomputationAt(const ProgramView& program, int producer, int loop) {
  const auto& view = program.blocks[static_cast<size_t>(producer)];
  if (view.writes.empty()) return 1;
  const int buffer = view.writes[0].buffer;
  double needed = 1;
  bool found = false;
  for (const int consumer : view.consumers) {
    const auto& reader = program.blocks[static_cast<size_t>(consumer)];
    const auto at = std::find(reader.loops.begin(), reader.loops.end(), loop);
    if (at == reader.loops.end()) continue;
    double elements = 1;
    const int fixed = static_cast<int>(at - reader.loops.begin());
    for (const int64_t extent : TouchedRegion(program, consumer, buffer, true, fixed)) {
      elements *= static_cast<double>(extent);
    }
    for (auto outer = reader.loops.begin(); outer <= at; ++outer) {
      elements *= static_cast<double>(program.loops[static_cast<size_t>(*outer)].extent);
    }
    needed = found ? std::max(needed, elements) : elements;
    found = true;
  }
  if (!found) return 1;
  const auto all = static_cast<double>(program.buffers[static_cast<size_t>(buffer)].elements());
  return std::max(1.0, needed / std::max(1.0, all));
}

}  // namespace banyan
