#include "cluster/log.h"

#include "base/assert.h"

namespace exogpu::cluster {

void Log::restart(const wire::Position& base) {
  entries_.clear();
  bytes_ = 0;
  base_ = end_ = base;
}

void Log::append(wire::Entry entry) {
  end_ = {.term = entry.term, .index = end_.index + 1};
  const size_t bytes = wire::encoded_bytes(entry);
  bytes_ += bytes;
  entries_.push_back({.entry = std::move(entry), .bytes = bytes});
  while (entries_.size() > 1 && (entries_.size() > kLogEntriesMax || bytes_ > kLogBytesMax)) {
    base_ = {.term = entries_.front().entry.term, .index = base_.index + 1};
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
}

bool Log::contains(const wire::Position& position) const {
  if (position == base_) return true;
  if (position.index <= base_.index || position.index > end_.index) return false;
  return entries_[position.index - base_.index - 1].entry.term == position.term;
}

std::vector<wire::Entry> Log::after(const wire::Position& position) const {
  EXO_ASSERT(contains(position), "a log goes on from a position that it contains");
  std::vector<wire::Entry> out;
  size_t bytes = 0;
  for (size_t i = position.index - base_.index; i < entries_.size(); ++i) {
    bytes += entries_[i].bytes;
    if (!out.empty() && (out.size() == kBatchEntriesMax || bytes > kBatchBytesMax)) break;
    out.push_back(entries_[i].entry);
  }
  return out;
}

}  // namespace exogpu::cluster
