#include <algorithm>
#include <array>
#include <string_view>

#include "tvm/features.h"
#include "tvm/live_schedule_tvm.h"
#include "tvm/trace.h"

// Annotations, primitives by name, and the texts that leave the room.
namespace banyan {

using ffi::ObjectRef;

namespace {

// TVM's primitives that change the program, by name; those that sample, query or copy are not
// steps.
constexpr auto kPrimitives = std::to_array<std::string_view>({"AddUnitLoop",
                                                              "Annotate",
                                                              "Bind",
                                                              "Blockize",
                                                              "CacheIndex",
                                                              "CacheInplace",
                                                              "CacheRead",
                                                              "CacheWrite",
                                                              "ComputeAt",
                                                              "ComputeInline",
                                                              "DecomposePadding",
                                                              "DecomposeReduction",
                                                              "Fuse",
                                                              "FuseReductionEpilogue",
                                                              "LoopPartition",
                                                              "Merge",
                                                              "PadEinsum",
                                                              "Parallel",
                                                              "RFactor",
                                                              "ReIndex",
                                                              "ReadAt",
                                                              "ReindexCacheRead",
                                                              "ReindexCacheWrite",
                                                              "Reorder",
                                                              "ReorderBlockIterVar",
                                                              "ReverseComputeAt",
                                                              "ReverseComputeInline",
                                                              "RollingBuffer",
                                                              "SetScope",
                                                              "Split",
                                                              "StorageAlign",
                                                              "Tensorize",
                                                              "TransformBlockLayout",
                                                              "TransformLayout",
                                                              "Unannotate",
                                                              "Unroll",
                                                              "UnsafeHideBufferAccess",
                                                              "UnsafeSetDType",
                                                              "Vectorize",
                                                              "WriteAt"});

}  // namespace

ffi::Any TvmLiveSchedule::ValueOf(const Json& value, bool resolve) {
  if (value.is_null()) return ffi::Any(nullptr);
  if (value.is_boolean()) return ffi::Any(value.get<bool>());
  if (value.is_number_integer()) return ffi::Any(value.get<int64_t>());
  if (value.is_number()) return ffi::Any(value.get<double>());
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (resolve && names_.FindBlock(text) >= 0) return ffi::Any(BlockRv(text));
    if (resolve && names_.FindLoop(text) >= 0) return ffi::Any(LoopRv(text));
    return ffi::Any(ffi::String(text));
  }
  if (value.is_array()) {
    ffi::Array<ffi::Any> items;
    for (const Json& item : value) items.push_back(ValueOf(item, resolve));
    return ffi::Any(items);
  }
  ffi::Map<ffi::String, ffi::Any> items;
  for (const auto& [key, item] : value.items()) items.Set(ffi::String(key), ValueOf(item, resolve));
  return ffi::Any(items);
}

Status TvmLiveSchedule::Annotate(const std::string& target, const std::string& key,
                                 const Json& value) {
  return Do([&] {
    const ObjectRef rv = names_.FindBlock(target) >= 0 ? BlockRv(target) : LoopRv(target);
    CallTvm<void>("s_tir.schedule.ScheduleAnnotate", schedule_, rv, key, ValueOf(value, false));
  });
}

Status TvmLiveSchedule::Primitive(const std::string& name, const Json& args) {
  return Move([&] {
    if (std::find(kPrimitives.begin(), kPrimitives.end(), name) == kPrimitives.end()) {
      std::string known;
      for (const std::string_view primitive : kPrimitives) {
        known += (known.empty() ? "" : ", ") + std::string(primitive);
      }
      Refuse("no primitive \"" + name + "\" (" + known + ")");
    }
    if (!args.is_array()) Refuse("the arguments of a primitive are an array");
    if (name == "CacheInplace" && !args.empty() && args[0].is_string()) {
      const auto block = args[0].get<std::string>();
      const BlockView& view = View().blocks[BlockIndex(block)];
      if (view.is_reduction && !view.has_init) {
        Refuse("block " + block + " is decomposed: CacheInplace would break the build");
      }
    }
    std::vector<ffi::Any> values{ffi::Any(schedule_)};
    for (const Json& arg : args) values.push_back(ValueOf(arg, true));
    std::vector<ffi::AnyView> views(values.begin(), values.end());
    ffi::Any result;
    GlobalFunction("s_tir.schedule.Schedule" + name)
        .CallPacked(views.data(), static_cast<int32_t>(views.size()), &result);
  });
}

Result<std::string> TvmLiveSchedule::Script() {
  return TryTvm([&] { return ScriptText(module_); });
}

Result<std::string> TvmLiveSchedule::TracePython() {
  return TryTvm([&] { return TracePythonText(schedule_); });
}

Result<Json> TvmLiveSchedule::TraceJson() {
  return TryTvm([&] { return SimplifiedTraceJson(schedule_); });
}

Result<std::string> TvmLiveSchedule::ModuleJson() {
  return TryTvm(
      [&] { return std::string(CallTvm<ffi::String>("ffi.ToJSONGraphString", module_, nullptr)); });
}

Result<uint64_t> TvmLiveSchedule::ProgramHash() {
  return TryTvm([&] {
    return static_cast<uint64_t>(CallTvm<int64_t>("ffi.StructuralHash", module_, false, false));
  });
}

Result<std::vector<std::vector<float>>> TvmLiveSchedule::Features() {
  return TryTvm([&] { return ExtractFeatures(schedule_); });
}

}  // namespace banyan
