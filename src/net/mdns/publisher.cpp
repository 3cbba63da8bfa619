#include "net/mdns/publisher.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace exogpu::net {
namespace {

// Address changes come in bursts, and a new IPv6 address is not usable at once.
constexpr unsigned kSettleMs = 200;
// For systems that do not report changes.
constexpr unsigned kReadAgainMs = 30'000;

std::optional<AvahiAddress> avahi_address(const sockaddr* from) {
  AvahiAddress address{};
  if (from != nullptr && from->sa_family == AF_INET) {
    address.proto = AVAHI_PROTO_INET;
    address.data.ipv4.address = reinterpret_cast<const sockaddr_in*>(from)->sin_addr.s_addr;
  } else if (from != nullptr && from->sa_family == AF_INET6) {
    address.proto = AVAHI_PROTO_INET6;
    std::memcpy(address.data.ipv6.address, &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, 16);
  } else {
    return std::nullopt;
  }
  return address;
}

}  // namespace

Publisher::Publisher(AvahiServer* server, const AvahiPoll* poll, bool loopback,
                     std::function<void(const Error&)> on_trouble)
    : server_(server),
      poll_(poll),
      loopback_(loopback),
      on_trouble_(std::move(on_trouble)),
      reread_timer_(poll, [](void* self) { static_cast<Publisher*>(self)->read_addresses(); }, this) {}

Publisher::~Publisher() {
  if (watch_ != nullptr) poll_->watch_free(watch_);
  if (netlink_ >= 0) ::close(netlink_);
}

Result<std::unique_ptr<Publisher>> Publisher::make(AvahiServer* server, const AvahiPoll* poll, bool loopback,
                                                   std::function<void(const Error&)> on_trouble) {
  std::unique_ptr<Publisher> made(new Publisher(server, poll, loopback, std::move(on_trouble)));
  EXO_CHECK(made->watch_addresses());
  return made;
}

Result<void> Publisher::watch_addresses() {
  netlink_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl where{};
  where.nl_family = AF_NETLINK;
  where.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (netlink_ < 0 || ::bind(netlink_, reinterpret_cast<const sockaddr*>(&where), sizeof(where)) != 0) {
    return fail(ErrorCode::io_error, "changes of this machine's addresses cannot be watched: {}",
                std::generic_category().message(errno));
  }
  watch_ = poll_->watch_new(poll_, netlink_, AVAHI_WATCH_IN, on_netlink, this);
  return {};
}

void Publisher::on_netlink(AvahiWatch*, int fd, AvahiWatchEvent, void* self) {
  std::array<std::byte, 8192> ignored;  // only the fact of a change matters
  while (::recv(fd, ignored.data(), ignored.size(), 0) > 0) {
  }
  static_cast<Publisher*>(self)->reread_timer_.after(kSettleMs);
}

void Publisher::on_group(AvahiServer*, AvahiSEntryGroup*, AvahiEntryGroupState state, void* self) {
  auto& it = *static_cast<Publisher*>(self);
  if (state == AVAHI_ENTRY_GROUP_COLLISION) {
    it.on_trouble_({ErrorCode::already_exists,
                    std::format("another device on this network announces the id {} of this node, so this node "
                                "stops announcing itself; if its state folder was copied, give each device its own",
                                it.published_ ? it.published_->node.short_text() : "")});
  }
}

Avahi<AvahiSEntryGroup> Publisher::group() {
  return Avahi<AvahiSEntryGroup>(avahi_s_entry_group_new(server_, on_group, this));
}

Result<void> Publisher::announce(const Announcement& announcement) {
  const bool renewed = !published_ || published_->node != announcement.node || published_->port != announcement.port;
  const bool first = !published_;
  published_ = announcement;
  const std::string instance = announcement.node.text();
  const auto txt = string_list(txt_of(announcement));
  int error = 0;
  if (renewed) {
    service_ = group();
    if (!service_) return fail(ErrorCode::internal, "mDNS: {}", avahi_strerror(avahi_server_errno(server_)));
    error = avahi_server_add_service_strlst(server_, service_.get(), AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                            AvahiPublishFlags{}, instance.c_str(), kServiceType, nullptr, nullptr,
                                            announcement.port, txt.get());
    if (error == 0) error = avahi_s_entry_group_commit(service_.get());
  } else {
    error =
        avahi_server_update_service_txt_strlst(server_, service_.get(), AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
                                               AvahiPublishFlags{}, instance.c_str(), kServiceType, nullptr, txt.get());
  }
  if (error != 0) return fail(ErrorCode::internal, "mDNS cannot announce this node: {}", avahi_strerror(error));
  if (first) read_addresses();
  return {};
}

void Publisher::read_addresses() {
  reread_timer_.after(kReadAgainMs);
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  std::map<AddressKey, Avahi<AvahiSEntryGroup>> current;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    const bool loopback = (at->ifa_flags & IFF_LOOPBACK) != 0;
    if (loopback != loopback_ || (at->ifa_flags & IFF_UP) == 0) continue;
    auto address = avahi_address(at->ifa_addr);
    const auto interface = static_cast<AvahiIfIndex>(if_nametoindex(at->ifa_name));
    if (!address || interface <= 0) continue;
    char text[AVAHI_ADDRESS_STR_MAX] = {};
    avahi_address_snprint(text, sizeof(text), &*address);
    const AddressKey key(interface, text);
    if (auto known = addresses_.extract(key)) {
      current.insert(std::move(known));
      continue;
    }
    // Without a reverse record: the system's own responder may publish one.
    auto entry = group();
    if (entry &&
        avahi_server_add_address(server_, entry.get(), interface, address->proto, AVAHI_PUBLISH_NO_REVERSE, nullptr,
                                 &*address) == 0 &&
        avahi_s_entry_group_commit(entry.get()) == 0) {
      current.emplace(key, std::move(entry));
    }
  }
  freeifaddrs(list);
  addresses_ = std::move(current);  // addresses that are gone are withdrawn here
}

}  // namespace exogpu::net
