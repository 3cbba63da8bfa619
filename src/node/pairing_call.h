// A device that wants to be let in calls a node.
#pragma once

#include <functional>
#include <vector>

#include "net/tcp/join.h"
#include "node/node.h"

namespace exogpu::node {

// At one of these addresses after the other, until one answers. Blocks; `stop` is asked a few times a second whether to
// give up, which is cancelled. Errors: as net::pair_with().
net::PairingEnd call_for_pairing(const net::PairingCall& call, const std::vector<Address>& at,
                                 const std::function<bool()>& stop = {});

}  // namespace exogpu::node
