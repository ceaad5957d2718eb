#include "tvm/program_view.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <tvm/ffi/dtype.h>

#include "tvm/program_view_expr.h"

namespace banyan {
namespace {

using ir::F;
using ir::Kind;
using ir::KindOf;
using ir::Node;

LoopKind LoopKindOf(int32_t tvm_kind) {
  switch (tvm_kind) {
    case 1:
      return LoopKind::kParallel;
    case 2:
      return LoopKind::kVectorized;
    case 3:
      return LoopKind::kUnrolled;
    case 4:
      return LoopKind::kThreadBound;
    default:
      return LoopKind::kSerial;
  }
}

class SkeletonWalker {
 public:
  explicit SkeletonWalker(Skeleton* out) : out_(out) {}

  void Statement(const Node* stmt, int scope) {
    switch (KindOf(stmt)) {
      case Kind::kFor:
        return Loop(stmt, scope);
      case Kind::kBlockRealize:
        return Block(stmt, scope);
      case Kind::kSeq: {
        const Node* seq = F().seq.Object(stmt);
        for (size_t i = 0; i < ir::Size(seq); ++i) Statement(ir::At(seq, i), scope);
        return;
      }
      case Kind::kIf:
        Statement(F().if_then.Object(stmt), scope);
        return Statement(F().if_else.Object(stmt), scope);
      default:
        return;  // a store or an opaque statement: no loops below
    }
  }

 private:
  void Loop(const Node* stmt, int scope) {
    Skeleton::Loop loop;
    loop.node = stmt;
    loop.var = F().for_var.Object(stmt);
    loop.constant_extent = ir::IntOf(F().for_extent.Object(stmt), &loop.extent);
    loop.kind = LoopKindOf(F().for_kind.Plain<int32_t>(stmt));
    loop.parent = chain_.empty() ? -1 : chain_.back();
    loop.scope = scope;
    chain_.push_back(static_cast<int>(out_->loops.size()));
    out_->loops.push_back(loop);
    Statement(F().for_body.Object(stmt), scope);
    chain_.pop_back();
  }

  void Block(const Node* realize, int scope) {
    const int index = static_cast<int>(out_->blocks.size());
    Skeleton::Block block;
    block.realize = realize;
    block.node = F().realize_block.Object(realize);
    block.loops = chain_;
    block.scope_begin = scope_begin_;
    block.scope = scope;
    out_->blocks.push_back(block);
    const size_t saved = std::exchange(scope_begin_, chain_.size());
    Statement(F().block_body.Object(block.node), index);
    scope_begin_ = saved;
    out_->blocks[static_cast<size_t>(index)].leaf =
        out_->blocks.size() == static_cast<size_t>(index) + 1;
  }

  Skeleton* out_;
  std::vector<int> chain_;
  size_t scope_begin_ = 0;
};

// TVM's text of a type; asked for in every picture, so it is kept.
const std::string& TextOf(DLDataType dtype) {
  thread_local std::vector<std::pair<DLDataType, std::string>> known;
  for (const auto& [type, text] : known) {
    if (type.code == dtype.code && type.bits == dtype.bits && type.lanes == dtype.lanes)
      return text;
  }
  return known.emplace_back(dtype, ffi::DLDataTypeToString(dtype)).second;
}

BufferView ViewOfBuffer(const Node* var) {
  BufferView view;
  view.name = F().var_name.Text(var);
  const Node* type = F().expr_type.Object(var);
  if (KindOf(type) != Kind::kBufferType) return view;
  const auto dtype = F().prim_dtype.Plain<DLDataType>(F().buffer_dtype.Object(type));
  view.dtype = TextOf(dtype);
  view.element_bits = dtype.bits * dtype.lanes;
  view.scope = F().buffer_scope.Text(type);
  if (view.scope.empty()) view.scope = "global";
  const Node* shape = F().buffer_shape.Object(type);
  for (size_t i = 0; i < ir::Size(shape); ++i) {
    int64_t extent = 0;
    ir::IntOf(ir::At(shape, i), &extent);
    view.shape.push_back(extent);
  }
  return view;
}

// One block's picture, from its iters, bindings and body.
class BlockBuilder {
 public:
  BlockBuilder(const Skeleton& skeleton, BufferTable* buffers, size_t index,
               const std::vector<std::vector<LinearForm>>& bindings)
      : skeleton_(skeleton), buffers_(buffers), index_(index), bindings_(bindings) {}

  BlockView Build(std::string name) {
    const Skeleton::Block& from = skeleton_.blocks[index_];
    view_.name = std::move(name);
    view_.loops = from.loops;
    const Node* iters = F().block_iters.Object(from.node);
    for (size_t i = 0; i < ir::Size(iters); ++i) Iter(ir::At(iters, i), i);
    int64_t truth = 0;
    view_.has_predicate =
        !(ir::IntOf(F().realize_predicate.Object(from.realize), &truth) && truth != 0);
    view_.has_init = F().block_init.Object(from.node) != nullptr;
    Body(F().block_body.Object(from.node));
    return std::move(view_);
  }

 private:
  void Iter(const Node* iter, size_t i) {
    IterView view;
    const Node* var = F().iter_var.Object(iter);
    view.name = PlainIterName(F().var_name.Text(var));
    const auto type = F().iter_type.Plain<int32_t>(iter);
    view.kind = type == 0   ? IterKind::kSpatial
                : type == 2 ? IterKind::kReduction
                            : IterKind::kOpaque;
    if (view.kind == IterKind::kReduction) view_.is_reduction = true;
    ir::IntOf(F().range_extent.Object(F().iter_dom.Object(iter)), &view.extent);
    view.binding = bindings_[index_][i];
    vars_.push_back(var);
    view_.iters.push_back(std::move(view));
  }

  void Body(const Node* body) {
    if (KindOf(body) == Kind::kIf && F().if_else.Object(body) == nullptr) {
      view_.has_condition = true;
      body = F().if_then.Object(body);
    }
    if (KindOf(body) != Kind::kStore) return Opaque();
    const LinearScope scope(vars_);
    ExprSummary summary = SummariseStore(body, scope);
    AccessView write = Access(summary.store);
    view_.combiner = summary.combiner;
    view_.multiply_add = summary.multiply_add;
    view_.has_condition |= summary.has_condition;
    view_.has_call |= summary.has_call;
    view_.flops_per_iteration = summary.flops;
    for (RawAccess& load : summary.loads) view_.reads.push_back(Access(load));
    view_.writes.push_back(std::move(write));
  }

  // From the regions that the block declares: their first elements.
  void Opaque() {
    view_.opaque = true;
    const Node* block = skeleton_.blocks[index_].node;
    Regions(F().block_reads.Object(block), &view_.reads);
    Regions(F().block_writes.Object(block), &view_.writes);
  }

  void Regions(const Node* regions, std::vector<AccessView>* out) {
    const LinearScope scope(vars_);
    for (size_t i = 0; i < ir::Size(regions); ++i) {
      const Node* region = ir::At(regions, i);
      RawAccess raw;
      raw.buffer = F().region_source.Object(region);
      const Node* ranges = F().region_ranges.Object(region);
      for (size_t k = 0; k < ir::Size(ranges); ++k) {
        raw.indices.push_back(scope.Linear(F().range_min.Object(ir::At(ranges, k))));
      }
      out->push_back(Access(raw));
    }
  }

  AccessView Access(const RawAccess& raw) {
    AccessView view;
    view.buffer = buffers_->Find(raw.buffer);
    if (view.buffer < 0) {  // of a match_buffer
      view.buffer = static_cast<int>(buffers_->vars.size());
      buffers_->vars.push_back(raw.buffer);
      buffers_->views.push_back(ViewOfBuffer(raw.buffer));
    }
    view.indices = raw.indices;
    return view;
  }

  const Skeleton& skeleton_;
  BufferTable* buffers_;
  const size_t index_;
  const std::vector<std::vector<LinearForm>>& bindings_;
  BlockView view_;
  std::vector<const Node*> vars_;
};

// For every block and iter the binding over the block's loops; iters of an enclosing block are
// replaced by their own bindings.
std::vector<std::vector<LinearForm>> Bindings(const Skeleton& skeleton) {
  std::vector<std::vector<LinearForm>> all(skeleton.blocks.size());
  for (size_t b = 0; b < skeleton.blocks.size(); ++b) {
    const Skeleton::Block& block = skeleton.blocks[b];
    std::vector<const Node*> vars;
    for (const int loop : block.loops)
      vars.push_back(skeleton.loops[static_cast<size_t>(loop)].var);
    LinearScope scope(vars);
    for (int outer = block.scope; outer >= 0;
         outer = skeleton.blocks[static_cast<size_t>(outer)].scope) {
      const auto o = static_cast<size_t>(outer);
      const Node* iters = F().block_iters.Object(skeleton.blocks[o].node);
      for (size_t i = 0; i < ir::Size(iters); ++i) {
        scope.Define(F().iter_var.Object(ir::At(iters, i)), all[o][i]);
      }
    }
    const Node* values = F().realize_values.Object(block.realize);
    for (size_t i = 0; i < ir::Size(values); ++i) all[b].push_back(scope.Linear(ir::At(values, i)));
  }
  return all;
}

bool Writes(const BlockView& block, int buffer) {
  return std::any_of(block.writes.begin(), block.writes.end(),
                     [&](const AccessView& access) { return access.buffer == buffer; });
}

void MarkInits(ProgramView* program) {
  for (BlockView& init : program->blocks) {
    if (!init.reads.empty() || init.writes.size() != 1 || init.is_reduction || init.opaque)
      continue;
    const int buffer = init.writes[0].buffer;
    for (const BlockView& update : program->blocks) {
      if (update.is_reduction && !update.has_init && Writes(update, buffer)) init.is_init = true;
    }
  }
}

// An initialisation is part of its reduction: it is nobody's producer.
void LinkBlocks(ProgramView* program) {
  auto& blocks = program->blocks;
  for (size_t reader = 0; reader < blocks.size(); ++reader) {
    for (size_t writer = 0; writer < blocks.size(); ++writer) {
      if (reader == writer || blocks[writer].is_init) continue;
      const bool feeds = std::any_of(
          blocks[reader].reads.begin(), blocks[reader].reads.end(),
          [&](const AccessView& access) { return Writes(blocks[writer], access.buffer); });
      if (!feeds) continue;
      blocks[reader].producers.push_back(static_cast<int>(writer));
      blocks[writer].consumers.push_back(static_cast<int>(reader));
    }
  }
}

}  // namespace

Skeleton WalkSkeleton(const Node* function) {
  Skeleton skeleton;
  skeleton.function = function;
  const Node* body = F().func_body.Object(function);
  if (KindOf(body) != Kind::kBlockRealize) {
    TVM_FFI_THROW(ValueError) << "the function has no root block: it is not a TensorIR program";
  }
  skeleton.root = F().realize_block.Object(body);
  SkeletonWalker(&skeleton).Statement(F().block_body.Object(skeleton.root), -1);
  return skeleton;
}

std::vector<std::vector<int>> LoopsOfIters(const Skeleton& skeleton, size_t block) {
  const Skeleton::Block& from = skeleton.blocks[block];
  std::vector<const Node*> vars;
  for (const int loop : from.loops) vars.push_back(skeleton.loops[static_cast<size_t>(loop)].var);
  const LinearScope scope(vars);
  const Node* values = F().realize_values.Object(from.realize);
  std::vector<std::vector<int>> loops(ir::Size(values));
  for (size_t i = 0; i < loops.size(); ++i) {
    const LinearForm form = scope.Linear(ir::At(values, i));
    for (size_t k = 0; k < from.loops.size(); ++k) {
      if (form.uses(k)) loops[i].push_back(from.loops[k]);
    }
  }
  return loops;
}

std::string PlainIterName(const std::string& name) {
  return name.size() > 2 && name.compare(0, 2, "v_") == 0 ? name.substr(2) : name;
}

int BufferTable::Find(const Node* var) const {
  const auto found = std::find(vars.begin(), vars.end(), var);
  return found == vars.end() ? -1 : static_cast<int>(found - vars.begin());
}

BufferTable CollectBuffers(const Skeleton& skeleton) {
  BufferTable table;
  std::unordered_set<std::string> taken;
  auto add = [&](const Node* var, bool is_parameter) {
    BufferView view = ViewOfBuffer(var);
    view.is_parameter = is_parameter;
    const std::string base = view.name;
    for (int n = 2; !taken.insert(view.name).second; ++n)
      view.name = base + "." + std::to_string(n);
    table.vars.push_back(var);
    table.views.push_back(std::move(view));
  };
  const Node* params = F().func_params.Object(skeleton.function);
  for (size_t i = 0; i < ir::Size(params); ++i) {
    const Node* var = ir::At(params, i);
    if (KindOf(F().expr_type.Object(var)) == Kind::kBufferType) add(var, true);
  }
  auto allocated = [&](const Node* block) {
    const Node* buffers = F().block_allocs.Object(block);
    for (size_t i = 0; i < ir::Size(buffers); ++i) add(ir::At(buffers, i), false);
  };
  allocated(skeleton.root);
  for (const Skeleton::Block& block : skeleton.blocks) allocated(block.node);
  return table;
}

ProgramView BuildProgramView(const Skeleton& skeleton, const std::vector<std::string>& block_names,
                             const std::vector<std::string>& loop_names) {
  ProgramView program;
  BufferTable buffers = CollectBuffers(skeleton);
  for (size_t i = 0; i < skeleton.loops.size(); ++i) {
    const Skeleton::Loop& loop = skeleton.loops[i];
    program.loops.push_back(
        {loop_names[i], loop.extent, loop.kind, loop.parent, F().var_name.Text(loop.var)});
  }
  const std::vector<std::vector<LinearForm>> bindings = Bindings(skeleton);
  for (size_t i = 0; i < skeleton.blocks.size(); ++i) {
    program.blocks.push_back(BlockBuilder(skeleton, &buffers, i, bindings).Build(block_names[i]));
  }
  program.buffers = std::move(buffers.views);
  for (BlockView& block : program.blocks) {
    for (const AccessView& write : block.writes) {
      block.is_output |= program.buffers[static_cast<size_t>(write.buffer)].is_parameter;
    }
  }
  MarkInits(&program);
  LinkBlocks(&program);
  return program;
}

}  // namespace banyan
