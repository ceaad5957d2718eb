#include "tvm/live_schedule.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tvm/live_schedule_tvm.h"

namespace banyan {
namespace {

using ffi::ObjectRef;

std::string OneOf(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Result<std::unique_ptr<LiveSchedule>> MakeLiveSchedule(const std::string& module_json,
                                                       const std::string& entry) {
  return TryTvm(
      [&]() -> Result<std::unique_ptr<LiveSchedule>> {
        const ffi::Any module = CallTvm("ffi.FromJSONGraphString", module_json);
        const auto* node = module.as<ffi::Object>();
        if (ir::KindOf(node) != ir::Kind::kModule) {
          return InvalidArgument("the text is not an IRModule in TVM's JSON");
        }
        if (ir::FindFunction(node, entry) == nullptr) {
          return InvalidArgument("the module has no tensor program \"" + entry + "\"");
        }
        return std::unique_ptr<LiveSchedule>(
            std::make_unique<TvmLiveSchedule>(module.cast<ObjectRef>(), entry));
      },
      ErrorCode::kInvalidArgument);
}

TvmLiveSchedule::TvmLiveSchedule(ObjectRef module, std::string entry) : entry_(std::move(entry)) {
  constexpr int kSeed = 1;  // no primitive here draws
  constexpr int kNoDebugMask = 0;
  constexpr int kErrorsInDetail = 0;
  schedule_ = CallTvm<ObjectRef>("s_tir.schedule.TracedSchedule", module, kSeed, kNoDebugMask,
                                 kErrorsInDetail, true);
  CallTvm<void>("s_tir.schedule.ScheduleWorkOn", schedule_, entry_);
  Refresh();
}

TvmLiveSchedule::TvmLiveSchedule(const TvmLiveSchedule& other)
    : schedule_(CallTvm<ObjectRef>("s_tir.schedule.ScheduleCopy", other.schedule_)),
      entry_(other.entry_),
      module_(other.module_),
      skeleton_(other.skeleton_),
      names_(other.names_),
      view_(other.view_) {}

TvmLiveSchedule::~TvmLiveSchedule() {
  view_.reset();
  const TvmTimer timer;  // TVM takes its schedule and program apart
  schedule_ = ObjectRef();
  module_ = ObjectRef();
}

std::unique_ptr<LiveSchedule> TvmLiveSchedule::Copy() const {
  return std::unique_ptr<LiveSchedule>(new TvmLiveSchedule(*this));
}

Result<std::shared_ptr<const ProgramView>> TvmLiveSchedule::Program() {
  return TryTvm([&] {
    View();
    return view_;
  });
}

void TvmLiveSchedule::Refuse(std::string reason) { throw Refusal{IllegalStep(std::move(reason))}; }

Status TvmLiveSchedule::Do(const std::function<void()>& primitive) {
  try {
    primitive();
    view_.reset();
    Refresh();
    return Ok{};
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const ffi::Error& error) {
    return Explain(error);
  } catch (const std::exception& error) {
    return ErrorFromTvmText("exception", error.what(), ErrorCode::kIllegalStep);
  }
}

Status TvmLiveSchedule::Move(const std::function<void()>& primitive,
                             const std::function<void()>& check) {
  BANYAN_RETURN_IF_ERROR(Do(primitive));
  try {
    CheckDataflow();
    check();
    return Ok{};
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const ffi::Error& error) {
    return Explain(error);
  }
}

const ProgramView& TvmLiveSchedule::View() {
  if (view_ == nullptr) {
    view_ = std::make_shared<const ProgramView>(
        BuildProgramView(skeleton_, names_.block_names(), names_.loop_names()));
  }
  return *view_;
}

void TvmLiveSchedule::Refresh() {
  module_ = CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetMod", schedule_);
  const ir::Node* function = ir::FindFunction(module_.get(), entry_);
  if (function == nullptr) Refuse("the function " + entry_ + " is gone");
  skeleton_ = WalkSkeleton(function);

  std::unordered_map<const ir::Node*, int> alias_of;
  for (size_t alias = 0; alias < names_.block_count(); ++alias) {
    try {
      alias_of[StatementOf(names_.block_rv(alias))] = static_cast<int>(alias);
    } catch (const ffi::Error&) {
      // TVM removed the block: its variable leads nowhere, and its name goes.
    }
  }
  std::vector<int> known;
  for (const Skeleton::Block& block : skeleton_.blocks) {
    const auto found = alias_of.find(block.node);
    known.push_back(found == alias_of.end() ? -1 : found->second);
  }
  names_.Update(skeleton_, known);
  // A block is identified by its variable from now on.
  for (size_t b = 0; b < skeleton_.blocks.size(); ++b) {
    if (!names_.block_rv(b).defined()) names_.set_block_rv(b, FindBlockRv(b));
  }
}

const ir::Node* TvmLiveSchedule::StatementOf(const ObjectRef& rv) const {
  return CallTvm<ObjectRef>("s_tir.schedule.ScheduleGet", schedule_, rv).get();
}

ObjectRef TvmLiveSchedule::FindBlockRv(size_t index) {
  const ir::Node* node = skeleton_.blocks[index].node;
  const std::string name = ir::F().block_name.Text(node);
  const auto alike = std::count_if(
      skeleton_.blocks.begin(), skeleton_.blocks.end(),
      [&](const Skeleton::Block& block) { return ir::F().block_name.Text(block.node) == name; });
  if (alike == 1) {
    return CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetSBlock", schedule_, name, entry_);
  }
  // The name is ambiguous: go down from the block around it.
  const int scope = skeleton_.blocks[index].scope;
  const ObjectRef outer = scope >= 0
                              ? names_.block_rv(static_cast<size_t>(scope))
                              : CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetSBlock", schedule_,
                                                   ir::F().block_name.Text(skeleton_.root), entry_);
  const auto children =
      CallTvm<ffi::Array<ObjectRef>>("s_tir.schedule.ScheduleGetChildBlocks", schedule_, outer);
  for (const ObjectRef& child : children) {
    if (StatementOf(child) == node) return child;
  }
  Refuse("TVM does not give access to block " + name);
}

size_t TvmLiveSchedule::BlockIndex(const std::string& name) const {
  const int index = names_.FindBlock(name);
  if (index < 0) {
    Refuse(fmt::format("no block \"{}\" (blocks: {})", name, OneOf(names_.block_names())));
  }
  return static_cast<size_t>(index);
}

ObjectRef TvmLiveSchedule::BlockRv(const std::string& name) {
  return names_.block_rv(BlockIndex(name));
}

size_t TvmLiveSchedule::LoopIndex(const std::string& name) const {
  const int index = names_.FindLoop(name);
  if (index >= 0) return static_cast<size_t>(index);
  // The loops of the block it seems to be of say more than all.
  const std::string block = name.substr(0, name.find('.'));
  std::vector<std::string> near;
  if (const int b = names_.FindBlock(block); b >= 0) {
    for (const int loop : skeleton_.blocks[static_cast<size_t>(b)].loops) {
      near.push_back(names_.loop_names()[static_cast<size_t>(loop)]);
    }
    Refuse(fmt::format("no loop \"{}\" (loops around {}: {})", name, block, OneOf(near)));
  }
  Refuse(fmt::format("no loop \"{}\" (loops: {})", name, OneOf(names_.loop_names())));
}

ObjectRef TvmLiveSchedule::LoopRv(const std::string& name) {
  const size_t index = LoopIndex(name);
  const Skeleton::Loop& loop = skeleton_.loops[index];
  if (ObjectRef rv = names_.LoopRv(loop.var); rv.defined()) {
    try {
      if (StatementOf(rv) == loop.node) return rv;
    } catch (const ffi::Error&) {
      // TVM made the loop anew under the same variable: ask again.
    }
  }
  for (size_t b = 0; b < skeleton_.blocks.size(); ++b) {
    const Skeleton::Block& block = skeleton_.blocks[b];
    if (block.scope != loop.scope) continue;
    const auto at = std::find(block.loops.begin(), block.loops.end(), static_cast<int>(index));
    if (at == block.loops.end()) continue;
    const auto rvs = CallTvm<ffi::Array<ObjectRef>>("s_tir.schedule.ScheduleGetLoops", schedule_,
                                                    names_.block_rv(b));
    for (size_t k = 0; k < rvs.size(); ++k) {
      const size_t position = block.scope_begin + k;
      names_.RememberLoopRv(skeleton_.loops[static_cast<size_t>(block.loops[position])].var,
                            rvs[k]);
    }
    return rvs[static_cast<size_t>(at - block.loops.begin()) - block.scope_begin];
  }
  Refuse("loop " + name + " holds no block");
}

void TvmLiveSchedule::NameLoop(const ObjectRef& rv, const std::string& name) {
  names_.SetLoop(ir::F().for_var.Object(StatementOf(rv)), rv, name);
}

void TvmLiveSchedule::CheckNewBlockName(const std::string& name) const {
  if (name.empty()) Refuse("the new block needs a name");
  if (names_.FindBlock(name) >= 0) Refuse("there is a block \"" + name + "\" already");
}

void TvmLiveSchedule::CheckNewLoopNames(const std::vector<std::string>& names,
                                        const std::vector<std::string>& replaced) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) Refuse("a new loop needs a name");
    const bool frees = std::find(replaced.begin(), replaced.end(), names[i]) != replaced.end();
    const auto before = names.begin() + static_cast<std::ptrdiff_t>(i);
    if ((names_.FindLoop(names[i]) >= 0 && !frees) ||
        std::find(names.begin(), before, names[i]) != before) {
      Refuse("there is a loop \"" + names[i] + "\" already");
    }
  }
}

}  // namespace banyan
