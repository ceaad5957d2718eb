#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/program.h"
#include "schedule/step.h"

namespace banyan {

// The names a plan may use after each of its steps, worked out from the steps without a compiler,
// so that a name off by a letter can be put right. An approximation on the generous side: a place
// whose names it does not know is `open`, and nothing is changed there. A value.
class NameTracker {
 public:
  explicit NameTracker(const ProgramView& program);

  // What the step does to the names.
  void Apply(const Step& step);

  // Each changes a name to one that exists if exactly one is meant, and says whether it did:
  // another case, j1 or j_1 for j.1, "inner" and "outer", a letter wrong. Digits are never changed.
  bool FixBlock(std::string& name) const;
  bool FixLoop(std::string& name) const;  // a full name; also j.1 where one block has such a loop
  // Relative to the block, or full.
  bool FixLoopOf(const std::string& block, std::string& name) const;
  bool FixBuffer(const std::string& block, std::string& name) const;
  bool FixIter(const std::string& block, std::string& name) const;

  // Of a loop of the block, relative or full; 0: not known.
  int64_t Extent(const std::string& block, const std::string& loop) const;
  // Of the buffer that the block reads, or of the one it writes if `buffer` is empty; empty: not
  // known.
  std::vector<int64_t> Shape(const std::string& block, const std::string& buffer) const;

 private:
  struct Loop {
    std::string name;
    int64_t extent = 0;  // 0: not known
  };
  struct Buffer {
    std::string name;  // empty: not known
    std::vector<int64_t> shape;
  };
  struct Block {
    std::string name;
    std::vector<Loop> loops;
    std::vector<std::string> iters;
    std::vector<Buffer> reads;
    Buffer write;
    bool open = false;  // has loops of unknown names
  };

  const Block* Find(const std::string& name) const;
  Block* Find(const std::string& name);
  // Index of the loop in the block's loops, relative or full name; -1: none.
  static int LoopOf(const Block& block, const std::string& name);
  void Tile(const Json& args);
  void Reorder(Block& block, const Json& order);
  void FuseLoops(const Json& args);
  void Pack(const Json& args);
  void Accumulate(const Json& args);
  void Move(const Json& args);
  void AddBlock(Block block);
  void Open(const std::string& name);

  std::vector<Block> blocks_;
  bool open_ = false;  // there are blocks of unknown names
};

}  // namespace banyan
