// Publishes a node's service and the addresses of its host.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/mdns/announcement.h"
#include "net/mdns/avahi.h"

namespace exogpu::net {

// Publishes this machine's addresses on each interface and follows their changes. One thread at a time.
class Publisher {
 public:
  // Later errors come through `on_trouble`. `loopback`: only that interface, instead of all others.
  static Result<std::unique_ptr<Publisher>> make(AvahiServer* server, const AvahiPoll* poll, bool loopback,
                                                 std::function<void(const Error&)> on_trouble);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Publishes the announcement, or replaces it.
  Result<void> announce(const Announcement& announcement);

 private:
  using AddressKey = std::pair<AvahiIfIndex, std::string>;  // an interface and one of its addresses
  Publisher(AvahiServer* server, const AvahiPoll* poll, bool loopback, std::function<void(const Error&)> on_trouble);
  Result<void> watch_addresses();
  void read_addresses();
  Avahi<AvahiSEntryGroup> group();
  static void on_group(AvahiServer*, AvahiSEntryGroup* group, AvahiEntryGroupState state, void* self);
  static void on_netlink(AvahiWatch*, int fd, AvahiWatchEvent, void* self);

  AvahiServer* server_;
  const AvahiPoll* poll_;
  bool loopback_;
  std::function<void(const Error&)> on_trouble_;
  int netlink_ = -1;
  AvahiWatch* watch_ = nullptr;
  AvahiTimer reread_timer_;  // reads the addresses
  std::optional<Announcement> published_;
  Avahi<AvahiSEntryGroup> service_;
  std::map<AddressKey, Avahi<AvahiSEntryGroup>> addresses_;
};

}  // namespace exogpu::net
