#include "schedule/transform_base.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schedule/step_schema.h"

namespace banyan {

TransformationBase::TransformationBase(std::string_view name, std::string_view summary,
                                       const char* schema)
    : name_(name), summary_(summary), schema_(Json::parse(schema)) {
  schema_["additionalProperties"] = false;
}

Status TransformationBase::Canonicalize(Json& args) const {
  if (!args.contains("block")) return {};
  const std::string& block = Text(args, "block");
  for (const char* key : {"order", "loops"}) {
    if (args.contains(key)) MakeRelative(block, args[key]);
  }
  return {};
}

std::vector<Step> TransformationBase::KeepLegal(const ProgramView& program, const Target& target,
                                                std::vector<Json> candidates) const {
  std::vector<Step> steps;
  std::set<std::string> seen;
  for (auto& args : candidates) {
    auto step = CanonicalStep({std::string(name_), std::move(args)});
    if (!step.ok() || !Check(program, target, *step).ok()) continue;
    if (seen.insert(PrintStep(*step)).second) steps.push_back(std::move(step).value());
  }
  return steps;
}

std::vector<Step> TransformationBase::Enumerate(const ProgramView& program, const Target& target,
                                                size_t limit) const {
  return ThinOut(KeepLegal(program, target, Proposals(program, target)), limit);
}

std::optional<Step> TransformationBase::Sample(const ProgramView& program, const Target& target,
                                               Rng& rng) const {
  std::vector<Json> proposals = Proposals(program, target);
  // Checking costs more than drawing: draw first, and give up only when nothing is left.
  while (!proposals.empty()) {
    const size_t pick = rng.Below(proposals.size());
    std::vector<Json> one;
    one.push_back(std::move(proposals[pick]));
    proposals[pick] = std::move(proposals.back());
    proposals.pop_back();
    auto legal = KeepLegal(program, target, std::move(one));
    if (!legal.empty()) return std::move(legal.front());
  }
  return std::nullopt;
}

std::vector<Json> TransformationBase::Variants(const ProgramView& /*program*/,
                                               const Target& /*target*/,
                                               const Step& /*step*/) const {
  return {};
}

std::vector<Step> TransformationBase::Neighbours(const ProgramView& program, const Target& target,
                                                 const Step& step) const {
  auto steps = KeepLegal(program, target, Variants(program, target, step));
  std::erase(steps, step);
  return steps;
}

std::vector<Step> ThinOut(std::vector<Step> steps, size_t limit) {
  if (steps.size() <= limit || limit == 0) {
    if (limit == 0) steps.clear();
    return steps;
  }
  std::vector<Step> kept;
  kept.reserve(limit);
  for (size_t i = 0; i < limit; ++i) {
    const size_t from = limit == 1 ? 0 : i * (steps.size() - 1) / (limit - 1);
    kept.push_back(std::move(steps[from]));
  }
  return kept;
}

std::string RelativeName(const std::string& block, const std::string& loop) {
  if (loop.size() > block.size() + 1 && loop.compare(0, block.size(), block) == 0 &&
      loop[block.size()] == '.') {
    return loop.substr(block.size() + 1);
  }
  return loop;
}

void MakeRelative(const std::string& block, Json& names) {
  for (auto& name : names) name = RelativeName(block, name.get<std::string>());
}

std::string BlockNames(const ProgramView& program) {
  std::vector<std::string_view> names;
  for (const auto& block : program.blocks) names.push_back(block.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string LoopNames(const ProgramView& program, int block) {
  std::vector<std::string> names;
  const auto& view = program.blocks[static_cast<size_t>(block)];
  for (const int loop : view.loops) {
    names.push_back(RelativeName(view.name, program.loops[static_cast<size_t>(loop)].name));
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

Result<int> NeedBlock(const ProgramView& program, const std::string& name) {
  const int block = program.FindBlock(name);
  if (block >= 0) return block;
  return IllegalStep(fmt::format("no block '{}'; blocks: {}", name, BlockNames(program)));
}

Result<int> NeedLoop(const ProgramView& program, const std::string& name) {
  const int loop = program.FindLoop(name);
  if (loop >= 0) return loop;
  const auto dot = name.find('.');
  for (size_t cut = dot; cut != std::string::npos; cut = name.find('.', cut + 1)) {
    const int block = program.FindBlock(name.substr(0, cut));
    if (block < 0) continue;
    return IllegalStep(fmt::format("no loop '{}'; loops around {}: {}", name,
                                   program.blocks[static_cast<size_t>(block)].name,
                                   LoopNames(program, block)));
  }
  return IllegalStep(fmt::format("no loop '{}'; a loop is called BLOCK.ITER, blocks: {}", name,
                                 BlockNames(program)));
}

int PositionOf(const BlockView& block, int loop) {
  const auto found = std::find(block.loops.begin(), block.loops.end(), loop);
  return found == block.loops.end() ? -1 : static_cast<int>(found - block.loops.begin());
}

Result<int> NeedLoopOf(const ProgramView& program, int block, const std::string& name) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  int loop = program.FindLoop(view.name + "." + name);
  if (loop < 0 || PositionOf(view, loop) < 0) loop = program.FindLoop(name);
  if (loop >= 0 && PositionOf(view, loop) >= 0) return loop;
  return IllegalStep(fmt::format("no loop '{}' around {}; its loops: {}", name, view.name,
                                 LoopNames(program, block)));
}

Result<bool> RunsInside(LiveSchedule& schedule, const std::string& block, const std::string& loop) {
  BANYAN_ASSIGN_OR_RETURN(const auto program, schedule.Program());
  BANYAN_ASSIGN_OR_RETURN(const int index, NeedBlock(*program, block));
  const int at = program->FindLoop(loop);
  return at >= 0 && PositionOf(program->blocks[static_cast<size_t>(index)], at) >= 0;
}

Status NeedNewName(const ProgramView& program, const std::string& name) {
  if (program.FindBlock(name) < 0) return {};
  return IllegalStep(fmt::format("a block '{}' exists already: give another name", name));
}

const std::string& Text(const Json& args, const char* key) {
  static const std::string kEmpty;
  const auto found = args.find(key);
  return found == args.end() ? kEmpty : found->get_ref<const std::string&>();
}

std::string TextOr(const Json& args, const char* key, const std::string& otherwise) {
  const auto found = args.find(key);
  return found == args.end() ? otherwise : found->get<std::string>();
}

std::vector<std::string> Texts(const Json& args, const char* key) {
  std::vector<std::string> texts;
  const auto found = args.find(key);
  if (found == args.end()) return texts;
  for (const auto& item : *found) texts.push_back(item.get<std::string>());
  return texts;
}

namespace {

bool Drives(const BlockView& block, size_t position, IterKind kind) {
  for (const auto& iter : block.iters) {
    if (iter.kind == kind && iter.binding.uses(position)) return true;
  }
  return false;
}

}  // namespace

bool DrivesReduction(const BlockView& block, size_t position) {
  return Drives(block, position, IterKind::kReduction);
}

bool DrivesSpatial(const BlockView& block, size_t position) {
  return Drives(block, position, IterKind::kSpatial);
}

int FirstReductionPosition(const BlockView& block) {
  for (size_t i = 0; i < block.loops.size(); ++i) {
    if (DrivesReduction(block, i)) return static_cast<int>(i);
  }
  return -1;
}

int VectorizedAround(const ProgramView& program, int loop) {
  for (; loop >= 0; loop = program.loops[static_cast<size_t>(loop)].parent) {
    if (program.loops[static_cast<size_t>(loop)].kind == LoopKind::kVectorized) return loop;
  }
  return -1;
}

bool IsDecomposed(const BlockView& block) { return block.is_reduction && !block.has_init; }

Status NeedOneWriter(const ProgramView& program, int buffer) {
  std::vector<std::string_view> writers;
  bool init = false;
  for (const auto& block : program.blocks) {
    for (const auto& access : block.writes) {
      if (access.buffer != buffer) continue;
      writers.push_back(block.name);
      init = init || block.is_init;
      break;
    }
  }
  if (writers.size() < 2) return {};
  return IllegalStep(fmt::format("{} is written by {} blocks ({}): do this before {}",
                                 program.buffers[static_cast<size_t>(buffer)].name, writers.size(),
                                 fmt::join(writers, ", "),
                                 init ? "accumulate(init=...)" : "padding(mode=split_off)"));
}

Status NeedOwnLoops(const ProgramView& program, int block, const char* transformation) {
  const auto& view = program.blocks[static_cast<size_t>(block)];
  for (const int loop : view.loops) {
    for (const int other : program.BlocksUnder(loop)) {
      if (other == block) continue;
      return IllegalStep(
          fmt::format("loop {} of {} surrounds {} too: {} before fusing or accumulating",
                      program.loops[static_cast<size_t>(loop)].name, view.name,
                      program.blocks[static_cast<size_t>(other)].name, transformation));
    }
  }
  return {};
}

int ElementBits(const ProgramView& program, const BlockView& block) {
  if (block.writes.empty() || block.writes[0].buffer < 0) return 32;
  return std::max(1, program.buffers[static_cast<size_t>(block.writes[0].buffer)].element_bits);
}

std::vector<int64_t> FactorCandidates(int64_t extent, int lanes) {
  std::set<int64_t> sizes;
  for (int64_t d = 2; d * d <= extent; ++d) {
    if (extent % d != 0) continue;
    sizes.insert(d);
    sizes.insert(extent / d);
  }
  for (int64_t power = 2; power < extent && power <= 256; power *= 2) sizes.insert(power);
  for (const int64_t multiple : {1, 2, 3, 4, 6, 8}) {
    if (lanes > 1 && multiple * lanes < extent) sizes.insert(multiple * lanes);
  }
  sizes.erase(extent);
  return {sizes.begin(), sizes.end()};
}

std::vector<int64_t> FactorNeighbours(int64_t extent, int lanes, int64_t factor) {
  std::vector<int64_t> near;
  const auto all = FactorCandidates(extent, lanes);
  const auto above = std::upper_bound(all.begin(), all.end(), factor);
  const auto from = std::lower_bound(all.begin(), all.end(), factor);
  if (from != all.begin()) near.push_back(*(from - 1));
  if (above != all.end()) near.push_back(*above);
  return near;
}

int64_t StepOfAccess(const ProgramView& program, const BlockView& block, const AccessView& access,
                     size_t position) {
  const auto strides = program.buffers[static_cast<size_t>(access.buffer)].strides();
  int64_t step = 0;
  for (size_t d = 0; d < access.indices.size() && d < strides.size(); ++d) {
    const LinearForm& form = access.indices[d];
    for (size_t k = 0; k < block.iters.size(); ++k) {
      const LinearForm& binding = block.iters[k].binding;
      if (!form.uses(k) || !binding.uses(position)) continue;
      if (form.affine && binding.affine) {
        step += form.coefficients[k] * binding.coefficients[position] * strides[d];
      } else if (d + 1 == access.indices.size()) {
        step += 1;
      }
    }
  }
  return step;
}

namespace {

// The accesses of `block` move by zero or one element when the loop at `position` advances.
bool IsContiguous(const ProgramView& program, const BlockView& block, size_t position) {
  auto contiguous = [&](const AccessView& access) {
    if (access.buffer < 0) return false;
    const int64_t step = StepOfAccess(program, block, access, position);
    return step == 0 || step == 1;
  };
  return std::all_of(block.reads.begin(), block.reads.end(), contiguous) &&
         std::all_of(block.writes.begin(), block.writes.end(), contiguous);
}

}  // namespace

int64_t StraightLineOps(const ProgramView& program, const Target& target, int block, int changed,
                        LoopKind kind) {
  constexpr int64_t kPlenty = int64_t{1} << 40;
  const auto& view = program.blocks[static_cast<size_t>(block)];
  const int lanes = std::max(1, target.lanes(ElementBits(program, view)));
  constexpr int64_t kStatementsOfALoop = 16;
  int64_t ops = 1;
  bool loop_inside = false;
  for (size_t i = 0; i < view.loops.size(); ++i) {
    const auto& loop = program.loops[static_cast<size_t>(view.loops[i])];
    const LoopKind effective = view.loops[i] == changed ? kind : loop.kind;
    int64_t times = 1;
    if (effective == LoopKind::kUnrolled) times = loop.extent;
    if (effective == LoopKind::kVectorized) {
      // A gather or scatter is taken apart into scalars.
      times = IsContiguous(program, view, i) ? (loop.extent + lanes - 1) / lanes : loop.extent;
    }
    if (ops > 1 && effective == LoopKind::kSerial && loop.extent > 1) loop_inside = true;
    ops = std::min(kPlenty, ops * std::max<int64_t>(1, times));
  }
  return loop_inside ? ops * kStatementsOfALoop : ops;
}

}  // namespace banyan
