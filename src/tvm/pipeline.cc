#include "tvm/pipeline.h"

#include <initializer_list>

#include "tvm/ffi.h"

namespace banyan {
namespace {

using Passes = ffi::Array<ffi::ObjectRef>;

ffi::ObjectRef Sequential(const Passes& passes) {
  return CallTvm<ffi::ObjectRef>("transform.Sequential", passes, 0, "sequential",
                                 ffi::Array<ffi::String>(), false);
}

void Append(Passes& passes, std::initializer_list<const char*> names) {
  for (const char* name : names) passes.push_back(CallTvm<ffi::ObjectRef>(name));
}

template <typename... Args>
void AppendWith(Passes& passes, const char* name, Args... args) {
  passes.push_back(CallTvm<ffi::ObjectRef>(name, args...));
}

// default_s_tir_pipeline() with the default pass configuration. The passes that it appends only for
// options we never set are left out, as there.
ffi::ObjectRef MakeLowering() {
  Passes passes;
  Append(passes,
         {"s_tir.transform.CanonicalizeLoop", "s_tir.transform.LowerCrossThreadReduction",
          "s_tir.transform.LowerInitBlock", "s_tir.transform.PlanAndUpdateBufferAllocationLocation",
          "s_tir.transform.ConvertBlocksToOpaque", "s_tir.transform.LiftThreadBinding",
          "s_tir.transform.ManifestSharedMemoryLocalStage"});
  AppendWith(passes, "s_tir.transform.CompactBufferAllocation", true);
  Append(passes, {"s_tir.transform.LowerAutoCopy", "s_tir.transform.UnifyThreadBinding",
                  "s_tir.transform.LowerMatchBuffer", "s_tir.transform.StmtSimplify",
                  "s_tir.transform.InjectPermutedLayout", "s_tir.transform.AnnotateIrregularLoop",
                  "s_tir.transform.InjectSoftwarePipeline",
                  "s_tir.transform.TransformMmaBufferLayout", "s_tir.transform.LowerOpaqueBlock",
                  "tirx.transform.FlattenBuffer", "tirx.transform.BF16ComputeLegalize"});
  AppendWith(passes, "tirx.transform.NarrowDataType", 32);
  Append(passes, {"s_tir.transform.LoopPartition"});
  AppendWith(passes, "tirx.transform.VectorizeLoop", true);
  Append(passes, {"s_tir.transform.InjectVirtualThread", "s_tir.transform.InjectDoubleBuffer",
                  "tirx.transform.StorageRewrite", "s_tir.transform.HoistIfThenElse",
                  "tirx.transform.UnrollLoop", "s_tir.transform.RenormalizeSplitPattern",
                  "tirx.transform.StmtSimplify", "tirx.transform.RemoveNoOp",
                  "s_tir.transform.RewriteUnsafeSelect", "tirx.transform.CommonSubexprElim"});
  AppendWith(passes, "tirx.transform.FP8ComputeLegalize", "float32");
  AppendWith(passes, "s_tir.transform.VerifyVTCMLimit", nullptr);
  Append(passes, {"s_tir.transform.LowerVtcmAlloc", "tirx.transform.VerifyMemory",
                  "tirx.transform.AnnotateEntryFunc"});
  for (const char* scope : {"shared", "shared.dyn", "warp"}) {
    AppendWith(passes, "s_tir.transform.ThreadSync", scope);
  }
  Append(passes, {"s_tir.transform.InferFragment", "s_tir.transform.LowerThreadAllreduce",
                  "s_tir.transform.MergeSharedMemoryAllocations", "tirx.transform.SplitHostDevice",
                  "tirx.transform.MakePackedAPI", "tirx.transform.FP8StorageLegalize",
                  "tirx.transform.BF16StorageLegalize",
                  // finalize_host_passes(); a CPU target leaves no device functions to split off.
                  "tirx.transform.LowerTVMBuiltin", "tirx.transform.LowerIntrin"});
  return Sequential(passes);
}

}  // namespace

ffi::ObjectRef ModuleFromJson(const std::string& json) {
  const ffi::Any value = CallTvm("ffi.FromJSONGraphString", json);
  const auto object = value.try_cast<ffi::ObjectRef>();
  if (!object || object->GetTypeKey() != "ir.IRModule") {
    TVM_FFI_THROW(ValueError) << "the JSON holds " << value.GetTypeKey() << ", not a TVM IRModule";
  }
  return *object;
}

std::string ModuleToJson(const ffi::ObjectRef& module) {
  return CallTvm<std::string>("ffi.ToJSONGraphString", module, nullptr);
}

ffi::ObjectRef TargetObject(const Target& target) {
  return CallTvm<ffi::ObjectRef>("target.Target", target.json);
}

ffi::ObjectRef Lower(const ffi::ObjectRef& module, const ffi::ObjectRef& target) {
  // Passes hold no state; never freed, as their code may be unloaded before static destructors run.
  static const ffi::ObjectRef& lowering = *new ffi::ObjectRef(MakeLowering());
  const auto bind = CallTvm<ffi::ObjectRef>("tirx.transform.BindTarget", target);
  const auto bound = CallTvm<ffi::ObjectRef>("transform.RunPass", bind, module);
  return CallTvm<ffi::ObjectRef>("transform.RunPass", lowering, bound);
}

ffi::Module Compile(const ffi::ObjectRef& module, const ffi::ObjectRef& target) {
  return CallTvm<ffi::Module>("target.build.llvm", Lower(module, target), target);
}

}  // namespace banyan
