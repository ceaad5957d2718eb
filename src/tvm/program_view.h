#pragma once

#include <memory>
#include <string>
#include <vector>

#include "schedule/program.h"
#include "tvm/ir.h"

namespace banyan {

// The loops and blocks of a function without its expressions: what names are resolved against after
// every primitive. Borrows nodes of the module it was made from.
struct Skeleton {
  struct Loop {
    const ir::Node* node = nullptr;
    const ir::Node* var = nullptr;  // its identity: TVM keeps the variable of a loop that it moves
    int64_t extent = 1;
    bool constant_extent = true;
    LoopKind kind = LoopKind::kSerial;
    int parent = -1;
    int scope = -1;  // the block around it; -1: the root
  };
  struct Block {
    const ir::Node* realize = nullptr;
    const ir::Node* node = nullptr;
    std::vector<int> loops;  // of all scopes, outermost first
    size_t scope_begin = 0;  // loops[scope_begin..] are those of the block's own scope
    int scope = -1;          // the block around it; -1: the root
    bool leaf = true;        // no block inside
  };

  const ir::Node* function = nullptr;
  const ir::Node* root = nullptr;  // the root block
  std::vector<Loop> loops;         // in program order, parents first
  std::vector<Block> blocks;       // in program order, without the root, outer ones first
};

// Throws ffi::Error where the function is not made of blocks.
Skeleton WalkSkeleton(const ir::Node* function);

// What drives what: for each iter of the block the loops (indices into the skeleton's) that its
// binding uses.
std::vector<std::vector<int>> LoopsOfIters(const Skeleton& skeleton, size_t block);

// An iter's or a loop variable's name as people see it, without "v_".
std::string PlainIterName(const std::string& name);

// The buffers of a function: parameters in calling order, then allocated ones in program order,
// with names that are unique: a repeated name gets the first free ".2", ".3", ...
struct BufferTable {
  std::vector<const ir::Node*> vars;
  std::vector<BufferView> views;

  int Find(const ir::Node* var) const;
};
BufferTable CollectBuffers(const Skeleton& skeleton);

// The picture of the function, with names as given (one for each of the skeleton's blocks and
// loops).
ProgramView BuildProgramView(const Skeleton& skeleton, const std::vector<std::string>& block_names,
                             const std::vector<std::string>& loop_names);

}  // namespace banyan
