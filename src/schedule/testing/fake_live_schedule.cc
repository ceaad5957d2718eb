#include "schedule/testing/fake_live_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.h"
#include "schedule/regions.h"
#include "schedule/transform_base.h"

namespace banyan {
namespace {

// Puts `replacement` (loops) in the place of `count` loops from `at`; `coefficients` gives for each
// old loop among them how the new ones make it up.
void ReplaceLoops(BlockView& block, size_t at, size_t count, const std::vector<int>& replacement,
                  const std::vector<std::vector<int64_t>>& coefficients, bool affine) {
  for (auto& iter : block.iters) {
    auto& old = iter.binding.coefficients;
    std::vector<int64_t> made(replacement.size(), 0);
    bool used = false;
    for (size_t c = 0; c < count; ++c) {
      if (old[at + c] == 0) continue;
      used = true;
      for (size_t r = 0; r < made.size(); ++r) made[r] += old[at + c] * coefficients[c][r];
    }
    if (used && (!affine || !iter.binding.affine)) {
      iter.binding.affine = false;
      for (auto& value : made) value = value != 0 ? 1 : 0;
      for (auto& value : old) value = value != 0 ? 1 : 0;
    }
    old.erase(old.begin() + static_cast<std::ptrdiff_t>(at),
              old.begin() + static_cast<std::ptrdiff_t>(at + count));
    old.insert(old.begin() + static_cast<std::ptrdiff_t>(at), made.begin(), made.end());
  }
  const auto from = block.loops.begin() + static_cast<std::ptrdiff_t>(at);
  block.loops.erase(from, from + static_cast<std::ptrdiff_t>(count));
  block.loops.insert(block.loops.begin() + static_cast<std::ptrdiff_t>(at), replacement.begin(),
                     replacement.end());
}

}  // namespace

FakeLiveSchedule::FakeLiveSchedule(ProgramView program) : program_(std::move(program)) { Tidy(); }

std::unique_ptr<LiveSchedule> FakeLiveSchedule::Copy() const {
  return std::make_unique<FakeLiveSchedule>(*this);
}

Result<std::shared_ptr<const ProgramView>> FakeLiveSchedule::Program() {
  if (!shared_) shared_ = std::make_shared<const ProgramView>(program_);
  return shared_;
}

Result<size_t> FakeLiveSchedule::Block(const std::string& name) const {
  BANYAN_ASSIGN_OR_RETURN(const int block, NeedBlock(program_, name));
  return static_cast<size_t>(block);
}

Result<int> FakeLiveSchedule::Loop(const std::string& name) const {
  return NeedLoop(program_, name);
}

int FakeLiveSchedule::NewLoop(const std::string& name, int64_t extent, LoopKind kind) {
  std::string unique = name;
  for (int i = 2; program_.FindLoop(unique) >= 0; ++i) unique = fmt::format("{}+{}", name, i);
  LoopView loop;
  loop.name = unique;
  loop.extent = extent;
  loop.kind = kind;
  program_.loops.push_back(loop);
  return static_cast<int>(program_.loops.size()) - 1;
}

int FakeLiveSchedule::NewBuffer(const std::string& name, const BufferView& like,
                                const std::string& scope) {
  BufferView buffer = like;
  buffer.name = name;
  buffer.scope = scope;
  buffer.is_parameter = false;
  program_.buffers.push_back(std::move(buffer));
  return static_cast<int>(program_.buffers.size()) - 1;
}

Status FakeLiveSchedule::Split(const std::string& loop, const std::vector<int64_t>& factors,
                               const std::vector<std::string>& names) {
  BANYAN_ASSIGN_OR_RETURN(const int old, Loop(loop));
  const int64_t extent = program_.loops[static_cast<size_t>(old)].extent;
  int64_t known = 1;
  for (const int64_t factor : factors) known *= factor > 0 ? factor : 1;
  if (known > extent) return IllegalStep(fmt::format("factors of {} exceed its extent", loop));
  program_.loops[static_cast<size_t>(old)].name = "(replaced)";
  std::vector<int> parts;
  std::vector<int64_t> coefficients(factors.size(), 1);
  std::vector<int64_t> sizes;
  for (const int64_t factor : factors)
    sizes.push_back(factor > 0 ? factor : (extent + known - 1) / known);
  for (size_t i = factors.size(); i > 1; --i)
    coefficients[i - 2] = coefficients[i - 1] * sizes[i - 1];
  const bool exact = coefficients[0] * sizes[0] == extent;
  for (size_t i = 0; i < factors.size(); ++i) parts.push_back(NewLoop(names[i], sizes[i]));
  for (auto& block : program_.blocks) {
    const int at = PositionOf(block, old);
    if (at < 0) continue;
    ReplaceLoops(block, static_cast<size_t>(at), 1, parts, {coefficients}, true);
    block.has_predicate = block.has_predicate || !exact;
  }
  Tidy();
  Record(fmt::format("split({}, [{}])", loop, fmt::join(factors, ", ")));
  return {};
}

Status FakeLiveSchedule::Fuse(const std::vector<std::string>& loops, const std::string& name) {
  std::vector<int> old;
  int64_t extent = 1;
  for (const auto& loop : loops) {
    BANYAN_ASSIGN_OR_RETURN(const int index, Loop(loop));
    if (!old.empty() && program_.loops[static_cast<size_t>(index)].parent != old.back()) {
      return IllegalStep(fmt::format("{} is not directly inside the loop before it", loop));
    }
    old.push_back(index);
    extent *= program_.loops[static_cast<size_t>(index)].extent;
  }
  const int fused = NewLoop(name, extent);
  for (auto& block : program_.blocks) {
    const int at = PositionOf(block, old[0]);
    if (at < 0) continue;
    if (PositionOf(block, old.back()) < 0)
      return IllegalStep("the loops surround different blocks");
    ReplaceLoops(block, static_cast<size_t>(at), old.size(), {fused},
                 std::vector<std::vector<int64_t>>(old.size(), {1}), false);
  }
  Tidy();
  Record(fmt::format("fuse({})", fmt::join(loops, ", ")));
  return {};
}

Status FakeLiveSchedule::Reorder(const std::vector<std::string>& loops) {
  std::vector<int> order;
  for (const auto& loop : loops) {
    BANYAN_ASSIGN_OR_RETURN(const int index, Loop(loop));
    order.push_back(index);
  }
  for (auto& block : program_.blocks) {
    std::vector<size_t> places;
    for (const int loop : order) {
      const int at = PositionOf(block, loop);
      if (at >= 0) places.push_back(static_cast<size_t>(at));
    }
    if (places.empty()) continue;
    std::sort(places.begin(), places.end());
    if (places.size() != order.size()) {
      // Legal only if this block hangs off above all that moves.
      const auto& any = *std::find_if(program_.blocks.begin(), program_.blocks.end(),
                                      [&](const auto& b) { return PositionOf(b, order[0]) >= 0; });
      int first = static_cast<int>(any.loops.size());
      for (const int loop : order) {
        const int at = PositionOf(any, loop);
        if (at < 0) return IllegalStep("the loops are not of one block");
        first = std::min(first, at);
      }
      if (PositionOf(block, any.loops[static_cast<size_t>(first)]) < 0) continue;
      return IllegalStep(fmt::format("block {} hangs between the loops", block.name));
    }
    std::vector<int> loops_now = block.loops;
    std::vector<size_t> from(block.loops.size());
    for (size_t i = 0; i < from.size(); ++i) from[i] = i;
    for (size_t i = 0; i < order.size(); ++i) {
      from[places[i]] = static_cast<size_t>(PositionOf(block, order[i]));
    }
    for (size_t i = 0; i < from.size(); ++i) loops_now[i] = block.loops[from[i]];
    for (auto& iter : block.iters) {
      const auto old = iter.binding.coefficients;
      for (size_t i = 0; i < from.size(); ++i) iter.binding.coefficients[i] = old[from[i]];
    }
    block.loops = std::move(loops_now);
  }
  Tidy();
  Record(fmt::format("reorder({})", fmt::join(loops, ", ")));
  return {};
}

Status FakeLiveSchedule::SetLoopKind(const std::string& loop, LoopKind kind) {
  BANYAN_ASSIGN_OR_RETURN(const int index, Loop(loop));
  if (kind == LoopKind::kVectorized || kind == LoopKind::kParallel) {
    for (const int b : program_.BlocksUnder(index)) {
      const auto& block = program_.blocks[static_cast<size_t>(b)];
      if (DrivesReduction(block, static_cast<size_t>(PositionOf(block, index))) ||
          IsDecomposed(block)) {
        return IllegalStep(fmt::format("not compact dataflow: block {}", block.name));
      }
    }
  }
  program_.loops[static_cast<size_t>(index)].kind = kind;
  Tidy();
  Record(fmt::format("{}({})", LoopKindName(kind), loop));
  return {};
}

Status FakeLiveSchedule::AddUnitLoop(const std::string& block, const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(block));
  const int loop = NewLoop(name, 1);
  auto& view = program_.blocks[index];
  view.loops.push_back(loop);
  for (auto& iter : view.iters) iter.binding.coefficients.push_back(0);
  Tidy();
  return {};
}

Status FakeLiveSchedule::CacheRead(const std::string& block, const std::string& buffer,
                                   const std::string& scope,
                                   const std::vector<std::string>& other_readers,
                                   const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t reader, Block(block));
  const int source = program_.FindBuffer(buffer);
  if (source < 0) return IllegalStep(fmt::format("no buffer {}", buffer));
  if (program_.FindBlock(name) >= 0) return IllegalStep(fmt::format("block {} exists", name));
  const BufferView like = program_.buffers[static_cast<size_t>(source)];
  const int cached = NewBuffer(name, like, scope);
  size_t first = reader;
  std::vector<size_t> readers = {reader};
  for (const auto& other : other_readers) {
    BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(other));
    readers.push_back(index);
    first = std::min(first, index);
  }
  for (const size_t index : readers) {
    for (auto& access : program_.blocks[index].reads) {
      if (access.buffer == source) access.buffer = cached;
    }
  }
  BlockView copy;
  copy.name = name;
  for (size_t d = 0; d < like.shape.size(); ++d) {
    const std::string iter = fmt::format("v{}", d);
    copy.loops.push_back(NewLoop(name + "." + iter, like.shape[d]));
    copy.iters.push_back(
        {iter, IterKind::kSpatial, like.shape[d], LinearForm::Unit(like.shape.size(), d)});
  }
  AccessView access;
  for (size_t d = 0; d < like.shape.size(); ++d)
    access.indices.push_back(LinearForm::Unit(like.shape.size(), d));
  access.buffer = source;
  copy.reads = {access};
  access.buffer = cached;
  copy.writes = {access};
  program_.blocks.insert(program_.blocks.begin() + static_cast<std::ptrdiff_t>(first),
                         std::move(copy));
  Tidy();
  Record(fmt::format("cache_read({}, {}, {})", block, buffer, scope));
  return {};
}

Status FakeLiveSchedule::CacheWrite(const std::string& block, const std::string& scope,
                                    const std::string& name) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(block));
  if (IsDecomposed(program_.blocks[index]))
    return IllegalStep("the buffer is written by two blocks");
  const int target = program_.blocks[index].writes[0].buffer;
  const BufferView like = program_.buffers[static_cast<size_t>(target)];
  const int cached = NewBuffer(like.name + "_" + scope, like, scope);
  program_.blocks[index].writes[0].buffer = cached;
  BlockView copy;
  copy.name = name;
  AccessView access;
  for (size_t d = 0; d < like.shape.size(); ++d) {
    const std::string iter = fmt::format("v{}", d);
    copy.loops.push_back(NewLoop(name + "." + iter, like.shape[d]));
    copy.iters.push_back(
        {iter, IterKind::kSpatial, like.shape[d], LinearForm::Unit(like.shape.size(), d)});
    access.indices.push_back(LinearForm::Unit(like.shape.size(), d));
  }
  access.buffer = cached;
  copy.reads = {access};
  access.buffer = target;
  copy.writes = {access};
  program_.blocks.insert(program_.blocks.begin() + static_cast<std::ptrdiff_t>(index) + 1,
                         std::move(copy));
  Tidy();
  Record(fmt::format("cache_write({}, {})", block, scope));
  return {};
}

Status FakeLiveSchedule::TransformLayout(const std::string& block, const Layout& layout, bool pad) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(block));
  const int buffer = program_.blocks[index].writes[0].buffer;
  auto& view = program_.buffers[static_cast<size_t>(buffer)];
  if (view.is_parameter) return IllegalStep("the layout of a parameter is fixed");
  std::vector<int64_t> shape;
  for (const auto& term : layout) {
    const int64_t extent = view.shape[static_cast<size_t>(term.dim)];
    if (!pad && extent % term.divisor != 0) return IllegalStep("the layout needs padding");
    const int64_t size = (extent + term.divisor - 1) / term.divisor;
    shape.push_back(term.modulus > 0 ? std::min(size, term.modulus) : size);
  }
  for (const auto& other : program_.blocks) {
    for (const auto* accesses : {&other.reads, &other.writes}) {
      for (const auto& access : *accesses) {
        if (access.buffer == buffer && access.indices.size() != view.shape.size()) {
          return IllegalStep("an access to the buffer is not known index by index");
        }
      }
    }
  }
  view.shape = std::move(shape);
  auto rewrite = [&](AccessView& access) {
    if (access.buffer != buffer) return;
    std::vector<LinearForm> indices;
    for (const auto& term : layout) {
      LinearForm form = access.indices[static_cast<size_t>(term.dim)];
      if (term.divisor != 1 || term.modulus != 0) {
        form.affine = false;
        for (auto& coefficient : form.coefficients) coefficient = coefficient != 0 ? 1 : 0;
      }
      indices.push_back(std::move(form));
    }
    access.indices = std::move(indices);
  };
  for (auto& other : program_.blocks) {
    for (auto& access : other.reads) rewrite(access);
    for (auto& access : other.writes) rewrite(access);
  }
  Tidy();
  Record(fmt::format("transform_layout({}, {})", block, LayoutToJson(layout).dump()));
  return {};
}

Status FakeLiveSchedule::SetScope(const std::string& block, const std::string& scope) {
  BANYAN_ASSIGN_OR_RETURN(const size_t index, Block(block));
  program_.buffers[static_cast<size_t>(program_.blocks[index].writes[0].buffer)].scope = scope;
  Tidy();
  Record(fmt::format("set_scope({}, {})", block, scope));
  return {};
}

Status FakeLiveSchedule::Annotate(const std::string& target, const std::string& key,
                                  const Json& value) {
  if (program_.FindBlock(target) < 0) {
    auto loop = Loop(target);
    if (!loop.ok()) return loop.error();
  }
  Record(fmt::format("annotate({}, {}, {})", target, key, value.dump()));
  return {};
}

Status FakeLiveSchedule::Primitive(const std::string& name, const Json& args) {
  if (name == "Crash") return Internal("the fake was asked to fail");
  Record(fmt::format("{}({})", name, args.dump()));
  return {};
}

void FakeLiveSchedule::Tidy() {
  shared_.reset();
  std::vector<LoopView> loops;
  std::map<int, int> moved;
  for (auto& block : program_.blocks) {
    int parent = -1;
    for (int& loop : block.loops) {
      const auto [entry, fresh] = moved.try_emplace(loop, static_cast<int>(loops.size()));
      if (fresh) {
        loops.push_back(program_.loops[static_cast<size_t>(loop)]);
        loops.back().parent = parent;
      }
      loop = entry->second;
      parent = loop;
    }
    block.producers.clear();
    block.consumers.clear();
  }
  program_.loops = std::move(loops);
  for (size_t p = 0; p < program_.blocks.size(); ++p) {
    for (size_t c = 0; c < program_.blocks.size(); ++c) {
      if (p == c) continue;
      for (const auto& read : program_.blocks[c].reads) {
        if (read.buffer != program_.blocks[p].writes[0].buffer) continue;
        program_.blocks[p].consumers.push_back(static_cast<int>(c));
        program_.blocks[c].producers.push_back(static_cast<int>(p));
        break;
      }
    }
    program_.blocks[p].is_output =
        program_.buffers[static_cast<size_t>(program_.blocks[p].writes[0].buffer)].is_parameter;
  }
}

}  // namespace banyan
