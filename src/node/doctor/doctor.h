// Why the other nodes do not discover a node: examines this machine, the network, and the nodes there.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "node/finding.h"
#include "node/node.h"

namespace exogpu::node {

struct DoctorOptions {
  std::filesystem::path state;                                      // of this device's identity
  std::shared_ptr<const security::KeyPassphrase> key_passphrase{};  // of its private keys; null: none
  uint16_t link_port = 7766;                                        // where nodes of this device are to listen
  std::optional<Address> at{};  // looks at this address, and not at all nodes that are found
  // Of listening to the network. A question whose answer was just given to somebody else is not answered again within a
  // second; it is asked at once, after 1 s and after 3 s.
  std::chrono::milliseconds timeout{3500};
};

// Blocks for some seconds. Changes nothing, here or elsewhere; a node that is looked at notes that it was.
std::vector<Finding> diagnose(const DoctorOptions& options);

}  // namespace exogpu::node
