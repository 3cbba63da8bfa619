// The activations that a stage has forwarded, while their tokens are resident: when the stage behind it is lost, a new
// one receives them again, and no other stage computes those tokens twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "wire/ids.h"

namespace exogpu::pipeline {

// One thread.
class SentRows {
 public:
  SentRows() = default;  // retains nothing
  // Rows of so many bytes each. Above `bytes_max`, the sequences that were added to longest ago are dropped.
  SentRows(size_t row_bytes, size_t bytes_max);

  // Rows that were sent, the first for this position. Retained if they follow the retained rows of the sequence.
  void add(wire::SeqId sequence, uint32_t position, std::span<const std::byte> rows);
  void truncate(wire::SeqId sequence, uint32_t end);
  // As Shard::copy_prefix().
  void copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length);
  // False: not all of these rows are retained; then `into` has anything.
  bool read(wire::SeqId sequence, uint32_t position, std::span<std::byte> into) const;

  size_t row_bytes() const { return row_bytes_; }
  size_t bytes() const { return blocks_ * rows_per_block_ * row_bytes_; }  // of memory
  uint32_t rows(wire::SeqId sequence) const;

 private:
  using Block = std::unique_ptr<std::byte[]>;
  struct Sequence {
    std::vector<Block> blocks;
    uint32_t rows = 0;
    uint64_t last_use = 0;
  };
  void forget(wire::SeqId sequence);
  bool make_room(wire::SeqId for_sequence);  // for one block; false: not without that sequence itself
  size_t row_bytes_ = 0;
  size_t rows_per_block_ = 0;
  size_t blocks_max_ = 0;
  size_t blocks_ = 0;  // of all sequences
  uint64_t uses_ = 0;
  std::map<wire::SeqId, Sequence> sequences_;
};

}  // namespace exogpu::pipeline
