// Tells a restarted peer from a second process with the peer's identity (a cloned disk, a copied state folder).
//
// Both open a channel with a known node id and a new incarnation. After a restart the process behind the earlier
// channel is dead, although that channel may not have noticed yet: it ends, or is silent. A second process leaves it
// alive.
#pragma once

#include <chrono>

#include "net/channel.h"

namespace exogpu::net {

inline constexpr Duration kIdentityProbeMax = std::chrono::milliseconds(800);
inline constexpr Duration kIdentityProbePoll = std::chrono::milliseconds(20);

// The later channel waits, not started, until there is a verdict; so does the peer behind it.
class IdentityProbe {
 public:
  enum class Verdict {
    undecided,
    earlier_lives,  // refuse the later channel
    earlier_dead,   // replace the earlier channel by the later
  };

  // Asks the process behind `earlier` for a sign of life.
  IdentityProbe(Channel& earlier, SteadyTime now, Duration longest = kIdentityProbeMax)
      : pongs_before_(earlier.stats().pongs), until_(now + longest) {
    earlier.ping();
  }

  // To be called every kIdentityProbePoll, and at the latest `longest` after the beginning; not after a verdict. A
  // channel that closes meanwhile is dead, too.
  //
  // Only pongs count. Other bytes may be what the system still sends for a process that has died. So may one pong, to
  // a ping from before the probe, which is why it takes two.
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
