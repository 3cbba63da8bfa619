#include "node/recent_events.h"

#include <utility>

namespace exogpu::node {

void RecentEvents::add(log::Level level, std::string text, uint64_t unix_ms) {
  const MutexLock lock(mutex_);
  if (events_.size() == kEventsMax) events_.pop_front();
  events_.push_back({.number = ++last_, .unix_ms = unix_ms, .level = level, .text = std::move(text)});
}

std::vector<RecentEvent> RecentEvents::after(uint64_t number) const {
  std::vector<RecentEvent> found;
  const MutexLock lock(mutex_);
  for (const RecentEvent& event : events_) {
    if (event.number > number) found.push_back(event);
  }
  return found;
}

}  // namespace exogpu::node
