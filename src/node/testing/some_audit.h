// An audit for tests of what records there.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "node/audit.h"
#include "security/authority.h"

namespace exogpu::node::testing {

inline security::Identity some_identity() {
  const auto now = std::chrono::system_clock::now();
  return security::Identity::issue(security::Authority::create(now).value(), now).value();
}

// Of a node with a key of its own.
inline std::unique_ptr<Audit> some_audit(const std::filesystem::path& state) {
  return Audit::open(state, some_identity()).value();
}

}  // namespace exogpu::node::testing
