#include "net/mdns/browser.h"

#include <arpa/inet.h>
#include <avahi-common/domain.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace exogpu::net {
namespace {

constexpr size_t kInstancesMax = 4 * kDiscoveredNodesMax;
constexpr size_t kTroublesMax = 16;
constexpr unsigned kRetryMs = 1000;  // doubled at each retry
constexpr unsigned kRetriesMax = 8;  // number of doublings

// The address of a record as text, with its interface if link-local; empty for an address that no other node can have.
std::optional<std::string> address_text(const AvahiRecord& record, AvahiIfIndex interface, bool loopback) {
  char text[INET6_ADDRSTRLEN] = {};
  if (record.key->type == AVAHI_DNS_TYPE_A) {
    in_addr address{};
    std::memcpy(&address, &record.data.a.address, sizeof(address));
    const uint32_t bits = ntohl(address.s_addr);
    const bool local = bits >> 24 == 127;
    if (bits >> 24 == 0 || bits >> 28 >= 14 || local != loopback) return std::nullopt;
    inet_ntop(AF_INET, &address, text, sizeof(text));
    return text;
  }
  if (record.key->type != AVAHI_DNS_TYPE_AAAA) return std::nullopt;
  in6_addr address{};
  std::memcpy(&address, record.data.aaaa.address.address, sizeof(address));
  if (IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_MULTICAST(&address) || IN6_IS_ADDR_V4MAPPED(&address) ||
      IN6_IS_ADDR_LOOPBACK(&address) != loopback) {
    return std::nullopt;
  }
  inet_ntop(AF_INET6, &address, text, sizeof(text));
  if (!IN6_IS_ADDR_LINKLOCAL(&address)) return text;
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(static_cast<unsigned>(interface), name) == nullptr) return std::nullopt;
  return std::format("{}%{}", text, name);
}

// Orders IPv4 before global IPv6 before link-local IPv6.
int rank(const std::string& address) {
  if (!address.contains(':')) return 0;
  return address.contains('%') ? 2 : 1;
}

}  // namespace

struct Browser::Instance {
  Instance(Browser& of, const Key& what)
      : browser(of),
        key(what),
        retry_timer(of.poll_, [](void* self) { static_cast<Instance*>(self)->resolve(); }, this) {}

  void resolve() {
    const auto& [node, interface, protocol] = key;
    resolver.reset(avahi_s_service_resolver_new(
        browser.server_, interface, protocol, node.text().c_str(), kServiceType, nullptr, AVAHI_PROTO_UNSPEC,
        static_cast<AvahiLookupFlags>(AVAHI_LOOKUP_USE_MULTICAST | AVAHI_LOOKUP_NO_ADDRESS), on_resolved, this));
    if (!resolver) failed();
  }

  // The resolver may be the caller, so it is not destroyed here.
  void failed() {
    announcement.reset();
    host.clear();
    addresses.clear();
    retry_timer.after(kRetryMs << std::min(failures++, kRetriesMax));
  }

  static void on_resolved(AvahiSServiceResolver*, AvahiIfIndex, AvahiProtocol, AvahiResolverEvent event, const char*,
                          const char*, const char*, const char* host_name, const AvahiAddress*, uint16_t port,
                          AvahiStringList* txt, AvahiLookupResultFlags, void* self) {
    auto& it = *static_cast<Instance*>(self);
    const wire::NodeId node = std::get<wire::NodeId>(it.key);
    if (event != AVAHI_RESOLVER_FOUND) {
      it.failed();
      return it.browser.report(node);
    }
    it.failures = 0;
    std::vector<std::string> strings;
    for (; txt != nullptr; txt = avahi_string_list_get_next(txt)) {
      strings.emplace_back(reinterpret_cast<const char*>(avahi_string_list_get_text(txt)),
                           avahi_string_list_get_size(txt));
    }
    auto parsed = announcement_of(node.text(), port, strings);
    if (parsed) {
      it.announcement = *std::move(parsed);
    } else {
      it.announcement.reset();
      it.browser.trouble(parsed.error().code, std::format("a device on this network sends {}", parsed.error().message));
    }
    if (host_name != nullptr) it.look_up(host_name);
    it.browser.report(node);
  }

  void look_up(const std::string& name) {
    if (name == host || !avahi_is_valid_domain_name(name.c_str())) return;
    host = name;
    addresses.clear();
    const auto& [node, interface, protocol] = key;
    const Avahi<AvahiKey> record(avahi_key_new(name.c_str(), AVAHI_DNS_CLASS_IN,
                                               protocol == AVAHI_PROTO_INET ? AVAHI_DNS_TYPE_A : AVAHI_DNS_TYPE_AAAA));
    if (!record) return;
    records.reset(avahi_s_record_browser_new(browser.server_, interface, protocol, record.get(),
                                             AVAHI_LOOKUP_USE_MULTICAST, on_record, this));
  }

  static void on_record(AvahiSRecordBrowser*, AvahiIfIndex interface, AvahiProtocol, AvahiBrowserEvent event,
                        AvahiRecord* record, AvahiLookupResultFlags, void* self) {
    auto& it = *static_cast<Instance*>(self);
    if (record == nullptr) return;
    const auto text = address_text(*record, interface, it.browser.options_.loopback);
    if (!text) return;
    if (event == AVAHI_BROWSER_REMOVE) {
      it.addresses.erase(*text);
    } else if (event == AVAHI_BROWSER_NEW && it.addresses.size() < kDiscoveredAddressesMax) {
      it.addresses.insert(*text);
    }
    it.browser.report(std::get<wire::NodeId>(it.key));
  }

  Browser& browser;
  Key key;
  std::optional<Announcement> announcement;
  std::string host;
  std::set<std::string> addresses;
  unsigned failures = 0;
  AvahiTimer retry_timer;
  Avahi<AvahiSServiceResolver> resolver;
  Avahi<AvahiSRecordBrowser> records;
};

Browser::Browser(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options, DiscoveryHandler handler)
    : server_(server), poll_(poll), options_(options), handler_(std::move(handler)) {}

Browser::~Browser() = default;

Result<std::unique_ptr<Browser>> Browser::make(AvahiServer* server, const AvahiPoll* poll, BrowserOptions options,
                                               DiscoveryHandler handler) {
  std::unique_ptr<Browser> made(new Browser(server, poll, options, std::move(handler)));
  made->services_.reset(avahi_s_service_browser_new(server, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, kServiceType, nullptr,
                                                    AVAHI_LOOKUP_USE_MULTICAST, on_service, made.get()));
  if (!made->services_) {
    return fail(ErrorCode::internal, "mDNS cannot search for other nodes: {}",
                avahi_strerror(avahi_server_errno(server)));
  }
  return made;
}

void Browser::on_service(AvahiSServiceBrowser*, AvahiIfIndex interface, AvahiProtocol protocol, AvahiBrowserEvent event,
                         const char* name, const char*, const char*, AvahiLookupResultFlags, void* self) {
  auto& it = *static_cast<Browser*>(self);
  if (name == nullptr || (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE)) return;
  const auto node = wire::NodeId::parse(name);
  if (!node || node == it.options_.self) return;
  const Key key(*node, interface, protocol);
  if (event == AVAHI_BROWSER_NEW) return it.add(key);
  it.instances_.erase(key);
  it.report(*node);
}

void Browser::add(const Key& key) {
  if (instances_.contains(key)) return;
  if (instances_.size() >= kInstancesMax) {
    return trouble(
        ErrorCode::resource_exhausted,
        std::format("this network has more than {} announcements of nodes; the rest is ignored", kInstancesMax));
  }
  instances_.emplace(key, std::make_unique<Instance>(*this, key)).first->second->resolve();
}

void Browser::report(wire::NodeId node) {
  std::optional<DiscoveredNode> now;
  for (auto at = instances_.lower_bound({node, 0, 0}); at != instances_.end(); ++at) {
    const auto& [key, instance] = *at;
    if (std::get<wire::NodeId>(key) != node) break;
    if (!instance->announcement) continue;
    if (!now) now = DiscoveredNode{.announcement = *instance->announcement, .addresses = {}};
    for (const std::string& address : instance->addresses) {
      if (!std::ranges::contains(now->addresses, address)) now->addresses.push_back(address);
    }
  }
  const auto known = reported_.find(node);
  if (!now) {
    if (known == reported_.end()) return;
    reported_.erase(known);
    if (handler_.on_gone) handler_.on_gone(node);
    return;
  }
  if (now->addresses.empty()) return;  // their lookup is not finished
  std::ranges::stable_sort(now->addresses, {}, rank);
  if (now->addresses.size() > kDiscoveredAddressesMax) now->addresses.resize(kDiscoveredAddressesMax);
  if (known != reported_.end()) {
    if (known->second == *now) return;
    known->second = *now;
    if (handler_.on_changed) handler_.on_changed(*now);
    return;
  }
  if (reported_.size() >= kDiscoveredNodesMax) {
    return trouble(ErrorCode::resource_exhausted,
                   std::format("this network has more than {} nodes; the rest is ignored", kDiscoveredNodesMax));
  }
  reported_.emplace(node, *now);
  if (handler_.on_found) handler_.on_found(*now);
}

void Browser::trouble(ErrorCode code, std::string message) {
  if (troubles_.size() >= kTroublesMax || !troubles_.insert(message).second) return;
  if (handler_.on_trouble) handler_.on_trouble({code, std::move(message)});
}

}  // namespace exogpu::net
