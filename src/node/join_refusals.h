// A line for the log about devices that were refused to join, about once a minute while there are any: anybody of the
// network can have them written.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "net/tcp/join.h"

namespace exogpu::node {

// No I/O. Used by one thread.
class JoinRefusals {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The line that is due: how many there were since the last one, and the reason of this one.
  std::optional<std::string> note(const net::Admission& refused, Time now);

 private:
  uint64_t unreported_ = 0;
  std::optional<Time> reported_at_;
};

}  // namespace exogpu::node
