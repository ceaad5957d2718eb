#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "schedule/program.h"

namespace banyan {

// One dimension of a changed buffer layout: (index of old dimension `dim` / divisor) % modulus;
// modulus 0: no modulo. Text "d2/16", "d2%16", "d0".
struct LayoutTerm {
  int dim = 0;
  int64_t divisor = 1;
  int64_t modulus = 0;
};
using Layout = std::vector<LayoutTerm>;

Result<Layout> ParseLayout(const Json& terms);  // ["d0", "d1/16", "d1%16"]
Json LayoutToJson(const Layout& layout);

// A program being scheduled, and TVM's primitives on it by *names* of loops and blocks. Names are
// resolved at the call; an unknown one fails with the names that exist. A primitive that fails
// leaves the schedule unspecified: drop it (apply on a Copy). Errors are kIllegalStep with a
// one-line reason. Not thread-safe; different schedules may be used from different threads.
//
// Naming: a block is called as in the workload, or as the step that made it says. A loop is called
// <block>.<iter> where the block's loops are (re)created - by the workload, compute_at, cache_read,
// decompose_reduction, ... - (several loops for one iter: .0, .1, ... outermost first; a loop that
// drives no iter: <block>.u0, ...). Split and Fuse take the new names from their caller. All else
// keeps names.
class LiveSchedule {
 public:
  virtual ~LiveSchedule() = default;

  virtual std::unique_ptr<LiveSchedule> Copy() const = 0;
  // The program now; rebuilt lazily after a change and shared with copies.
  virtual Result<std::shared_ptr<const ProgramView>> Program() = 0;
  // TVM's structural hash of the program now: equal hashes are equal programs up to variable names.
  virtual Result<uint64_t> ProgramHash() = 0;

  // `factors` outermost first; at most one is 0: inferred, rounding up (a predicate guards the
  // rest).
  virtual Status Split(const std::string& loop, const std::vector<int64_t>& factors,
                       const std::vector<std::string>& names) = 0;
  virtual Status Fuse(const std::vector<std::string>& loops, const std::string& name) = 0;
  // The named loops of one block, in their new relative order.
  virtual Status Reorder(const std::vector<std::string>& loops) = 0;
  virtual Status SetLoopKind(const std::string& loop, LoopKind kind) = 0;
  virtual Status AddUnitLoop(const std::string& block, const std::string& name) = 0;

  // A copy of `buffer` in `scope`, read by `block` and by `other_readers`; the new block is `name`.
  virtual Status CacheRead(const std::string& block, const std::string& buffer,
                           const std::string& scope, const std::vector<std::string>& other_readers,
                           const std::string& name) = 0;
  // `block` writes into a new buffer in `scope`; the new block `name` copies it out.
  virtual Status CacheWrite(const std::string& block, const std::string& scope,
                            const std::string& name) = 0;
  // Changes the layout of the buffer that `block` writes. Terms must divide unless `pad` is given:
  // then the new buffer is padded and the padding is filled with zero.
  virtual Status TransformLayout(const std::string& block, const Layout& layout, bool pad) = 0;
  virtual Status ComputeAt(const std::string& block, const std::string& loop,
                           bool keep_unit_loops) = 0;
  virtual Status ReverseComputeAt(const std::string& block, const std::string& loop,
                                  bool keep_unit_loops) = 0;
  virtual Status ComputeInline(const std::string& block) = 0;         // into its consumers
  virtual Status ReverseComputeInline(const std::string& block) = 0;  // into its producer
  virtual Status DecomposeReduction(const std::string& block, const std::string& loop,
                                    const std::string& init_name) = 0;
  virtual Status DecomposePadding(const std::string& block, const std::string& loop,
                                  const std::string& pad_name) = 0;
  // Pads the iters of a matmul-like block (and its operands and result) to multiples of
  // `multiples`.
  virtual Status PadEinsum(const std::string& block, const std::vector<int64_t>& multiples) = 0;
  virtual Status RFactor(const std::string& loop, int factor_axis, const std::string& name) = 0;
  virtual Status SetScope(const std::string& block,
                          const std::string& scope) = 0;  // of the written buffer
  // `target` names a loop or a block.
  virtual Status Annotate(const std::string& target, const std::string& key, const Json& value) = 0;
  // Any other primitive by TVM's name ("StorageAlign", "Blockize", ...), arguments positional:
  // strings that name a block or a loop are resolved to it.
  virtual Status Primitive(const std::string& name, const Json& args) = 0;

  // The MetaSchedule action space (mutator_steps.h). A schedule knows one space: that of the plans
  // refuses these two, the one of tvm/meta_compiler.h all the primitives above.
  virtual Status SampleDesignSpace(uint64_t sample);
  virtual Status Mutate(const std::string& mutator, uint64_t draw);

  virtual Result<std::string> Script() = 0;       // TVMScript
  virtual Result<std::string> TracePython() = 0;  // the trace as Python statements
  virtual Result<Json> TraceJson() = 0;  // MetaSchedule's JSON of the trace (dead code removed)
  virtual Result<std::string> ModuleJson() = 0;  // the scheduled IRModule, for a builder
  // TVM's per-store features: one row a store.
  virtual Result<std::vector<std::vector<float>>> Features() = 0;
};

}  // namespace banyan
