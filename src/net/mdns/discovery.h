// Nodes on the same network find each other without being told where: mDNS and DNS-SD, with a responder of our own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "base/result.h"
#include "net/mdns/discovered.h"

namespace exogpu::net {

struct DiscoveryOptions {
  bool loopback = false;  // that interface instead of all others: nodes of this machine alone
};

// Announces a node, if one is given, and reports the others, on every interface that can multicast, over IPv4 and IPv6.
//
// Has a thread of its own. Calls of the handler are posted to `executor`, whose thread all calls of this object must be
// made on; none comes after its destructor. That one takes leave of the network, which the others hear at once.
// Any machine on the network can announce anything: a report is only a hint where to connect.
class Discovery {
 public:
  // Errors: unavailable, when the system does not let it; a node can do without.
  static Result<std::unique_ptr<Discovery>> start(const boost::asio::any_io_executor& executor,
                                                  const std::optional<Announcement>& own, DiscoveryHandler handler,
                                                  DiscoveryOptions options = {});
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Says something else of the same node from now on.
  void announce(Announcement own);

 private:
  struct Impl;
  explicit Discovery(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::net
