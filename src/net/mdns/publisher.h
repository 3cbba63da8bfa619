// What a node shows on the network: its service, and the addresses of its host.
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

// Addresses are those of this machine, interface by interface, and follow it as they change. One thread at a time.
class Publisher {
 public:
  // Errors of later come through `on_trouble`. `loopback`: the addresses of that interface instead of all others'.
  static Result<std::unique_ptr<Publisher>> make(AvahiServer* server, const AvahiPoll* poll, bool loopback,
                                                 std::function<void(const Error&)> on_trouble);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // The first time, and when what it says has changed.
  Result<void> announce(const Announcement& said);

 private:
  using Place = std::pair<AvahiIfIndex, std::string>;  // an interface and an address of it
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
  AvahiTimer again_;  // reads the addresses
  std::optional<Announcement> published_;
  Avahi<AvahiSEntryGroup> service_;
  std::map<Place, Avahi<AvahiSEntryGroup>> addresses_;
};

}  // namespace exogpu::net
