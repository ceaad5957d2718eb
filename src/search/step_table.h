#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/step.h"

namespace banyan {

// The different steps of a tree's plans, by number. Most plans share most of their steps, and a
// step as CBOR (RFC 8949) is a twentieth of its JSON object in memory. Not thread-safe.
class StepTable {
 public:
  using Id = int32_t;

  StepTable() = default;
  StepTable(const StepTable&) = delete;  // its numbers point into its index
  StepTable& operator=(const StepTable&) = delete;

  // The number of the step that equals this one; a new one if there is none.
  Id Add(const Step& step);
  Step at(Id id) const;
  size_t size() const { return steps_.size(); }

 private:
  std::unordered_map<std::string, Id> ids_;
  std::vector<const std::string*> steps_;  // keys of `ids_`, which stay where they are
};

}  // namespace banyan
