// What visits to another node tell about why it is not seen, or does not see this one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/mdns/announcement.h"
#include "net/tcp/visit.h"
#include "node/doctor/finding.h"
#include "node/doctor/interfaces.h"

namespace exogpu::node {

struct Visited {
  std::string address;
  uint16_t port = 0;
  net::Visit visit;
};

// This device, as far as the others care.
struct Here {
  const security::Identity* identity = nullptr;  // none: of no cluster
  std::vector<Interface> interfaces;
  security::WallTime now;
};

// A node, by its name or address for people, after a visit to each of its addresses (one at least). `said`: what it
// announces, where it was found by that. `alien`: the level at which another cluster is reported.
std::vector<Finding> judge_other(const std::string& name, const std::optional<net::Announcement>& said,
                                 std::span<const Visited> visits, const Here& here, Level alien);

// "2026-11-21 20:14 UTC".
std::string date_text(security::WallTime time);

}  // namespace exogpu::node
