// Moving rows of a KV cache, where regions of sequences overlap with where others are to be. Pure: no tensors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace exogpu::engine {

struct RowMove {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t count = 0;
  friend bool operator==(const RowMove&, const RowMove&) = default;
};

// What to do with move `index`: do it, or read its rows into other memory now and write them from there later.
struct MoveStep {
  enum class Kind : uint8_t { move, read, write };
  Kind kind = Kind::move;
  size_t index = 0;
  friend bool operator==(const MoveStep&, const MoveStep&) = default;
};

// An order in which no row is overwritten before it has been moved. Rows go by way of other memory only where moves
// form a circle. Precondition: neither the sources nor the destinations overlap among themselves.
std::vector<MoveStep> order_moves(std::span<const RowMove> moves);

// Calls `copy` with parts of the move whose source and destination do not overlap, in an order in which no row is
// overwritten before it has been copied.
template <typename Copy>
void for_parts_apart(const RowMove& move, Copy&& copy) {
  if (move.from == move.to || move.count == 0) return;
  const bool down = move.to < move.from;
  const uint64_t part = std::min(move.count, down ? move.from - move.to : move.to - move.from);
  for (uint64_t done = 0; done < move.count;) {
    const uint64_t count = std::min(part, move.count - done);
    const uint64_t at = down ? done : move.count - done - count;
    copy(RowMove{move.from + at, move.to + at, count});
    done += count;
  }
}

}  // namespace exogpu::engine
