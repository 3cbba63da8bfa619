// The last events of the cluster as this node saw them: who leads, which nodes come and go, plans and why they were
// made, alerts.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "node/recent.h"

namespace exogpu::node {

// Any thread.
class RecentEvents {
 public:
  static constexpr size_t kEventsMax = 500;  // the oldest go first

  void add(log::Level level, std::string text, uint64_t unix_ms) EXO_EXCLUDES(mutex_);
  // Those behind the one with this number, the oldest first.
  std::vector<RecentEvent> after(uint64_t number) const EXO_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::deque<RecentEvent> events_ EXO_GUARDED_BY(mutex_);
  uint64_t last_ EXO_GUARDED_BY(mutex_) = 0;
};

}  // namespace exogpu::node
