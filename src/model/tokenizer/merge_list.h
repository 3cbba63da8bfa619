// A sequence of symbols, of which adjacent ones merge, best pair first, until no pair can merge.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace exogpu::model::tokenizer {

struct Symbol {
  uint32_t begin, size;  // bytes of the text; size 0: merged into the previous one
  int32_t id;            // -1: unknown
};

// The result of merging two adjacent symbols. The smallest rank merges first; of equal ranks the leftmost.
struct Merge {
  uint32_t rank;
  int32_t id;
};

// Reuse one object for many texts, to avoid allocation.
class MergeList {
 public:
  std::vector<Symbol> symbols;

  // `find(left, right, merge)` returns whether two adjacent symbols may merge, and the result; it is called O(n) times.
  // Takes O(n log n).
  template <typename Find>
  void merge_all(Find find) {
    const auto n = static_cast<uint32_t>(symbols.size());
    previous_.resize(n);
    next_.resize(n);
    pairs_.clear();
    const auto consider = [&](uint32_t left, uint32_t right) {
      Merge merge;
      if (left >= n || right >= n || !find(symbols[left], symbols[right], merge)) return false;
      pairs_.push_back({uint64_t{merge.rank} << 32 | left, symbols[left].size + symbols[right].size, merge.id});
      return true;
    };
    for (uint32_t i = 0; i < n; ++i) {
      previous_[i] = i - 1;  // wraps around to above n for the first one
      next_[i] = i + 1;
      consider(i, i + 1);
    }
    std::make_heap(pairs_.begin(), pairs_.end());
    while (!pairs_.empty()) {
      std::pop_heap(pairs_.begin(), pairs_.end());
      const Pair pair = pairs_.back();
      pairs_.pop_back();
      const auto at = static_cast<uint32_t>(pair.order);
      Symbol& left = symbols[at];
      if (left.size == 0 || next_[at] >= n) continue;
      Symbol& right = symbols[next_[at]];
      if (left.size + right.size != pair.size) continue;
      left.size = pair.size;
      left.id = pair.id;
      right.size = 0;
      next_[at] = next_[next_[at]];
      if (next_[at] < n) previous_[next_[at]] = at;
      if (consider(previous_[at], at)) std::push_heap(pairs_.begin(), pairs_.end());
      if (consider(at, next_[at])) std::push_heap(pairs_.begin(), pairs_.end());
    }
  }

 private:
  struct Pair {
    uint64_t order;  // rank, then index of the left symbol
    uint32_t size;   // size of both at that time; if it differs now, one of them has merged since
    int32_t id;
    bool operator<(const Pair& other) const { return order > other.order; }
  };

  std::vector<uint32_t> previous_, next_;
  std::vector<Pair> pairs_;
};

}  // namespace exogpu::model::tokenizer
