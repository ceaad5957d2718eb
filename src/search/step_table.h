#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "schedule/step.h"
#include "search/hash_index.h"

namespace banyan {

// The different steps of a tree's plans, by number. Most plans share most of their steps, and a
// step as CBOR (RFC 8949) is a twentieth of its JSON object in memory. Not thread-safe.
class StepTable {
 public:
  using Id = int32_t;

  // The number of the step that equals this one; a new one if there is none.
  Id Add(const Step& step);
  Step at(Id id) const;
  size_t size() const { return steps_.size(); }

 private:
  std::deque<std::string> steps_;
  HashIndex index_;
};

}  // namespace banyan
