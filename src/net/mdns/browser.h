// The nodes that others announce, put together from what is seen of them on each interface.
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
  bool loopback = false;               // take addresses of this machine alone
  std::optional<wire::NodeId> self{};  // is not reported
};

// What comes from the network is bounded: nodes, sightings of them, addresses of each. One thread at a time.
class Browser {
 public:
  // Calls come from inside the poll. Errors: internal.
  static Result<std::unique_ptr<Browser>> make(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options,
                                               DiscoveryHandler handler);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

 private:
  // A service on an interface, by IPv4 or IPv6.
  struct Sighting;
  using Key = std::tuple<wire::NodeId, AvahiIfIndex, AvahiProtocol>;
  Browser(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options, DiscoveryHandler handler);
  static void on_service(AvahiSServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol, AvahiBrowserEvent event,
                         const char* name, const char*, const char*, AvahiLookupResultFlags, void* self);
  void seen(const Key& key);
  void tell(wire::NodeId node);
  void trouble(ErrorCode code, std::string message);

  AvahiServer* server_;
  const AvahiPoll* poll_;
  BrowserOptions options_;
  DiscoveryHandler handler_;
  std::map<Key, std::unique_ptr<Sighting>> sightings_;
  std::map<wire::NodeId, DiscoveredNode> reported_;
  std::set<std::string> troubles_;  // each is told once
  Avahi<AvahiSServiceBrowser> services_;
};

}  // namespace exogpu::net
