// Connects a newcomer to a node for pairing.
#pragma once

#include <functional>
#include <vector>

#include "net/tcp/join.h"
#include "node/node.h"

namespace exogpu::node {

// Tries the addresses one after the other, until one answers. Blocks; calls `stop` a few times per second and returns
// `cancelled` if it is true. Errors: those of net::pair_with().
net::PairingEnd call_for_pairing(const net::PairingCall& call, const std::vector<Address>& at,
                                 const std::function<bool()>& stop = {});

}  // namespace exogpu::node
