// Decides from the time of the last received byte whether a peer is alive.
#pragma once

#include "net/channel.h"

namespace exogpu::net {

// Any byte from the peer counts. After this process was suspended itself (laptop, SIGSTOP) the peer's time starts
// again: bytes that arrived meanwhile are still unread.
class Keepalive {
 public:
  enum class Verdict { fine, ping, dead };

  Keepalive(Duration ping_interval, Duration silence_max, SteadyTime now)
      : ping_interval_(ping_interval), silence_max_(silence_max), last_received_(now), checked_(now), pinged_(now) {}

  void received(SteadyTime now) { last_received_ = now; }

  // This process did not run for a while, so that awaited bytes may lie unread.
  bool was_suspended(SteadyTime now) const { return now - checked_ > silence_max_ / 2 + ping_interval_; }

  // `ping`: send one now.
  Verdict check(SteadyTime now) {
    if (was_suspended(now)) last_received_ = now;
    checked_ = now;
    if (now - last_received_ >= silence_max_) return Verdict::dead;
    if (now - pinged_ < ping_interval_) return Verdict::fine;
    pinged_ = now;
    return Verdict::ping;
  }

  void watch(Duration ping_interval, Duration silence_max, SteadyTime now) {
    ping_interval_ = ping_interval;
    silence_max_ = silence_max;
    last_received_ = checked_ = now;
    pinged_ = now - ping_interval;
  }

  Duration silence_max() const { return silence_max_; }
  SteadyTime next_check() const { return std::min(pinged_ + ping_interval_, last_received_ + silence_max_); }

 private:
  Duration ping_interval_;
  Duration silence_max_;
  SteadyTime last_received_;
  SteadyTime checked_;
  SteadyTime pinged_;
};

}  // namespace exogpu::net
