// How a device becomes part of a cluster by a code that one of the cluster's devices shows.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "node/node.h"
#include "security/pairing/code.h"

namespace exogpu::node {

struct JoinByCode {
  std::filesystem::path state;  // where the identity is stored; a previous one stays beside it
  std::shared_ptr<const security::KeyPassphrase> key_passphrase{};  // of its private keys; null: none
  std::optional<Address> at{};  // the device that shows the code; without it, it is looked for on the local network
  std::chrono::milliseconds timeout{5000};  // of looking
};

// Returns what to call the device that let this one in. Blocks.
// Errors: not_found (no device on the network shows a code), failed_precondition (several do; or the one at `at` does
// not), unauthenticated (the code is wrong), and those of the connection and of the state folder.
Result<std::string> join_by_code(const security::PairingCode& code, const JoinByCode& options);

}  // namespace exogpu::node
