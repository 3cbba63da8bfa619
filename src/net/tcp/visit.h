// Looks at what answers at an address without becoming a link to it, for those who want to know why a link fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/channel.h"
#include "security/identity.h"
#include "wire/node_id.h"

namespace exogpu::net {

// How a TCP connection began.
enum class Reached {
  yes,
  refused,    // the host says that nothing listens there
  silent,     // nothing came back in time
  nobody,     // no device answers at this address, or a firewall on the way says so
  no_route,   // this machine knows no way there
  forbidden,  // by this machine itself
};

// Who is there, by certificates that belong together; it has proved that it holds the node's key.
struct Shown {
  wire::NodeId node;
  wire::ClusterId cluster;
  security::Validity node_valid, cluster_valid;
};

struct Visit {
  Reached reached = Reached::no_route;
  std::string words{};                   // the system's, where it was not reached
  std::optional<Result<Shown>> shown{};  // once it was reached. Errors: of TLS; unsupported when it is no node
  // Once it has shown itself as another node of `self`'s cluster: what its Hello says.
  std::optional<Result<Peer>> greeted{};
};

// `address` is a numeric one. Each of the steps takes at most `step_max`; blocks for as long. Without `self` it is not
// greeted. The other end notes a link that ended before it began, and that this was only a look.
Visit visit(const std::string& address, uint16_t port, const security::Identity* self,
            Duration step_max = std::chrono::seconds(2));

}  // namespace exogpu::net
