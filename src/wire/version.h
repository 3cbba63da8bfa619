// The protocol versions of a node, and the one that two nodes agree on.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace exogpu::wire {

struct Versions {
  std::string program;        // for people, for example "0.1.0"
  uint32_t protocol_min = 0;  // the oldest that the node supports
  uint32_t protocol_max = 0;
  friend bool operator==(const Versions&, const Versions&) = default;
};

// The versions of this program.
Versions own_versions();

// The newest protocol that both support. The error names `ours` first.
// Errors: unsupported, which names both nodes' versions and which of them is to be updated.
Result<uint32_t> negotiate(const Versions& ours, const Versions& theirs);

}  // namespace exogpu::wire
