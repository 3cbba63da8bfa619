// Derives from visits to another node why the nodes do not find or reach each other.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/mdns/announcement.h"
#include "net/tcp/visit.h"
#include "node/doctor/interfaces.h"
#include "node/finding.h"

namespace exogpu::node {

struct Visited {
  std::string address;
  uint16_t port = 0;
  net::Visit visit;
};

// Facts about this device.
struct Here {
  const security::Identity* identity = nullptr;  // null: in no cluster
  std::vector<Interface> interfaces;
  security::WallTime now;
  std::filesystem::path state{};  // folder of the identity
  bool node_runs = false;         // with that folder
};

// Findings about a node with this name or address, after a visit to each of its addresses (at least one).
// `announcement` is set if it was found by mDNS. `alien`: the level at which another cluster is reported.
std::vector<Finding> judge_other(const std::string& name, const std::optional<net::Announcement>& announcement,
                                 std::span<const Visited> visits, const Here& here, Level alien);

}  // namespace exogpu::node
