// Which versions of the protocol a node speaks, and which one two nodes speak with each other.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace exogpu::wire {

struct Versions {
  std::string program;        // for people, for example "0.1.0"
  uint32_t protocol_min = 0;  // the oldest that is spoken
  uint32_t protocol_max = 0;
  friend bool operator==(const Versions&, const Versions&) = default;
};

// What this program speaks.
Versions own_versions();

// The newest protocol that both speak. `ours` is named first in the error, on both sides.
// Errors: unsupported, which names both nodes' versions and which of them is to be updated.
Result<uint32_t> negotiate(const Versions& ours, const Versions& theirs);

}  // namespace exogpu::wire
