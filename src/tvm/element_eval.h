#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "schedule/workload.h"

namespace banyan {

// Computes single output elements of a program as it is written, in float64 (integers in 64 bits,
// wrapped to their width when stored), by walking TVM's expression trees: slow, simple, and
// independent of schedules, lowering and LLVM. Intermediate elements are remembered. Not
// thread-safe.
class ElementEvaluator {
 public:
  // `inputs`: for each parameter the tensor's memory (row-major, of the spec's dtype); nullptr for
  // outputs. They must outlive the evaluator. kUnsupported: a stage does more than store one value
  // computed from its own iterators (then only running the program tells its result).
  static Result<std::unique_ptr<ElementEvaluator>> Make(const Workload& workload,
                                                        const std::vector<const void*>& inputs);
  ElementEvaluator() = default;
  ElementEvaluator(const ElementEvaluator&) = delete;
  ElementEvaluator& operator=(const ElementEvaluator&) = delete;
  ~ElementEvaluator();

  // The element with that row-major index of the output parameter.
  double Element(size_t parameter, int64_t flat);
  // Drops what is remembered if it is more than some hundred MB.
  void Trim();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace banyan
