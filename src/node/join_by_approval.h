// Joins a cluster by a code that this device shows and a person types on a device of the cluster.
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
  std::filesystem::path state;  // where the identity is stored; a previous one stays beside it
  std::shared_ptr<const security::KeyPassphrase> key_passphrase{};  // of its private keys; null: none
  std::optional<Address> at{};  // the device to join through; without it, searches the local network
  std::function<void(const security::PairingCode&)> show;  // shows a code, which replaces the previous one
  std::function<void(const std::string&)> show_text;       // shows a line of text to the user
  std::function<bool()> stop;                              // called a few times per second; true: give up
};

// Shows codes and searches for a device that approves, until one admits this device. Returns that device's name.
// Blocks. A code is valid for security::kPairingLifetime, or until its proof was sent to a device and failed: an
// attacker could test one guess per proof.
// Errors: cancelled (by `stop`; nothing is stored), unavailable (mDNS cannot be used here, and no device is named),
// resource_exhausted (too many wrong codes), and those of the state folder.
Result<std::string> join_by_approval(const JoinByApproval& options);

}  // namespace exogpu::node
