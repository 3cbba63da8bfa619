// Many strings, walked byte by byte to find all of them that begin a text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace exogpu::model::tokenizer {

// Borrows the strings. A sorted array narrowed at each byte: no memory beside the array, whatever the strings are.
class PrefixTable {
 public:
  struct Entry {
    std::string_view text;  // not empty
    int32_t value;
  };

  PrefixTable() = default;
  // Of equal texts the first one counts.
  explicit PrefixTable(std::vector<Entry> entries);

  // A set of entries that agree in their first `depth` bytes.
  struct Place {
    uint32_t begin = 0, end = 0, depth = 0;
    bool empty() const { return begin == end; }
  };

  Place enter(char byte) const;                // the entries that begin with `byte`
  Place follow(Place place, char byte) const;  // those of them that go on with `byte`
  // The entry that ends exactly at `place`, or null. `place` is not empty.
  const Entry* at(Place place) const {
    const Entry& first = entries_[place.begin];
    return first.text.size() == place.depth ? &first : nullptr;
  }
  size_t size() const { return entries_.size(); }  // distinct texts

 private:
  std::vector<Entry> entries_;
  std::array<uint32_t, 257> by_first_{};
};

}  // namespace exogpu::model::tokenizer
