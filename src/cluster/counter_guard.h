// Whether the counters in a message can be those of a cluster that counts by ones.
//
// Terms, positions of the log and epochs of plans only grow, and a leader goes on from the greatest that it has seen:
// one message with a counter near its maximum would leave none for the elections and plans that follow. So a counter
// that is far ahead of all that are known is not believed, and its message counts as lost.
#pragma once

#include <cstdint>
#include <optional>

#include "cluster/detector.h"
#include "cluster/message.h"

namespace exogpu::cluster {

// Further terms that one message may bring to a node that has followed or led others since its start, and what is added
// with time: an election each second for half a year at once; with ten each second, six years until none is left.
inline constexpr uint64_t kTermsAhead = uint64_t{1} << 24;
inline constexpr uint64_t kTermsAheadPerSecond = 10;
// To one that has not: what its cluster has counted while it was away, which it cannot know.
inline constexpr uint64_t kTermsAheadAtStart = uint64_t{1} << 29;
// No log has so many entries.
inline constexpr uint64_t kLogIndexMax = uint64_t{1} << 56;

class CounterGuard {
 public:
  // `counter`: the highest of a term that this node has begun.
  explicit CounterGuard(uint64_t counter) : highest_(counter), known_(counter) {}

  // Whether no counter of the message is further ahead than is believed.
  bool believes(const Message& message, Time now) const;
  // A message that is believed had this term, or this node has begun it.
  void observe(uint64_t counter);
  // This node follows a leader, or others follow it.
  void settle(Time now);

  uint64_t highest() const { return highest_; }

 private:
  uint64_t limit(Time now) const;
  uint64_t highest_;
  uint64_t known_;  // at the start; once it is settled, then
  std::optional<Time> settled_at_;
};

}  // namespace exogpu::cluster
