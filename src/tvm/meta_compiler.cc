#include "tvm/meta_compiler.h"

#include <string>
#include <utility>
#include <vector>

#include "schedule/live_schedule.h"
#include "tvm/features.h"
#include "tvm/meta_space.h"
#include "tvm/names.h"
#include "tvm/pipeline.h"
#include "tvm/program_view.h"
#include "tvm/trace.h"

namespace banyan {
namespace {

using ffi::ObjectRef;

// A program that the picture's rules do not fit: the tensors, and one block that says nothing.
ProgramView OpaqueView(const Skeleton& skeleton) {
  ProgramView view;
  view.buffers = CollectBuffers(skeleton).views;
  BlockView block;
  block.name = "root";
  block.opaque = true;
  block.is_output = true;
  view.blocks.push_back(std::move(block));
  return view;
}

// A state of the MetaSchedule space. A step makes a new TVM schedule and never changes the old one,
// so copies share it.
class MetaLiveSchedule final : public LiveSchedule {
 public:
  // Throws ffi::Error.
  MetaLiveSchedule(std::shared_ptr<const MetaSpace> space, ObjectRef schedule, std::string entry)
      : space_(std::move(space)), entry_(std::move(entry)) {
    Set(std::move(schedule));
  }

  std::unique_ptr<LiveSchedule> Copy() const override {
    return std::make_unique<MetaLiveSchedule>(*this);
  }

  Result<std::shared_ptr<const ProgramView>> Program() override {
    return TryTvm([&] {
      if (view_ == nullptr) view_ = std::make_shared<const ProgramView>(MakeView());
      return view_;
    });
  }

  Result<uint64_t> ProgramHash() override {
    return TryTvm([&] {
      return static_cast<uint64_t>(CallTvm<int64_t>("ffi.StructuralHash", module_, false, false));
    });
  }

  Status SampleDesignSpace(uint64_t sample) override {
    if (sampled_) return IllegalStep("design_space starts a plan: it cannot follow another step");
    return Take(space_->Sample(sample));
  }

  Status Mutate(const std::string& mutator, uint64_t draw) override {
    if (!sampled_) return IllegalStep("mutate needs a sample to change: start with design_space");
    return Take(space_->Mutate(schedule_, mutator, draw));
  }

  Result<std::string> Script() override {
    return TryTvm([&] { return ScriptText(module_); });
  }
  Result<std::string> TracePython() override {
    return TryTvm([&] { return TracePythonText(schedule_); });
  }
  Result<Json> TraceJson() override {
    return TryTvm([&] { return SimplifiedTraceJson(schedule_); });
  }
  Result<std::string> ModuleJson() override {
    return TryTvm([&] { return ModuleToJson(module_); });
  }
  Result<std::vector<std::vector<float>>> Features() override {
    return TryTvm([&] { return ExtractFeatures(schedule_); });
  }

  using Name = const std::string&;
  using Names = const std::vector<std::string>&;
  Status Split(Name, const std::vector<int64_t>&, Names) override { return Foreign(); }
  Status Fuse(Names, Name) override { return Foreign(); }
  Status Reorder(Names) override { return Foreign(); }
  Status SetLoopKind(Name, LoopKind) override { return Foreign(); }
  Status AddUnitLoop(Name, Name) override { return Foreign(); }
  Status CacheRead(Name, Name, Name, Names, Name) override { return Foreign(); }
  Status CacheWrite(Name, Name, Name) override { return Foreign(); }
  Status TransformLayout(Name, const Layout&, bool) override { return Foreign(); }
  Status ComputeAt(Name, Name, bool) override { return Foreign(); }
  Status ReverseComputeAt(Name, Name, bool) override { return Foreign(); }
  Status ComputeInline(Name) override { return Foreign(); }
  Status ReverseComputeInline(Name) override { return Foreign(); }
  Status DecomposeReduction(Name, Name, Name) override { return Foreign(); }
  Status DecomposePadding(Name, Name, Name) override { return Foreign(); }
  Status PadEinsum(Name, const std::vector<int64_t>&) override { return Foreign(); }
  Status RFactor(Name, int, Name) override { return Foreign(); }
  Status SetScope(Name, Name) override { return Foreign(); }
  Status Annotate(Name, Name, const Json&) override { return Foreign(); }
  Status Primitive(Name, const Json&) override { return Foreign(); }

 private:
  static Status Foreign() {
    return IllegalStep(
        "in the MetaSchedule action space a plan holds design_space and mutate steps only");
  }

  void Set(ObjectRef schedule) {
    schedule_ = std::move(schedule);
    module_ = CallTvm<ObjectRef>("s_tir.schedule.ScheduleGetMod", schedule_);
    view_.reset();
  }

  Status Take(Result<ObjectRef> made) {
    if (!made.ok()) return made.error();
    sampled_ = true;
    return TryTvm([&] { Set(std::move(made).value()); });
  }

  ProgramView MakeView() const {
    const Skeleton skeleton = WalkSkeleton(ir::FindFunction(module_.get(), entry_));
    try {
      banyan::Names names;
      names.Update(skeleton, std::vector<int>(skeleton.blocks.size(), -1));
      return BuildProgramView(skeleton, names.block_names(), names.loop_names());
    } catch (const ffi::Error&) {
      return OpaqueView(skeleton);
    }
  }

  std::shared_ptr<const MetaSpace> space_;
  std::string entry_;
  bool sampled_ = false;
  ObjectRef schedule_;
  ObjectRef module_;
  std::shared_ptr<const ProgramView> view_;
};

}  // namespace

Result<std::unique_ptr<Compiler>> MakeMetaScheduleCompiler(Workload workload, Target target,
                                                           size_t capacity) {
  auto module =
      TryTvm([&] { return ModuleFromJson(workload.module_json); }, ErrorCode::kInvalidArgument);
  if (!module.ok()) return module.error();
  if (ir::FindFunction(module->get(), workload.entry) == nullptr) {
    return InvalidArgument("the module has no tensor program \"" + workload.entry + "\"");
  }
  auto root = TryTvm(
      [&]() -> std::unique_ptr<LiveSchedule> {
        const auto schedule =
            CallTvm<ObjectRef>("s_tir.schedule.TracedSchedule", *module, /*seed=*/1,
                               /*debug_mask=*/0, /*error_render_level=*/1, /*enable_check=*/true);
        return std::make_unique<MetaLiveSchedule>(
            std::make_shared<const MetaSpace>(*module, target), schedule, workload.entry);
      },
      ErrorCode::kUnsupported);
  if (!root.ok()) return root.error();
  return MakeScheduleCompiler(std::move(workload), std::move(target), std::move(root).value(),
                              capacity);
}

}  // namespace banyan
