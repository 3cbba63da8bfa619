// Finds all strings of a set that are prefixes of a text, byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace exogpu::model::tokenizer {

// The strings must outlive the table. Narrows a sorted array at each byte, so it needs no other memory.
class PrefixTable {
 public:
  struct Entry {
    std::string_view text;  // not empty
    int32_t value;
  };

  PrefixTable() = default;
  // Of equal texts the first one counts.
  explicit PrefixTable(std::vector<Entry> entries);

  // The entries that share their first `depth` bytes.
  struct Node {
    uint32_t begin = 0, end = 0, depth = 0;
    bool empty() const { return begin == end; }
  };

  Node enter(char byte) const;              // entries that begin with `byte`
  Node follow(Node node, char byte) const;  // entries of `node` that continue with `byte`
  // The entry that equals the common prefix of `node`, or null. `node` is not empty.
  const Entry* at(Node node) const {
    const Entry& first = entries_[node.begin];
    return first.text.size() == node.depth ? &first : nullptr;
  }
  size_t size() const { return entries_.size(); }  // distinct texts

 private:
  std::vector<Entry> entries_;
  std::array<uint32_t, 257> by_first_{};
};

}  // namespace exogpu::model::tokenizer
