#pragma once

#include <cstddef>
#include <deque>
#include <unordered_map>
#include <utility>

namespace banyan {

// A map for what can be made again: holds the last `most` keys put into it, the oldest go first.
// Pointers are good until the next Put. Not thread-safe.
template <typename Key, typename Value>
class BoundedMap {
 public:
  explicit BoundedMap(size_t most) : most_(most) {}

  const Value* Find(const Key& key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
  }
  // The key must not be there.
  const Value& Put(const Key& key, Value value) {
    if (age_.size() >= most_) {
      values_.erase(age_.front());
      age_.pop_front();
    }
    age_.push_back(key);
    return values_.emplace(key, std::move(value)).first->second;
  }

 private:
  size_t most_;
  std::unordered_map<Key, Value> values_;
  std::deque<Key> age_;
};

}  // namespace banyan
