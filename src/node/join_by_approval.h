// How a device becomes part of a cluster by a code of its own, which somebody types on one of the cluster's devices.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "node/node.h"
#include "security/pairing/code.h"

namespace exogpu::node {

struct JoinByApproval {
  std::filesystem::path state;  // where the identity is kept; the one there was stays beside it
  std::optional<Address> at{};  // the device to be let in by; without it, it is looked for on the local network
  std::function<void(const security::PairingCode&)> show;  // this code from now on, in place of the one before
  std::function<void(const std::string&)> tell;            // a line for people
  std::function<bool()> stop;                              // asked a few times a second: whether to give up
};

// Shows one code after the other and looks for a device that approves, until it is let in. Returns what to call that
// device. Blocks. A code holds for security::kPairingLifetime, or until its proof went to a device and nothing came of
// it: one that was made up by somebody to get at the code could try a guess by each.
// Errors: cancelled (told to stop; nothing is kept then), unavailable (mDNS cannot be used here, and no device is
// named), resource_exhausted (too many codes were wrong), and those of the state folder.
Result<std::string> join_by_approval(const JoinByApproval& options);

}  // namespace exogpu::node
