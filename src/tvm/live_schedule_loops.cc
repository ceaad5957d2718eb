#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tvm/live_schedule_tvm.h"

// The primitives that change loops.
namespace banyan {

using ffi::ObjectRef;

Status TvmLiveSchedule::Split(const std::string& loop, const std::vector<int64_t>& factors,
                              const std::vector<std::string>& names) {
  return Do([&] {
    const Skeleton::Loop& from = skeleton_.loops[LoopIndex(loop)];
    if (factors.size() != names.size()) {
      Refuse(fmt::format("{} factors for {} names", factors.size(), names.size()));
    }
    if (factors.size() < 2) Refuse("a split needs at least two factors");
    if (std::count(factors.begin(), factors.end(), 0) > 1) {
      Refuse("at most one factor of a split can be inferred");
    }
    if (std::any_of(factors.begin(), factors.end(), [](int64_t f) { return f < 0; })) {
      Refuse("the factors of a split are positive");
    }
    if (from.kind != LoopKind::kSerial) {
      Refuse(fmt::format("loop {} is {}: split it before", loop, LoopKindName(from.kind)));
    }
    int64_t product = 1;
    for (const int64_t factor : factors) {
      if (factor > 0 && __builtin_mul_overflow(product, factor, &product)) {
        Refuse("the factors of the split of " + loop + " are too large");
      }
    }
    const bool inferred = std::count(factors.begin(), factors.end(), 0) == 1;
    if (from.constant_extent && !inferred && product < from.extent) {
      Refuse(fmt::format("the factors of {} give {} iterations, the loop has {}", loop, product,
                         from.extent));
    }
    if (from.constant_extent && inferred && product > from.extent) {
      Refuse(fmt::format(
          "the factors of {} give {} iterations before the inferred one, the loop has {}", loop,
          product, from.extent));
    }
    CheckNewLoopNames(names, {loop});
    ffi::Array<ffi::Any> values;
    for (const int64_t factor : factors) {
      values.push_back(factor == 0 ? ffi::Any(nullptr) : ffi::Any(factor));
    }
    const auto parts = CallTvm<ffi::Array<ObjectRef>>(
        "s_tir.schedule.ScheduleSplit", schedule_, LoopRv(loop), values,
        /*preserve_unit_iters=*/true, /*disable_predication=*/false);
    for (size_t i = 0; i < names.size(); ++i) NameLoop(parts[i], names[i]);
  });
}

Status TvmLiveSchedule::Fuse(const std::vector<std::string>& loops, const std::string& name) {
  return Do([&] {
    if (loops.size() < 2) Refuse("a fusion needs at least two loops");
    for (size_t i = 0; i < loops.size(); ++i) {
      const Skeleton::Loop& loop = skeleton_.loops[LoopIndex(loops[i])];
      if (loop.kind != LoopKind::kSerial) {
        Refuse(fmt::format("loop {} is {}: fuse it before", loops[i], LoopKindName(loop.kind)));
      }
      if (i > 0 && loop.parent != static_cast<int>(LoopIndex(loops[i - 1]))) {
        Refuse(fmt::format("loop {} is not directly inside {}", loops[i], loops[i - 1]));
      }
    }
    CheckNewLoopNames({name}, loops);
    ffi::Array<ObjectRef> rvs;
    for (const std::string& loop : loops) rvs.push_back(LoopRv(loop));
    NameLoop(CallTvm<ObjectRef>("s_tir.schedule.ScheduleFuse", schedule_, rvs,
                                /*preserve_unit_iters=*/true),
             name);
  });
}

Status TvmLiveSchedule::Reorder(const std::vector<std::string>& loops) {
  return Move([&] {
    ffi::Array<ObjectRef> rvs;
    for (size_t i = 0; i < loops.size(); ++i) {
      if (std::find(loops.begin(), loops.begin() + static_cast<std::ptrdiff_t>(i), loops[i]) !=
          loops.begin() + static_cast<std::ptrdiff_t>(i)) {
        Refuse("loop " + loops[i] + " is named twice");
      }
      rvs.push_back(LoopRv(loops[i]));
    }
    if (loops.size() > 1) CallTvm<void>("s_tir.schedule.ScheduleReorder", schedule_, rvs);
  });
}

Status TvmLiveSchedule::SetLoopKind(const std::string& loop, LoopKind kind) {
  const std::shared_ptr<const ProgramView> before = view_;
  const Status status = Do([&] {
    const Skeleton::Loop& now = skeleton_.loops[LoopIndex(loop)];
    if (now.kind == kind) return;
    if (now.kind != LoopKind::kSerial) {
      Refuse(fmt::format("loop {} is {} already", loop, LoopKindName(now.kind)));
    }
    if (!now.constant_extent && kind != LoopKind::kParallel) {
      Refuse(
          fmt::format("loop {} has no constant extent: it cannot be {}", loop, LoopKindName(kind)));
    }
    const char* primitive = nullptr;
    switch (kind) {
      case LoopKind::kParallel:
        CheckParallelizable(LoopIndex(loop));
        primitive = "s_tir.schedule.ScheduleParallel";
        break;
      case LoopKind::kVectorized:
        CheckVectorizable(LoopIndex(loop));
        primitive = "s_tir.schedule.ScheduleVectorize";
        break;
      case LoopKind::kUnrolled:
        primitive = "s_tir.schedule.ScheduleUnroll";
        break;
      default:
        Refuse(fmt::format("a loop cannot be made {} here", LoopKindName(kind)));
    }
    CallTvm<void>(primitive, schedule_, LoopRv(loop));
  });
  if (!status.ok() || before == nullptr || before->loops.size() != skeleton_.loops.size()) {
    return status;
  }
  // Nothing else in the picture changes: a copy is cheaper than a new one.
  auto view = std::make_shared<ProgramView>(*before);
  view->loops[LoopIndex(loop)].kind = skeleton_.loops[LoopIndex(loop)].kind;
  view_ = std::move(view);
  return status;
}

Status TvmLiveSchedule::AddUnitLoop(const std::string& block, const std::string& name) {
  return Do([&] {
    CheckNewLoopNames({name}, {});
    NameLoop(CallTvm<ObjectRef>("s_tir.schedule.ScheduleAddUnitLoop", schedule_, BlockRv(block)),
             name);
  });
}

}  // namespace banyan
