#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace banyan {

enum class LoopKind { kSerial, kParallel, kVectorized, kUnrolled, kThreadBound };
enum class IterKind { kSpatial, kReduction, kOpaque };

const char* LoopKindName(LoopKind kind);

// A linear form c0 + sum_k coefficients[k] * x_k over the iters (or loops) it is documented for.
// Where the expression is not linear (floordiv, floormod, a load), affine is false and
// coefficients[k] is 1 for every x_k that occurs in it and 0 else.
struct LinearForm {
  bool affine = true;
  int64_t constant = 0;
  std::vector<int64_t> coefficients;

  bool uses(size_t k) const { return k < coefficients.size() && coefficients[k] != 0; }
  // Only variable `at` of `size`.
  static LinearForm Unit(size_t size, size_t at);
};

// A loop, named by origin: "O.i" is the loop that the default program runs for iter i of block O,
// "O.i.1" the second part of its split, "O.b*h" the fusion of O.b and O.h. Blocks that share a loop
// name it alike (it belongs to the block it came from).
struct LoopView {
  std::string name;
  int64_t extent = 1;
  LoopKind kind = LoopKind::kSerial;
  int parent = -1;       // index into ProgramView::loops; -1: outermost
  std::string variable;  // TVM's own name for it; rfactor calls iters after it
};

struct IterView {
  std::string name;  // without TVM's "v_" prefix
  IterKind kind = IterKind::kSpatial;
  int64_t extent = 1;
  LinearForm binding;  // over the block's own `loops`, in their order
};

struct AccessView {
  int buffer = -1;                  // index into ProgramView::buffers
  std::vector<LinearForm> indices;  // one a buffer dimension, over the block's iters
};

// One block (TVM: SBlock) with a single store in its body, or an opaque one.
struct BlockView {
  std::string name;
  std::vector<int> loops;  // indices into ProgramView::loops, outermost first
  std::vector<IterView> iters;
  std::vector<AccessView>
      reads;  // loads of the body (not of the init), without the accumulator's own
  std::vector<AccessView> writes;
  std::vector<int> producers;  // blocks that write what this one reads
  std::vector<int> consumers;
  bool is_reduction = false;   // has a reduction iter
  bool has_init = false;       // its initialisation is not decomposed yet
  bool is_init = false;        // made by decompose_reduction
  bool is_output = false;      // writes a parameter of the function
  bool has_condition = false;  // the body chooses by a condition (padding, masks)
  bool has_predicate = false;  // the block runs under a predicate (a split that does not divide)
  bool has_call =
      false;             // the body calls a function that is not a few instructions (exp, erf, ...)
  bool opaque = false;   // the body is not one store: only primitives apply
  std::string combiner;  // of a reduction: "add", "max", "min", "mul"; empty: unknown or none
  bool multiply_add = false;       // out += x * y (after casts)
  double flops_per_iteration = 0;  // arithmetic operations of one execution of the body

  int FindIter(std::string_view iter_name) const;  // -1: none
};

struct BufferView {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype;
  int element_bits = 32;
  std::string scope;  // "global", "local", ...
  bool is_parameter = false;

  int64_t elements() const;
  int64_t bytes() const { return elements() * ((element_bits + 7) / 8); }
  std::vector<int64_t> strides() const;  // row-major, in elements
};

// An immutable picture of a scheduled program: everything that transformations, experts and prompts
// reason from. Blocks in program order. A value: free of TVM, safe to read from any thread.
struct ProgramView {
  std::vector<BufferView> buffers;
  std::vector<LoopView> loops;
  std::vector<BlockView> blocks;

  int FindBlock(std::string_view name) const;   // -1: none
  int FindLoop(std::string_view name) const;    // -1: none
  int FindBuffer(std::string_view name) const;  // -1: none
  // Blocks that run inside this loop, in program order.
  std::vector<int> BlocksUnder(int loop) const;
  // Product of loop extents around the block.
  int64_t Iterations(int block) const;
};

}  // namespace banyan
