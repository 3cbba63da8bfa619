// The messages of the cluster's protocol.
#pragma once

#include <variant>

#include "wire/cluster_log.h"
#include "wire/election.h"

namespace exogpu::cluster {

using Message = std::variant<wire::ElectionProbe, wire::Heartbeat, wire::HeartbeatAck, wire::LinkPing, wire::LogEntries,
                             wire::LogSnapshot, wire::LogProposal>;

}  // namespace exogpu::cluster
