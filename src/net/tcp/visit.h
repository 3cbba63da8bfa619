// Examines what answers at an address without becoming a link to it, to explain why links fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/channel.h"
#include "security/identity.h"
#include "wire/node_id.h"

namespace exogpu::net {

// How an attempt at a TCP connection ended.
enum class Reached {
  yes,
  refused,           // nothing listens at that port
  timed_out,         // no answer in time
  host_unreachable,  // no device has this address, or a firewall in between says so
  no_route,          // this machine has no route there
  forbidden,         // by this machine itself
};

// The node there, by certificates that belong together; it has proved that it has the node's key.
struct Shown {
  wire::NodeId node;
  wire::ClusterId cluster;
  security::Validity node_valid, cluster_valid;
};

struct Visit {
  Reached reached = Reached::no_route;
  std::string error_text{};                 // the operating system's message, if not reached
  std::optional<Result<Shown>> identity{};  // set once reached. Errors: of TLS; unsupported if it is not a node
  std::optional<Result<Peer>> hello{};      // set once a node of `self`'s cluster has shown itself: its Hello
};

// `address` is numeric. Blocks; each step takes at most `step_max`. Without `self` no hellos are exchanged. The other
// node logs a link that ended before it began, with the reason that `exogpu doctor` examined it.
Visit visit(const std::string& address, uint16_t port, const security::Identity* self,
            Duration step_max = std::chrono::seconds(2));

}  // namespace exogpu::net
