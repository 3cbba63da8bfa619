// How often, how long, and how many. Only for the .cpp files beside it.
#pragma once

#include "cluster/detector.h"

namespace exogpu::cluster {

using std::chrono::milliseconds;

inline constexpr Duration kPingInterval = milliseconds(1000);  // of one link at a time
inline constexpr Duration kLinksFirst = milliseconds(3000);
inline constexpr Duration kLinksEvery = milliseconds(10'000);
inline constexpr size_t kLinksReportedFully = 32;  // nodes that each tell so often
inline constexpr size_t kLinksReportedMax = 32;    // of a node, at most
inline constexpr double kDelayChangeMin = 0.5e-3;  // seconds
inline constexpr double kRateChangeMin = 0.3;      // of the greater
inline constexpr double kLossChangeMin = 0.005;
inline constexpr Duration kCommandMax = milliseconds(30'000);

// Electing.
inline constexpr size_t kFirstProbes = 8;  // of the best candidates; twice as many in each further round
inline constexpr size_t kOtherProbes = 3;  // of the others, who may hear a leader
inline constexpr Duration kProbeTimeout = milliseconds(100);     // on a local network
inline constexpr Duration kClaimTimeout = milliseconds(300);     // for a better candidate to come forward
inline constexpr Duration kProbeRetry = milliseconds(150);       // where a leader is known
inline constexpr Duration kReportLifetime = milliseconds(1000);  // what was told is true for so long
inline constexpr int kUnansweredMax = 3;

// This node itself: called so much later than it wanted to be, it may have missed what waits to be read.
inline constexpr Duration kSelfDelay = milliseconds(50);

// Following.
inline constexpr Duration kProposeAgain = milliseconds(500);
inline constexpr uint64_t kUnacknowledgedMax = 3;  // a leader that hears no answer to so many does not hear us

// Leading.
inline constexpr Duration kLeadEvery = milliseconds(25);
inline constexpr Duration kScanInterval = milliseconds(500);  // for nodes that follow nobody, or another
inline constexpr size_t kScanNodes = 16;
inline constexpr Duration kFlushEvery = milliseconds(20);  // what comes within is sent together
inline constexpr Duration kSendAgain = milliseconds(150);
inline constexpr Duration kPlanWait = milliseconds(50);     // after a loss
inline constexpr Duration kSettleWait = milliseconds(300);  // after one has come: others may be about to
inline constexpr size_t kFactsBytesMax = size_t{3} << 20;   // of all nodes; a snapshot is one message

}  // namespace exogpu::cluster
