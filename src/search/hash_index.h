#pragma once

#include <cstdint>
#include <vector>

namespace banyan {

// Numbers found by the hash of what they stand for: eight bytes a place, at most two thirds full,
// where a std::unordered_map of hashes takes forty. What they stand for is the owner's: it is asked
// whether a number with the same 32 bits of hash is the one.
class HashIndex {
 public:
  // The first added number for which `same(number)` holds; -1: none.
  template <typename Same>
  int32_t Find(uint64_t hash, const Same& same) const {
    if (slots_.empty()) return -1;
    const uint32_t tag = Tag(hash);
    for (size_t at = tag & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.number < 0) return -1;
      if (slot.tag == tag && same(slot.number)) return slot.number;
    }
  }

  // `number` >= 0 and not in yet.
  void Add(uint64_t hash, int32_t number) {
    if (++size_ * 3 > slots_.size() * 2) Grow();
    Put({Tag(hash), number});
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    int32_t number = -1;
  };

  // Program and plan hashes are well mixed; tests use small numbers.
  static uint32_t Tag(uint64_t hash) {
    return static_cast<uint32_t>((hash * 0x9E3779B97F4A7C15ULL) >> 32);
  }

  void Put(Slot slot) {
    size_t at = slot.tag & (slots_.size() - 1);
    while (slots_[at].number >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }

  void Grow() {
    std::vector<Slot> before(slots_.empty() ? 16 : slots_.size() * 2);
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.number >= 0) Put(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two
  size_t size_ = 0;
};

}  // namespace banyan
