// The last events of a cluster, so that one who missed a few can go on from where it is.
#pragma once

#include <deque>
#include <vector>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

inline constexpr size_t kLogEntriesMax = 1024;
inline constexpr size_t kLogBytesMax = size_t{2} << 20;
inline constexpr size_t kBatchEntriesMax = 256;
inline constexpr size_t kBatchBytesMax = size_t{512} << 10;

class Log {
 public:
  // Forgets all; the next entry follows `base`.
  void restart(const wire::Position& base);
  // Forgets the oldest where it grows too long.
  void append(wire::Entry entry);

  const wire::Position& end() const { return end_; }
  bool contains(const wire::Position& position) const;
  // What follows a position that it contains, as far as one message takes it.
  std::vector<wire::Entry> after(const wire::Position& position) const;

 private:
  struct Record {
    wire::Entry entry;
    size_t bytes = 0;
  };
  std::deque<Record> entries_;
  wire::Position base_;  // before the first
  wire::Position end_;
  size_t bytes_ = 0;
};

}  // namespace exogpu::cluster
