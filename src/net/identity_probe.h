// Tells a restarted peer from a second process with the peer's identity (a cloned disk, a copied state folder).
//
// Both open a channel with a known node id and a new incarnation. After a restart the process behind the earlier
// channel is dead, though that channel may not have noticed yet: the channel closes or stays silent. With a second
// process, the process behind the earlier channel is alive and answers.
#pragma once

#include <chrono>

#include "net/channel.h"

namespace exogpu::net {

inline constexpr Duration kIdentityProbeMax = std::chrono::milliseconds(800);
inline constexpr Duration kIdentityProbePoll = std::chrono::milliseconds(20);

// The later channel is not started before there is a verdict; its peer waits, too.
class IdentityProbe {
 public:
  enum class Verdict {
    undecided,
    earlier_lives,  // refuse the later channel
    earlier_dead,   // replace the earlier channel by the later
  };

  // Pings the process behind `earlier`.
  IdentityProbe(Channel& earlier, SteadyTime now, Duration longest = kIdentityProbeMax)
      : pongs_before_(earlier.stats().pongs), until_(now + longest) {
    earlier.ping();
  }

  // To be called every kIdentityProbePoll, the last time `longest` after the beginning, and not after a verdict. A
  // channel that closes meanwhile also counts as dead.
  //
  // Only pongs count: the operating system may still deliver other bytes of a process that has died. That may include
  // one pong, to a ping from before the probe; therefore two are needed.
  Verdict check(Channel& earlier, SteadyTime now) {
    const uint64_t pongs = earlier.stats().pongs - pongs_before_;
    if (pongs >= 2) return Verdict::earlier_lives;
    if (now >= until_) return Verdict::earlier_dead;
    if (pongs == 1 && !asked_again_) {
      asked_again_ = true;
      earlier.ping();
    }
    return Verdict::undecided;
  }

 private:
  uint64_t pongs_before_;
  SteadyTime until_;
  bool asked_again_ = false;
};

}  // namespace exogpu::net
