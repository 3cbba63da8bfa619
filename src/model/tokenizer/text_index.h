// Maps texts to numbers, and pairs of numbers to values: open-addressing hash tables. The texts must outlive the table.
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace exogpu::model::tokenizer {

class TextIndex {
 public:
  explicit TextIndex(size_t expected) : slots_(std::bit_ceil(expected * 2 + 2)) {}

  // At most `expected` texts. A text that is present keeps its value.
  void add(std::string_view text, int32_t value) {
    Slot& slot = slots_[slot_index(text)];
    if (slot.value < 0) slot = {text.data(), static_cast<uint32_t>(text.size()), value};
  }
  // -1 if not present.
  int32_t find(std::string_view text) const { return slots_[slot_index(text)].value; }

 private:
  struct Slot {
    const char* text = nullptr;
    uint32_t size = 0;
    int32_t value = -1;
  };

  size_t slot_index(std::string_view text) const {
    const size_t mask = slots_.size() - 1;
    size_t at = std::hash<std::string_view>()(text) & mask;
    while (slots_[at].value >= 0 && std::string_view(slots_[at].text, slots_[at].size) != text) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
};

// Values of ordered pairs of numbers >= 0.
template <typename Value>
class PairIndex {
 public:
  explicit PairIndex(size_t expected) : slots_(std::bit_ceil(expected * 3 / 2 + 2)) {}

  // At most `expected` pairs. A pair that is present keeps its value.
  void add(int32_t left, int32_t right, Value value) {
    Slot& slot = slots_[slot_index(key(left, right))];
    if (slot.key == vacant) slot = {key(left, right), value};
  }
  const Value* find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[slot_index(key(left, right))];
    return slot.key == vacant ? nullptr : &slot.value;
  }

 private:
  static constexpr uint64_t vacant = ~uint64_t{0};
  struct Slot {
    uint64_t key = vacant;
    Value value{};
  };

  static uint64_t key(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_index(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    uint64_t mixed = (key ^ key >> 32) * 0x9E3779B97F4A7C15;
    size_t at = (mixed ^ mixed >> 32) & mask;
    while (slots_[at].key != vacant && slots_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace exogpu::model::tokenizer
