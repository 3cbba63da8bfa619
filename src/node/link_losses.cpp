#include "node/link_losses.h"

#include <algorithm>

namespace exogpu::node {

double LinkLosses::add(wire::NodeId peer, const net::LinkStats& stats) {
  if (!stats.wire_bytes_sent || !stats.wire_bytes_resent) return 0;
  Link& link = links_[peer];
  // Another connection counts again.
  if (*stats.wire_bytes_sent < link.sent_before || *stats.wire_bytes_resent < link.again_before) {
    link.sent_before = link.again_before = 0;
  }
  link.sent = link.sent * kDecay + static_cast<double>(*stats.wire_bytes_sent - link.sent_before);
  link.again = link.again * kDecay + static_cast<double>(*stats.wire_bytes_resent - link.again_before);
  link.sent_before = *stats.wire_bytes_sent;
  link.again_before = *stats.wire_bytes_resent;
  return link.sent > 0 ? std::clamp(link.again / link.sent, 0.0, 1.0) : 0;
}

}  // namespace exogpu::node
