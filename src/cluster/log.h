// The last events of the cluster, so that a node that missed a few can catch up without a snapshot.
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
  // Drops all entries; the next one follows `base`.
  void restart(const wire::Position& base);
  // Drops the oldest entries when the log grows beyond its limits.
  void append(wire::Entry entry);

  const wire::Position& end() const { return end_; }
  bool contains(const wire::Position& position) const;
  // The entries after a position that the log contains, as many as fit into one message.
  std::vector<wire::Entry> after(const wire::Position& position) const;

 private:
  struct Record {
    wire::Entry entry;
    size_t bytes = 0;
  };
  std::deque<Record> entries_;
  wire::Position base_;  // before the first entry
  wire::Position end_;
  size_t bytes_ = 0;
};

}  // namespace exogpu::cluster
