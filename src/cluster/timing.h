// Intervals, timeouts and limits of the agent. Only for the .cpp files of this folder.
#pragma once

#include "cluster/detector.h"

namespace exogpu::cluster {

using std::chrono::milliseconds;

inline constexpr Duration kPingInterval = milliseconds(1000);  // pings one link
inline constexpr Duration kLinksFirst = milliseconds(3000);
inline constexpr Duration kLinksEvery = milliseconds(10'000);
inline constexpr size_t kLinksReportedFully =
    32;  // up to so many nodes publish at this interval; more publish less often
inline constexpr size_t kLinksReportedMax = 32;    // of one node
inline constexpr double kDelayChangeMin = 0.5e-3;  // seconds
inline constexpr double kRateChangeMin = 0.3;      // of the greater value
inline constexpr double kLossChangeMin = 0.005;
inline constexpr Duration kCommandMax = milliseconds(30'000);
inline constexpr Duration kReportCountersEvery = milliseconds(60'000);

// While electing.
inline constexpr size_t kFirstProbes = 8;                     // of the best candidates; each further round doubles it
inline constexpr size_t kOtherProbes = 3;                     // of the other nodes, which may have a leader
inline constexpr Duration kProbeTimeout = milliseconds(100);  // enough on a local network
inline constexpr Duration kClaimTimeout = milliseconds(300);  // for a better candidate to claim a term
inline constexpr Duration kProbeRetry = milliseconds(150);    // while a leader is known
inline constexpr Duration kReportLifetime = milliseconds(1000);  // a reply counts for so long
inline constexpr int kUnansweredMax = 3;

// When tick() is called so late, received messages may still wait to be read: the detectors get the delay on top.
inline constexpr Duration kSelfDelay = milliseconds(50);

// While following.
inline constexpr Duration kProposeAgain = milliseconds(500);
inline constexpr uint64_t kUnacknowledgedMax =
    3;  // after so many heartbeats without an acknowledgement the leader does not receive this node

// While leading.
inline constexpr Duration kLeadEvery = milliseconds(25);
inline constexpr Duration kScanInterval = milliseconds(500);  // for nodes without a leader, or with another one
inline constexpr size_t kScanNodes = 16;
inline constexpr Duration kFlushEvery = milliseconds(20);  // entries of this time are sent in one message
inline constexpr Duration kSendAgain = milliseconds(150);
inline constexpr Duration kPlanWait = milliseconds(50);     // after a node is lost
inline constexpr Duration kSettleWait = milliseconds(300);  // after a node has come online: others may follow
inline constexpr Duration kRoomAgain = milliseconds(100);   // between two searches of room for a model
inline constexpr Duration kUnplacedKept = milliseconds(
    10'000);  // a model that was loaded on request, has no room or no weights, and that no request waits for
inline constexpr size_t kFactsBytesMax = size_t{3} << 20;  // of all nodes: a snapshot must fit into one message

}  // namespace exogpu::cluster
