#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/live_schedule.h"
#include "tvm/ffi.h"
#include "tvm/names.h"
#include "tvm/program_view.h"

namespace banyan {

// LiveSchedule over s_tir.schedule.TracedSchedule. Every primitive resolves names to TVM's random
// variables, calls the primitive, and reconciles the names with the new program. What only looks
// (names, the picture) walks the IR and leaves no instruction in the trace.
class TvmLiveSchedule : public LiveSchedule {
 public:
  // Throws ffi::Error.
  TvmLiveSchedule(ffi::ObjectRef module, std::string entry);
  ~TvmLiveSchedule() override;

  std::unique_ptr<LiveSchedule> Copy() const override;
  Result<std::shared_ptr<const ProgramView>> Program() override;
  Result<uint64_t> ProgramHash() override;

  Status Split(const std::string& loop, const std::vector<int64_t>& factors,
               const std::vector<std::string>& names) override;
  Status Fuse(const std::vector<std::string>& loops, const std::string& name) override;
  Status Reorder(const std::vector<std::string>& loops) override;
  Status SetLoopKind(const std::string& loop, LoopKind kind) override;
  Status AddUnitLoop(const std::string& block, const std::string& name) override;
  Status CacheRead(const std::string& block, const std::string& buffer, const std::string& scope,
                   const std::vector<std::string>& other_readers, const std::string& name) override;
  Status CacheWrite(const std::string& block, const std::string& scope,
                    const std::string& name) override;
  Status TransformLayout(const std::string& block, const Layout& layout, bool pad) override;
  Status ComputeAt(const std::string& block, const std::string& loop,
                   bool keep_unit_loops) override;
  Status ReverseComputeAt(const std::string& block, const std::string& loop,
                          bool keep_unit_loops) override;
  Status ComputeInline(const std::string& block) override;
  Status ReverseComputeInline(const std::string& block) override;
  Status DecomposeReduction(const std::string& block, const std::string& loop,
                            const std::string& init_name) override;
  Status DecomposePadding(const std::string& block, const std::string& loop,
                          const std::string& pad_name) override;
  Status PadEinsum(const std::string& block, const std::vector<int64_t>& multiples) override;
  Status RFactor(const std::string& loop, int factor_axis, const std::string& name) override;
  Status SetScope(const std::string& block, const std::string& scope) override;
  Status Annotate(const std::string& target, const std::string& key, const Json& value) override;
  Status Primitive(const std::string& name, const Json& args) override;

  Result<std::string> Script() override;
  Result<std::string> TracePython() override;
  Result<Json> TraceJson() override;
  Result<std::string> ModuleJson() override;
  Result<std::vector<std::vector<float>>> Features() override;

 private:
  TvmLiveSchedule(const TvmLiveSchedule& other);

  // All below throw: ffi::Error from TVM, and Refusal (an Error) from the checks before it.
  struct Refusal {
    Error error;
  };
  [[noreturn]] static void Refuse(std::string reason);
  // Runs a primitive: a throw becomes kIllegalStep, success forgets the picture.
  Status Do(const std::function<void()>& primitive);
  // The same, and then CheckDataflow and `check`.
  Status Move(
      const std::function<void()>& primitive, const std::function<void()>& check = [] {});
  // TVM's error in words of this schedule's names.
  Error Explain(const ffi::Error& error) const;
  // The picture, for checks that TVM leaves out.
  const ProgramView& View();
  void CheckVectorizable(size_t loop);
  void CheckParallelizable(size_t loop);
  void CheckSpatial(size_t loop, LoopKind kind);
  void CheckNotVectorized(const std::string& loop) const;
  // After a primitive that moved blocks or loops, on the new program.
  void CheckDataflow();
  void CheckPaddable(const std::string& block);
  void CheckRunsOnce(const std::string& block);
  std::vector<bool> FlagsOf(size_t block) const;

  ffi::ObjectRef BlockRv(const std::string& name);
  ffi::ObjectRef LoopRv(const std::string& name);
  size_t BlockIndex(const std::string& name) const;  // into the skeleton
  size_t LoopIndex(const std::string& name) const;
  const ir::Node* StatementOf(const ffi::ObjectRef& rv) const;  // the SBlock or For
  ffi::ObjectRef FindBlockRv(size_t index);
  void CheckNewBlockName(const std::string& name) const;
  void CheckNewLoopNames(const std::vector<std::string>& names,
                         const std::vector<std::string>& replaced) const;
  void NameLoop(const ffi::ObjectRef& rv, const std::string& name);
  void Relocate(const char* primitive, const std::string& block, const std::string& loop,
                bool keep_unit_loops);
  void Inline(const char* primitive, const std::string& block);
  const ir::Node* WrittenBuffer(const std::string& block) const;
  // `resolve`: strings that name a block or a loop stand for it.
  ffi::Any ValueOf(const Json& value, bool resolve);

  // After a change of the program's structure: walks it and brings the names up to date.
  void Refresh();

  ffi::ObjectRef schedule_;
  std::string entry_;
  ffi::ObjectRef module_;  // the current one: keeps the skeleton's nodes alive
  Skeleton skeleton_;
  Names names_;
  std::shared_ptr<const ProgramView> view_;
};

}  // namespace banyan
