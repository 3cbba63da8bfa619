// Whether a peer is still there, as a function of when something was heard of it.
#pragma once

#include "net/channel.h"

namespace exogpu::net {

// Any byte of the peer counts as a sign of life. After a pause of our own (a suspended laptop, a stopped process) the
// peer gets its time again: what it sent meanwhile is still to be read.
class Keepalive {
 public:
  enum class Verdict { fine, ping, dead };

  Keepalive(Duration ping_interval, Duration silence_max, SteadyTime now)
      : ping_interval_(ping_interval), silence_max_(silence_max), last_received_(now), checked_(now), pinged_(now) {}

  void received(SteadyTime now) { last_received_ = now; }

  // Whether this process did not run for a while, so that what it has waited for may be there unread.
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
