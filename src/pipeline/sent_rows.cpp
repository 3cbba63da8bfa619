#include "pipeline/sent_rows.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace exogpu::pipeline {
namespace {

constexpr size_t kBlockBytes = size_t{256} * 1024;

}  // namespace

SentRows::SentRows(size_t row_bytes, size_t bytes_max)
    : row_bytes_(row_bytes),
      rows_per_block_(row_bytes == 0 ? 0 : std::max<size_t>(1, kBlockBytes / row_bytes)),
      blocks_max_(row_bytes == 0 ? 0 : bytes_max / (rows_per_block_ * row_bytes)) {}

void SentRows::forget(wire::SeqId sequence) {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end()) return;
  blocks_ -= found->second.blocks.size();
  sequences_.erase(found);
}

bool SentRows::make_room(wire::SeqId for_sequence) {
  while (blocks_ >= blocks_max_) {
    const auto oldest =
        std::ranges::min_element(sequences_, {}, [](const auto& entry) { return entry.second.last_use; });
    if (oldest == sequences_.end() || oldest->first == for_sequence) return false;
    forget(oldest->first);
  }
  return true;
}

void SentRows::add(wire::SeqId sequence, uint32_t position, std::span<const std::byte> rows) {
  if (blocks_max_ == 0) return;
  EXO_ASSERT(rows.size() % row_bytes_ == 0, "rows are retained as wholes");
  Sequence& retained = sequences_[sequence];
  retained.last_use = ++uses_;
  if (retained.rows != position) return forget(sequence);  // there was no room for what is between
  while (!rows.empty()) {
    const size_t at = retained.rows % rows_per_block_;
    if (at == 0) {
      if (!make_room(sequence)) return forget(sequence);
      retained.blocks.push_back(std::make_unique_for_overwrite<std::byte[]>(rows_per_block_ * row_bytes_));
      ++blocks_;
    }
    const size_t bytes = std::min((rows_per_block_ - at) * row_bytes_, rows.size());
    std::memcpy(retained.blocks.back().get() + at * row_bytes_, rows.data(), bytes);
    retained.rows += static_cast<uint32_t>(bytes / row_bytes_);
    rows = rows.subspan(bytes);
  }
}

void SentRows::truncate(wire::SeqId sequence, uint32_t end) {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || found->second.rows <= end) return;
  if (end == 0) return forget(sequence);
  Sequence& retained = found->second;
  const size_t blocks = (end + rows_per_block_ - 1) / rows_per_block_;
  EXO_ASSERT(blocks <= retained.blocks.size(), "a sequence has a block for each of its rows");
  blocks_ -= retained.blocks.size() - blocks;
  retained.blocks.resize(blocks);
  retained.rows = end;
}

void SentRows::copy_prefix(wire::SeqId from, wire::SeqId to, uint32_t length) {
  if (from == to) return truncate(to, length);
  forget(to);
  if (blocks_max_ == 0) return;
  std::vector<std::byte> rows(rows_per_block_ * row_bytes_);
  for (uint32_t at = 0; at < length;) {
    const auto count = static_cast<uint32_t>(std::min<size_t>(length - at, rows_per_block_));
    const auto part = std::span(rows).first(count * row_bytes_);
    if (!read(from, at, part)) return forget(to);
    add(to, at, part);
    at += count;
  }
}

bool SentRows::read(wire::SeqId sequence, uint32_t position, std::span<std::byte> into) const {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || position + into.size() / row_bytes_ > found->second.rows) return false;
  for (size_t row = position; !into.empty();) {
    const size_t at = row % rows_per_block_;
    const size_t bytes = std::min((rows_per_block_ - at) * row_bytes_, into.size());
    std::memcpy(into.data(), found->second.blocks[row / rows_per_block_].get() + at * row_bytes_, bytes);
    into = into.subspan(bytes);
    row += bytes / row_bytes_;
  }
  return true;
}

uint32_t SentRows::rows(wire::SeqId sequence) const {
  const auto found = sequences_.find(sequence);
  return found == sequences_.end() ? 0 : found->second.rows;
}

}  // namespace exogpu::pipeline
