// Nodes on the same network find each other without configuration: mDNS and DNS-SD, with a built-in responder.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "base/result.h"
#include "net/mdns/discovered.h"

namespace exogpu::net {

struct DiscoveryOptions {
  bool loopback = false;  // only the loopback interface: nodes of this machine
};

// Announces `own`, if given, and reports other nodes, on every interface with multicast, over IPv4 and IPv6.
//
// Runs a thread. All calls of this object must be made on the thread of `executor`, and handlers are called there,
// never after the destructor. The destructor sends goodbye packets, so that other nodes notice at once. Any device on
// the network can send announcements: a report is a hint where to connect, nothing more.
class Discovery {
 public:
  // Errors: unavailable, if the operating system forbids it; a node works without discovery.
  static Result<std::unique_ptr<Discovery>> start(const boost::asio::any_io_executor& executor,
                                                  const std::optional<Announcement>& own, DiscoveryHandler handler,
                                                  DiscoveryOptions options = {});
  ~Discovery();
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;

  // Replaces the announcement of the same node.
  void announce(Announcement own);

 private:
  struct Impl;
  explicit Discovery(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::net
