#include "search/step_table.h"

#include <utility>

#include "base/json.h"

namespace banyan {

StepTable::Id StepTable::Add(const Step& step) {
  std::string bytes;
  Json::to_cbor(Json::array({step.op, step.args}), bytes);
  bytes.shrink_to_fit();
  const auto [known, added] = ids_.try_emplace(std::move(bytes), static_cast<Id>(steps_.size()));
  if (added) steps_.push_back(&known->first);
  return known->second;
}

Step StepTable::at(Id id) const {
  Json parts = Json::from_cbor(*steps_[static_cast<size_t>(id)]);
  return {parts[0].get<std::string>(), std::move(parts[1])};
}

}  // namespace banyan
