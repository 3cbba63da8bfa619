// The nodes that others announce, combined from the announcements on each interface.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "base/result.h"
#include "net/mdns/avahi.h"
#include "net/mdns/discovered.h"

namespace exogpu::net {

struct BrowserOptions {
  bool loopback = false;               // only addresses of this machine
  std::optional<wire::NodeId> self{};  // not reported
};

// The number of nodes, announcements and addresses per node is bounded, since any device on the network can send them.
// One thread at a time.
class Browser {
 public:
  // Calls the handler from inside the poll. Errors: internal.
  static Result<std::unique_ptr<Browser>> make(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options,
                                               DiscoveryHandler handler);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

 private:
  // The announcement of a node on one interface, by IPv4 or IPv6.
  struct Instance;
  using Key = std::tuple<wire::NodeId, AvahiIfIndex, AvahiProtocol>;
  Browser(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options, DiscoveryHandler handler);
  static void on_service(AvahiSServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol, AvahiBrowserEvent event,
                         const char* name, const char*, const char*, AvahiLookupResultFlags, void* self);
  void add(const Key& key);
  void report(wire::NodeId node);
  void trouble(ErrorCode code, std::string message);

  AvahiServer* server_;
  const AvahiPoll* poll_;
  BrowserOptions options_;
  DiscoveryHandler handler_;
  std::map<Key, std::unique_ptr<Instance>> instances_;
  std::map<wire::NodeId, DiscoveredNode> reported_;
  std::set<std::string> troubles_;  // already reported
  Avahi<AvahiSServiceBrowser> services_;
};

}  // namespace exogpu::net
