// FakeLiveSchedule: where blocks are computed, what they split into, and what it prints.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "schedule/regions.h"
#include "schedule/testing/fake_live_schedule.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

std::ptrdiff_t Signed(size_t value) { return static_cast<std::ptrdiff_t>(value); }

// `form` (over the iters of `block`) as a form over the first `count` loops of the block.
LinearForm OverLoops(const BlockView& block, const LinearForm& form, size_t count) {
  LinearForm result;
  result.affine = form.affine;
  result.constant = form.constant;
  result.coefficients.assign(count, 0);
  for (size_t k = 0; k < block.iters.size(); ++k) {
    if (!form.uses(k)) continue;
    result.affine = result.affine && block.iters[k].binding.affine;
    for (size_t l = 0; l < count; ++l) {
      result.coefficients[l] += form.coefficients[k] * block.iters[k].binding.coefficients[l];
    }
  }
  return result;
}

}  // namespace

void FakeLiveSchedule::PlaceUnder(BlockView& block, const std::vector<int>& outer,
                                  const std::vector<LinearForm>& outer_bindings,
                                  const std::vector<int64_t>& extents, bool keep_unit_loops) {
  block.loops = outer;
  std::vector<size_t> made(block.iters.size(), 0);
  std::vector<bool> has(block.iters.size(), false);
  for (size_t i = 0; i < block.iters.size(); ++i) {
    if (extents[i] == 1 && !keep_unit_loops) continue;
    has[i] = true;
    made[i] = block.loops.size();
    block.loops.push_back(NewLoop(block.name + "." + block.iters[i].name, extents[i]));
  }
  for (size_t i = 0; i < block.iters.size(); ++i) {
    auto& binding = block.iters[i].binding;
    binding = LinearForm();
    if (extents[i] < block.iters[i].extent) binding = outer_bindings[i];
    binding.coefficients.resize(block.loops.size(), 0);
    if (has[i]) binding.coefficients[made[i]] = 1;
  }
}

Status FakeLiveSchedule::Move(const std::string& name, const std::string& loop_name,
                              bool keep_unit_loops, bool producer) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  BANYAN_ASSIGN_OR_RETURN(const int loop, Loop(loop_name));
  BlockView block = program_.blocks[index];
  const auto& others = producer ? block.consumers : block.producers;
  if (others.empty()) return IllegalStep(fmt::format("{} has nothing to move to", name));
  if (IsDecomposed(block)) return IllegalStep(fmt::format("{} is not compact dataflow", name));
  std::vector<int64_t> extents;
  std::vector<LinearForm> outer_bindings(block.iters.size());
  for (const auto& iter : block.iters) {
    extents.push_back(iter.kind == IterKind::kReduction ? iter.extent : 1);
  }
  std::vector<int> outer;
  for (const int other : others) {
    const auto& partner = program_.blocks[static_cast<size_t>(other)];
    const int at = PositionOf(partner, loop);
    if (at < 0)
      return IllegalStep(fmt::format("{} does not run inside {}", partner.name, loop_name));
    outer.assign(partner.loops.begin(), partner.loops.begin() + at + 1);
    const auto& mine = producer ? block.writes[0] : block.reads[0];
    for (const auto& own : producer ? block.writes : block.reads) {
      for (const auto& access : producer ? partner.reads : partner.writes) {
        if (access.buffer != own.buffer) continue;
        const auto region = TouchedRegion(program_, other, access.buffer, producer, at);
        for (size_t d = 0; d < own.indices.size(); ++d) {
          for (size_t i = 0; i < block.iters.size(); ++i) {
            if (!own.indices[d].uses(i) || block.iters[i].kind == IterKind::kReduction) continue;
            const bool plain = own.indices[d].affine && mine.indices.size() == own.indices.size();
            extents[i] = plain ? std::min(block.iters[i].extent, std::max(extents[i], region[d]))
                               : block.iters[i].extent;
            outer_bindings[i] = OverLoops(partner, access.indices[d], static_cast<size_t>(at) + 1);
          }
        }
      }
    }
  }
  for (const int old : block.loops) {
    if (program_.BlocksUnder(old).size() == 1) {
      program_.loops[static_cast<size_t>(old)].name = "(replaced)";
    }
  }
  PlaceUnder(block, outer, outer_bindings, extents, keep_unit_loops);
  program_.blocks.erase(program_.blocks.begin() + Signed(index));
  size_t place = 0;
  for (size_t i = 0; i < program_.blocks.size(); ++i) {
    if (PositionOf(program_.blocks[i], loop) < 0) continue;
    const bool partner = std::any_of(others.begin(), others.end(), [&](int other) {
      const auto shifted = static_cast<size_t>(other) > index ? static_cast<size_t>(other) - 1
                                                              : static_cast<size_t>(other);
      return shifted == i;
    });
    if (!partner) continue;
    place = producer ? i : i + 1;
    if (producer) break;
  }
  program_.blocks.insert(program_.blocks.begin() + Signed(place), std::move(block));
  Tidy();
  Record(
      fmt::format("{}({}, {})", producer ? "compute_at" : "reverse_compute_at", name, loop_name));
  return {};
}

Status FakeLiveSchedule::ComputeAt(const std::string& block, const std::string& loop,
                                   bool keep_unit_loops) {
  return Move(block, loop, keep_unit_loops, true);
}

Status FakeLiveSchedule::ReverseComputeAt(const std::string& block, const std::string& loop,
                                          bool keep_unit_loops) {
  return Move(block, loop, keep_unit_loops, false);
}

Status FakeLiveSchedule::ComputeInline(const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  const BlockView block = program_.blocks[index];
  if (block.is_output || block.is_reduction)
    return IllegalStep(fmt::format("{} cannot be inlined", name));
  for (auto& consumer : program_.blocks) {
    std::vector<AccessView> reads;
    for (const auto& access : consumer.reads) {
      if (access.buffer != block.writes[0].buffer) {
        reads.push_back(access);
        continue;
      }
      for (AccessView inner : block.reads) {
        for (auto& form : inner.indices) {
          LinearForm composed;
          composed.constant = form.constant;
          composed.affine = form.affine;
          composed.coefficients.assign(consumer.iters.size(), 0);
          for (size_t k = 0; k < block.iters.size(); ++k) {
            if (!form.uses(k)) continue;
            for (size_t d = 0; d < block.writes[0].indices.size(); ++d) {
              if (!block.writes[0].indices[d].uses(k)) continue;
              for (size_t c = 0; c < consumer.iters.size(); ++c) {
                composed.coefficients[c] +=
                    form.coefficients[k] * access.indices[d].coefficients[c];
              }
            }
          }
          form = std::move(composed);
        }
        reads.push_back(std::move(inner));
      }
    }
    consumer.reads = std::move(reads);
  }
  program_.blocks.erase(program_.blocks.begin() + Signed(index));
  Tidy();
  Record(fmt::format("compute_inline({})", name));
  return {};
}

Status FakeLiveSchedule::ReverseComputeInline(const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  const BlockView block = program_.blocks[index];
  if (block.producers.size() != 1) return IllegalStep(fmt::format("{} has not one producer", name));
  program_.blocks[static_cast<size_t>(block.producers[0])].writes[0].buffer =
      block.writes[0].buffer;
  program_.blocks.erase(program_.blocks.begin() + Signed(index));
  Tidy();
  Record(fmt::format("reverse_compute_inline({})", name));
  return {};
}

Status FakeLiveSchedule::DecomposeReduction(const std::string& name, const std::string& loop_name,
                                            const std::string& init_name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  BANYAN_ASSIGN_OR_RETURN(const int loop, Loop(loop_name));
  BlockView block = program_.blocks[index];
  const int at = PositionOf(block, loop);
  if (!block.has_init || at < 0)
    return IllegalStep(fmt::format("{} cannot be decomposed at {}", name, loop_name));
  if (FirstReductionPosition(block) < at) return IllegalStep("the loop is inside a reduction loop");
  BlockView init = block;
  init.name = init_name;
  init.is_init = true;
  init.is_reduction = false;
  init.has_init = false;
  init.multiply_add = false;
  init.reads.clear();
  std::vector<size_t> kept;  // positions in the block's loops that the init block has too
  init.loops.clear();
  for (size_t i = 0; i < block.loops.size(); ++i) {
    if (static_cast<int>(i) < at) {
      init.loops.push_back(block.loops[i]);
      kept.push_back(i);
    } else if (DrivesSpatial(block, i)) {
      std::string iter;
      for (const auto& view : block.iters) {
        if (view.kind == IterKind::kSpatial && view.binding.uses(i)) iter = view.name;
      }
      const auto& old = program_.loops[static_cast<size_t>(block.loops[i])];
      init.loops.push_back(NewLoop(init_name + "." + iter, old.extent, old.kind));
      kept.push_back(i);
    }
  }
  std::erase_if(init.iters, [](const auto& iter) { return iter.kind != IterKind::kSpatial; });
  std::vector<size_t> iters;
  for (size_t k = 0; k < block.iters.size(); ++k) {
    if (block.iters[k].kind == IterKind::kSpatial) iters.push_back(k);
  }
  for (auto& iter : init.iters) {
    const auto old = iter.binding.coefficients;
    iter.binding.coefficients.clear();
    for (const size_t i : kept) iter.binding.coefficients.push_back(old[i]);
  }
  for (auto& access : init.writes) {
    for (auto& form : access.indices) {
      const auto old = form.coefficients;
      form.coefficients.clear();
      for (const size_t k : iters) form.coefficients.push_back(old[k]);
    }
  }
  program_.blocks[index].has_init = false;
  program_.blocks.insert(program_.blocks.begin() + Signed(index), std::move(init));
  Tidy();
  Record(fmt::format("decompose_reduction({}, {})", name, loop_name));
  return {};
}

Status FakeLiveSchedule::DecomposePadding(const std::string& name, const std::string& loop_name,
                                          const std::string& pad_name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  BANYAN_ASSIGN_OR_RETURN(const int loop, Loop(loop_name));
  BlockView fill = program_.blocks[index];
  if (!fill.has_condition) return IllegalStep(fmt::format("{} does not pad", name));
  const int at = PositionOf(fill, loop);
  if (at < 0) return IllegalStep(fmt::format("{} is not around {}", loop_name, name));
  fill.name = pad_name;
  fill.reads.clear();
  fill.has_condition = false;
  for (size_t i = static_cast<size_t>(at); i < fill.loops.size(); ++i) {
    const auto& old = program_.loops[static_cast<size_t>(fill.loops[i])];
    fill.loops[i] =
        NewLoop(fmt::format("{}.{}", pad_name, fill.iters[std::min(i, fill.iters.size() - 1)].name),
                old.extent);
  }
  program_.blocks[index].has_condition = false;
  program_.blocks.insert(program_.blocks.begin() + Signed(index), std::move(fill));
  Tidy();
  Record(fmt::format("decompose_padding({}, {})", name, loop_name));
  return {};
}

Status FakeLiveSchedule::PadEinsum(const std::string& name, const std::vector<int64_t>& multiples) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(name));
  auto& block = program_.blocks[index];
  if (multiples.size() != block.iters.size() || !block.multiply_add) {
    return IllegalStep(fmt::format("{} cannot be padded", name));
  }
  for (size_t i = 0; i < multiples.size(); ++i) {
    auto& iter = block.iters[i];
    iter.extent = (iter.extent + multiples[i] - 1) / multiples[i] * multiples[i];
    for (size_t l = 0; l < block.loops.size(); ++l) {
      if (iter.binding.uses(l))
        program_.loops[static_cast<size_t>(block.loops[l])].extent = iter.extent;
    }
  }
  Tidy();
  Record(fmt::format("pad_einsum({})", name));
  return {};
}

Status FakeLiveSchedule::RFactor(const std::string& loop_name, int factor_axis,
                                 const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const int loop, Loop(loop_name));
  for (size_t index = 0; index < program_.blocks.size(); ++index) {
    BlockView partial = program_.blocks[index];
    const int at = PositionOf(partial, loop);
    if (at < 0 || !DrivesReduction(partial, static_cast<size_t>(at))) continue;
    const int64_t extent = program_.loops[static_cast<size_t>(loop)].extent;
    const int out = partial.writes[0].buffer;
    const int buffer = NewBuffer(name, program_.buffers[static_cast<size_t>(out)], "global");
    auto& shape = program_.buffers[static_cast<size_t>(buffer)].shape;
    if (factor_axis > static_cast<int>(shape.size()))
      return IllegalStep("the axis is out of range");
    shape.insert(shape.begin() + factor_axis, extent);
    partial.name = name;
    for (int& l : partial.loops) {
      const auto old = program_.loops[static_cast<size_t>(l)];
      const bool factored = l == loop;
      l = NewLoop(
          name + "." + (factored ? "vf" : RelativeName(program_.blocks[index].name, old.name)),
          old.extent);
    }
    partial.iters.push_back({"vf", IterKind::kSpatial, extent,
                             LinearForm::Unit(partial.loops.size(), static_cast<size_t>(at))});
    for (auto* accesses : {&partial.reads, &partial.writes}) {
      for (auto& access : *accesses) {
        for (auto& form : access.indices) form.coefficients.push_back(0);
      }
    }
    partial.writes[0].buffer = buffer;
    partial.writes[0].indices.insert(
        partial.writes[0].indices.begin() + factor_axis,
        LinearForm::Unit(partial.iters.size(), partial.iters.size() - 1));
    program_.blocks[index].reads = {{buffer, {}}};
    program_.blocks[index].multiply_add = false;
    for (size_t d = 0; d < shape.size(); ++d) {
      program_.blocks[index].reads[0].indices.push_back(
          LinearForm::Unit(program_.blocks[index].iters.size(), 0));
    }
    program_.blocks.insert(program_.blocks.begin() + Signed(index), std::move(partial));
    Tidy();
    Record(fmt::format("rfactor({}, {})", loop_name, factor_axis));
    return {};
  }
  return IllegalStep(fmt::format("{} is no reduction loop", loop_name));
}

Result<std::string> FakeLiveSchedule::Script() {
  std::string text;
  for (const auto& block : program_.blocks) {
    std::string indent;
    for (const int index : block.loops) {
      const auto& loop = program_.loops[static_cast<size_t>(index)];
      text += fmt::format("{}for {} in {}({}):\n", indent, loop.name, LoopKindName(loop.kind),
                          loop.extent);
      indent += "  ";
    }
    text += fmt::format("{}{}\n", indent, block.name);
  }
  return text;
}

// Structure without names: loops by their number in order of appearance.
Result<uint64_t> FakeLiveSchedule::ProgramHash() {
  std::string text;
  for (const auto& buffer : program_.buffers) {
    text +=
        fmt::format("{}{}[{}];", buffer.scope, buffer.is_parameter, fmt::join(buffer.shape, ","));
  }
  for (const auto& block : program_.blocks) {
    text +=
        fmt::format("\n{} {}{}:", block.flops_per_iteration, block.has_init, block.has_predicate);
    for (const int loop : block.loops) {
      const auto& view = program_.loops[static_cast<size_t>(loop)];
      text += fmt::format("({} {} {})", loop, view.extent, static_cast<int>(view.kind));
    }
    for (const auto& iter : block.iters) {
      text += fmt::format("<{} {}>", iter.extent, fmt::join(iter.binding.coefficients, ","));
    }
    for (const auto& access : block.reads) text += fmt::format(" r{}", access.buffer);
    for (const auto& access : block.writes) text += fmt::format(" w{}", access.buffer);
  }
  return Hash64(text);
}

Result<std::string> FakeLiveSchedule::TracePython() {
  std::string text;
  for (const auto& line : trace_) text += "sch." + line + "\n";
  return text;
}

Result<Json> FakeLiveSchedule::TraceJson() { return Json(trace_); }

Result<std::string> FakeLiveSchedule::ModuleJson() {
  BANYAN_ASSIGN_OR_RETURN(const std::string script, Script());
  return Json({{"script", script}}).dump();
}

Result<std::vector<std::vector<float>>> FakeLiveSchedule::Features() {
  std::vector<std::vector<float>> rows;
  for (size_t i = 0; i < program_.blocks.size(); ++i) {
    const auto& block = program_.blocks[i];
    float vectorized = 0;
    float unrolled = 0;
    for (const int loop : block.loops) {
      const auto& view = program_.loops[static_cast<size_t>(loop)];
      if (view.kind == LoopKind::kVectorized) vectorized += static_cast<float>(view.extent);
      if (view.kind == LoopKind::kUnrolled) unrolled += static_cast<float>(view.extent);
    }
    rows.push_back({static_cast<float>(program_.Iterations(static_cast<int>(i))),
                    static_cast<float>(block.loops.size()), vectorized, unrolled});
  }
  return rows;
}

}  // namespace banyan
