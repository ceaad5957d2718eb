#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tvm/ffi.h"
#include "tvm/program_view.h"

namespace banyan {

// Which name which loop and block of a schedule has. A loop is known by its variable, which TVM
// keeps when it moves a loop and replaces when it makes a new one; a block by its random variable,
// which outlives the block's rewriting and its renaming ("C" becomes "C_update"). Copyable: a
// copied schedule keeps the same variables. Not thread-safe.
class Names {
 public:
  // Called after the program changed: forgets what is gone, and names what is new by the rules of
  // LiveSchedule. `blocks` gives for each block of the skeleton the index of its alias or -1.
  void Update(const Skeleton& skeleton, const std::vector<int>& known_blocks);

  // Names an existing loop: the caller just made it.
  void SetLoop(const ir::Node* var, const ffi::ObjectRef& loop_rv, const std::string& name);
  // The loop of that variable in the trace; undefined: not asked for yet.
  ffi::ObjectRef LoopRv(const ir::Node* var) const;
  void RememberLoopRv(const ir::Node* var, const ffi::ObjectRef& loop_rv);

  int AddBlock(const std::string& name, const ffi::ObjectRef& block_rv);
  void RemoveBlock(const std::string& name);
  int FindBlock(std::string_view name) const;  // -1: none
  size_t block_count() const { return aliases_.size(); }
  const std::string& block_name(size_t alias) const { return aliases_[alias].name; }
  const ffi::ObjectRef& block_rv(size_t alias) const { return aliases_[alias].rv; }
  void set_block_rv(size_t alias, const ffi::ObjectRef& rv) { aliases_[alias].rv = rv; }

  // Of the skeleton of the last Update.
  const std::vector<std::string>& loop_names() const { return loop_names_; }
  const std::vector<std::string>& block_names() const { return block_names_; }
  const std::vector<int>& aliases_of_blocks() const { return block_aliases_; }
  int FindLoop(std::string_view name) const;  // index into the skeleton's loops; -1: none

 private:
  struct Alias {
    std::string name;
    ffi::ObjectRef rv;  // undefined until a primitive needs it
  };
  struct Loop {
    std::string name;
    ffi::ObjectRef var;  // held, so that its address is not given to another one
    ffi::ObjectRef rv;
  };

  void NameNewLoops(const Skeleton& skeleton);

  std::vector<Alias> aliases_;
  std::unordered_map<const ir::Node*, Loop> loops_;
  std::vector<std::string> loop_names_;
  std::vector<std::string> block_names_;
  std::vector<int> block_aliases_;
};

}  // namespace banyan
