#pragma once

#include <memory>
#include <string>
#include <vector>

#include "schedule/live_schedule.h"

namespace banyan {

// A LiveSchedule without TVM for tests: primitives rewrite a ProgramView (loops, bindings,
// accesses, buffers) by the rules of LiveSchedule's names, and refuse what TVM refuses where tests
// need it. It knows no predicates beyond a flag, and regions only as far as they are affine.
class FakeLiveSchedule final : public LiveSchedule {
 public:
  explicit FakeLiveSchedule(ProgramView program);

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
  Result<size_t> Block(const std::string& name) const;
  Result<int> Loop(const std::string& name) const;
  int NewLoop(const std::string& name, int64_t extent, LoopKind kind = LoopKind::kSerial);
  int NewBuffer(const std::string& name, const BufferView& like, const std::string& scope);
  // Gives the block the first `fixed` loops of `around` and one new loop for each iter, of the
  // given extents; an iter whose new loop covers all of it forgets the outer ones.
  void PlaceUnder(BlockView& block, const std::vector<int>& outer,
                  const std::vector<LinearForm>& outer_bindings,
                  const std::vector<int64_t>& extents, bool keep_unit_loops);
  Status Move(const std::string& block, const std::string& loop, bool keep_unit_loops,
              bool producer);
  // Recomputes what follows from blocks: loops in use and their parents, producers, consumers.
  void Tidy();
  void Record(std::string line) { trace_.push_back(std::move(line)); }

  ProgramView program_;
  std::shared_ptr<const ProgramView> shared_;
  std::vector<std::string> trace_;
};

}  // namespace banyan
