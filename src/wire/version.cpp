#include "wire/version.h"

#include <algorithm>

namespace exogpu::wire {
namespace {

std::string describe(const Versions& versions) {
  if (versions.protocol_min == versions.protocol_max) {
    return std::format("exogpu {} (protocol {})", versions.program, versions.protocol_max);
  }
  return std::format("exogpu {} (protocols {} to {})", versions.program, versions.protocol_min, versions.protocol_max);
}

}  // namespace

Result<uint32_t> negotiate(const Versions& ours, const Versions& theirs) {
  const uint32_t newest = std::min(ours.protocol_max, theirs.protocol_max);
  if (newest >= std::max(ours.protocol_min, theirs.protocol_min)) return newest;
  return fail(ErrorCode::unsupported, "this node runs {}, the other {}, and they have no protocol in common; update {}",
              describe(ours), describe(theirs),
              ours.protocol_max < theirs.protocol_max ? "this node" : "the other node");
}

}  // namespace exogpu::wire
