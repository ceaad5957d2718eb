#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schedule/program.h"
#include "tvm/ir.h"

namespace banyan {

// Reads index expressions as linear forms over a list of variables.
class LinearScope {
 public:
  explicit LinearScope(const std::vector<const ir::Node*>& variables) : variables_(variables) {}

  // A further variable that stands for a form over the variables.
  void Define(const ir::Node* variable, LinearForm form) {
    defined_.emplace_back(variable, std::move(form));
  }
  LinearForm Linear(const ir::Node* expr) const;

 private:
  void Add(const ir::Node* expr, int64_t factor, LinearForm* form) const;
  void AddForm(const LinearForm& add, int64_t factor, LinearForm* form) const;
  void MarkUses(const ir::Node* expr, LinearForm* form) const;

  const std::vector<const ir::Node*>& variables_;
  std::vector<std::pair<const ir::Node*, LinearForm>> defined_;
};

struct RawAccess {
  const ir::Node* buffer = nullptr;
  std::vector<LinearForm> indices;
};

// What a block's single store does; see BlockView for the words.
struct ExprSummary {
  RawAccess store;
  std::vector<RawAccess> loads;  // distinct, without the accumulator's own
  std::string combiner;
  bool multiply_add = false;
  bool has_condition = false;
  bool has_call = false;
  double flops = 0;
};
ExprSummary SummariseStore(const ir::Node* store, const LinearScope& scope);

}  // namespace banyan
