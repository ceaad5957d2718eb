#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tvm/ffi/dtype.h>

#include "tvm/live_schedule_tvm.h"

// The primitives that move blocks, make new ones, or change buffers.
namespace banyan {

using ffi::ObjectRef;

namespace {

ObjectRef MakeIndexMap(size_t dims, const Layout& layout) {
  const auto int32 = CallTvm<ObjectRef>("ir.PrimType", DLDataType{kDLInt, 32, 1});
  ffi::Array<ObjectRef> variables;
  for (size_t d = 0; d < dims; ++d) {
    variables.push_back(CallTvm<ObjectRef>("ir.Var", fmt::format("d{}", d), int32, nullptr));
  }
  ffi::Array<ObjectRef> terms;
  for (const LayoutTerm& term : layout) {
    ObjectRef expr = variables[static_cast<size_t>(term.dim)];
    if (term.divisor > 1)
      expr = CallTvm<ObjectRef>("prim._OpFloorDiv", expr, term.divisor, nullptr);
    if (term.modulus > 0)
      expr = CallTvm<ObjectRef>("prim._OpFloorMod", expr, term.modulus, nullptr);
    terms.push_back(expr);
  }
  return CallTvm<ObjectRef>("tirx.IndexMap", variables, terms, nullptr);
}

ObjectRef MakeZeroMap(size_t dims, const ir::Node* buffer) {
  const auto int32 = CallTvm<ObjectRef>("ir.PrimType", DLDataType{kDLInt, 32, 1});
  ffi::Array<ObjectRef> variables;
  for (size_t d = 0; d < dims; ++d) {
    variables.push_back(CallTvm<ObjectRef>("ir.Var", fmt::format("p{}", d), int32, nullptr));
  }
  const ir::Node* type = ir::F().buffer_dtype.Object(ir::F().expr_type.Object(buffer));
  const auto dtype = ir::F().prim_dtype.Plain<DLDataType>(type);
  const bool whole = dtype.code == kDLInt || dtype.code == kDLUInt || dtype.code == kDLBool;
  const auto zero = whole ? CallTvm<ObjectRef>("ir.IntImm", dtype, int64_t{0}, nullptr)
                          : CallTvm<ObjectRef>("ir.FloatImm", dtype, 0.0, nullptr);
  return CallTvm<ObjectRef>("tirx.IndexMap", variables, ffi::Array<ObjectRef>{zero}, nullptr);
}

}  // namespace

Status TvmLiveSchedule::CacheRead(const std::string& block, const std::string& buffer,
                                  const std::string& scope,
                                  const std::vector<std::string>& other_readers,
                                  const std::string& name) {
  return Do([&] {
    const BufferTable buffers = CollectBuffers(skeleton_);
    // The index of the buffer among those that a block reads; -1: not read.
    std::vector<std::string> names;
    auto read_index = [&](const std::string& reader) {
      const ir::Node* reads = ir::F().block_reads.Object(skeleton_.blocks[BlockIndex(reader)].node);
      names.clear();
      int index = -1;
      for (size_t i = 0; i < ir::Size(reads); ++i) {
        const int found = buffers.Find(ir::F().region_source.Object(ir::At(reads, i)));
        names.push_back(found < 0 ? "?" : buffers.views[static_cast<size_t>(found)].name);
        if (names.back() == buffer) index = static_cast<int>(i);
      }
      return index;
    };
    CheckNewBlockName(name);
    ffi::Array<ObjectRef> readers{BlockRv(block)};
    for (const std::string& other : other_readers) {
      if (other == block) continue;
      if (read_index(other) < 0) {
        Refuse(fmt::format("block {} does not read {} (it reads {})", other, buffer,
                           fmt::join(names, ", ")));
      }
      readers.push_back(BlockRv(other));
    }
    const int index = read_index(block);
    if (index < 0) {
      Refuse(fmt::format("block {} does not read {} (it reads {})", block, buffer,
                         fmt::join(names, ", ")));
    }
    names_.AddBlock(name, CallTvm<ObjectRef>("s_tir.schedule.ScheduleCacheRead", schedule_,
                                             BlockRv(block), index, scope, readers));
  });
}

Status TvmLiveSchedule::CacheWrite(const std::string& block, const std::string& scope,
                                   const std::string& name) {
  return Do([&] {
    CheckNewBlockName(name);
    names_.AddBlock(name, CallTvm<ObjectRef>("s_tir.schedule.ScheduleCacheWrite", schedule_,
                                             BlockRv(block), 0, scope, ffi::Array<ObjectRef>{}));
  });
}

const ir::Node* TvmLiveSchedule::WrittenBuffer(const std::string& block) const {
  const ir::Node* writes = ir::F().block_writes.Object(skeleton_.blocks[BlockIndex(block)].node);
  if (ir::Size(writes) != 1) Refuse("block " + block + " does not write exactly one buffer");
  return ir::F().region_source.Object(ir::At(writes, 0));
}

void TvmLiveSchedule::CheckPaddable(const std::string& block) {
  const ProgramView& program = View();
  const int index = program.FindBlock(block);
  const BlockView& view = program.blocks[static_cast<size_t>(index)];
  for (const int loop : view.loops) {
    if (program.BlocksUnder(loop).size() == 1) continue;
    Refuse(fmt::format("block {} shares loop {} with others: pad its layout before", block,
                       program.loops[static_cast<size_t>(loop)].name));
  }
  for (const BlockView& other : program.blocks) {
    if (&other == &view || other.writes.empty() || view.writes.empty()) continue;
    if (other.writes[0].buffer == view.writes[0].buffer) {
      Refuse(fmt::format("block {} writes the same buffer as {}: pad its layout before", other.name,
                         block));
    }
  }
}

Status TvmLiveSchedule::TransformLayout(const std::string& block, const Layout& layout, bool pad) {
  return Do([&] {
    const BufferTable buffers = CollectBuffers(skeleton_);
    const ir::Node* var = WrittenBuffer(block);
    const int index = buffers.Find(var);
    if (index < 0) Refuse("block " + block + " writes a part of another buffer");
    const BufferView& buffer = buffers.views[static_cast<size_t>(index)];
    if (buffer.is_parameter) {
      Refuse(fmt::format(
          "{} is a parameter of the function: its layout is the caller's (cache it first)",
          buffer.name));
    }
    for (const LayoutTerm& term : layout) {
      if (term.dim < 0 || static_cast<size_t>(term.dim) >= buffer.shape.size()) {
        Refuse(fmt::format("{} has no dimension d{} (it has {})", buffer.name, term.dim,
                           buffer.shape.size()));
      }
      if (term.divisor < 1 || term.modulus < 0)
        Refuse("a layout's divisors and moduli are positive");
    }
    if (pad) CheckPaddable(block);
    const std::vector<std::string> before = names_.block_names();
    ffi::Any padding(nullptr);
    const ObjectRef map = MakeIndexMap(buffer.shape.size(), layout);
    if (pad) padding = MakeZeroMap(layout.size(), var);
    CallTvm<void>("s_tir.schedule.ScheduleTransformLayout", schedule_, BlockRv(block), 0,
                  /*write=*/1, map, padding, /*assume_injective_transform=*/false);
    // Of a loop nest that it writes anew TVM keeps the one block only.
    Refresh();
    for (const std::string& name : before) {
      if (names_.FindBlock(name) < 0) Refuse("this layout would lose block " + name);
    }
  });
}

void TvmLiveSchedule::Relocate(const char* primitive, const std::string& block,
                               const std::string& loop, bool keep_unit_loops) {
  CheckNotVectorized(loop);
  constexpr int kBestPlace = -1;  // among the loop's statements
  CallTvm<void>(primitive, schedule_, BlockRv(block), LoopRv(loop), keep_unit_loops, kBestPlace);
}

Status TvmLiveSchedule::ComputeAt(const std::string& block, const std::string& loop,
                                  bool keep_unit_loops) {
  return Move([&] { Relocate("s_tir.schedule.ScheduleComputeAt", block, loop, keep_unit_loops); });
}

Status TvmLiveSchedule::ReverseComputeAt(const std::string& block, const std::string& loop,
                                         bool keep_unit_loops) {
  return Move(
      [&] { Relocate("s_tir.schedule.ScheduleReverseComputeAt", block, loop, keep_unit_loops); },
      [&] { CheckRunsOnce(block); });
}

void TvmLiveSchedule::Inline(const char* primitive, const std::string& block) {
  const BlockView& view = View().blocks[BlockIndex(block)];
  if (view.is_reduction) {
    Refuse(fmt::format("block {} is a reduction: only element-wise blocks can be inlined", block));
  }
  CallTvm<void>(primitive, schedule_, BlockRv(block));
  names_.RemoveBlock(block);
}

Status TvmLiveSchedule::ComputeInline(const std::string& block) {
  return Do([&] { Inline("s_tir.schedule.ScheduleComputeInline", block); });
}

Status TvmLiveSchedule::ReverseComputeInline(const std::string& block) {
  return Do([&] { Inline("s_tir.schedule.ScheduleReverseComputeInline", block); });
}

Status TvmLiveSchedule::DecomposeReduction(const std::string& block, const std::string& loop,
                                           const std::string& init_name) {
  return Move([&] {
    CheckNewBlockName(init_name);
    names_.AddBlock(init_name, CallTvm<ObjectRef>("s_tir.schedule.ScheduleDecomposeReduction",
                                                  schedule_, BlockRv(block), LoopRv(loop)));
  });
}

Status TvmLiveSchedule::DecomposePadding(const std::string& block, const std::string& loop,
                                         const std::string& pad_name) {
  return Move([&] {
    CheckNewBlockName(pad_name);
    names_.AddBlock(pad_name, CallTvm<ObjectRef>("s_tir.schedule.ScheduleDecomposePadding",
                                                 schedule_, BlockRv(block), LoopRv(loop)));
  });
}

Status TvmLiveSchedule::PadEinsum(const std::string& block, const std::vector<int64_t>& multiples) {
  return Do([&] {
    ffi::Array<int64_t> values;
    for (const int64_t multiple : multiples) {
      if (multiple < 1) Refuse("a multiple to pad to is at least 1");
      values.push_back(multiple);
    }
    CallTvm<void>("s_tir.schedule.SchedulePadEinsum", schedule_, BlockRv(block), values);
  });
}

Status TvmLiveSchedule::RFactor(const std::string& loop, int factor_axis, const std::string& name) {
  return Move([&] {
    const ProgramView& program = View();
    for (const int b : program.BlocksUnder(static_cast<int>(LoopIndex(loop)))) {
      const BlockView& below = program.blocks[static_cast<size_t>(b)];
      if (!below.has_predicate) continue;
      // TVM drops the predicate of the block that adds up, which then writes out of bounds.
      Refuse(fmt::format("block {} runs under a predicate: rfactor needs splits that divide",
                         below.name));
    }
    CheckNewBlockName(name);
    names_.AddBlock(name, CallTvm<ObjectRef>("s_tir.schedule.ScheduleRFactor", schedule_,
                                             LoopRv(loop), factor_axis));
  });
}

Status TvmLiveSchedule::SetScope(const std::string& block, const std::string& scope) {
  return Do([&] {
    WrittenBuffer(block);
    CallTvm<void>("s_tir.schedule.ScheduleSetScope", schedule_, BlockRv(block), 0, scope);
  });
}

}  // namespace banyan
