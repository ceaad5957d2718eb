#include "search/step_table.h"

#include "base/hash.h"
#include "base/json.h"

namespace banyan {

StepTable::Id StepTable::Add(const Step& step) {
  std::string bytes;
  Json::to_cbor(Json::array({step.op, step.args}), bytes);
  const uint64_t hash = Hash64(bytes);
  const Id known =
      index_.Find(hash, [&](Id id) { return steps_[static_cast<size_t>(id)] == bytes; });
  if (known >= 0) return known;
  const auto id = static_cast<Id>(steps_.size());
  bytes.shrink_to_fit();
  steps_.push_back(std::move(bytes));
  index_.Add(hash, id);
  return id;
}

Step StepTable::at(Id id) const {
  Json parts = Json::from_cbor(steps_[static_cast<size_t>(id)]);
  return {parts[0].get<std::string>(), std::move(parts[1])};
}

}  // namespace banyan
