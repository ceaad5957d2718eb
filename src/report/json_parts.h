#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/json.h"

namespace banyan {

// Texts that repeat are stored once and named by their index; both a single text and all of them
// together are bounded. Invalid UTF-8 is left to the printer.
class StringTable {
 public:
  StringTable(size_t total_bytes, size_t one_bytes)
      : total_bytes_(total_bytes), one_bytes_(one_bytes) {}

  // The index of `text`; -1 for none, also where the budget is spent.
  int Add(const std::string& text) {
    if (text.empty()) return -1;
    const auto found = index_.find(text);
    if (found != index_.end()) return found->second;
    std::string kept = text;
    if (kept.size() > one_bytes_) {
      kept.resize(one_bytes_);
      kept += " ... (" + std::to_string(text.size() - one_bytes_) + " bytes more)";
      ++cut_;
    }
    if (used_bytes_ + kept.size() > total_bytes_) {
      ++left_out_;
      return -1;
    }
    used_bytes_ += kept.size();
    const int index = static_cast<int>(strings_.size());
    strings_.push_back(std::move(kept));
    index_.emplace(text, index);
    return index;
  }

  const Json& strings() const { return strings_; }
  size_t cut() const { return cut_; }
  size_t left_out() const { return left_out_; }

 private:
  const size_t total_bytes_;
  const size_t one_bytes_;
  size_t used_bytes_ = 0;
  size_t cut_ = 0;
  size_t left_out_ = 0;
  Json strings_ = Json::array();
  std::unordered_map<std::string, int> index_;
};

}  // namespace banyan
