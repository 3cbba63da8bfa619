#include "node/doctor/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <format>
#include <map>
#include <optional>
#include <ranges>
#include <system_error>

namespace exogpu::node {
namespace {

struct Bits {
  int family = AF_UNSPEC;
  std::array<uint8_t, 16> bytes{};
};

std::optional<Bits> bits_of(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));
  Bits bits;
  for (const int family : {AF_INET, AF_INET6}) {
    bits.family = family;
    if (inet_pton(family, text.c_str(), bits.bytes.data()) == 1) return bits;
  }
  return std::nullopt;
}

bool same_network(const Bits& a, const Bits& b, unsigned prefix_bits) {
  if (a.family != b.family) return false;
  for (unsigned bit = 0; bit < prefix_bits; ++bit) {
    const unsigned mask = 0x80U >> bit % 8;
    if (((a.bytes[bit / 8] ^ b.bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

unsigned prefix_of(const sockaddr* mask) {
  unsigned bits = 0;
  if (mask == nullptr) return bits;
  if (mask->sa_family == AF_INET) {
    return static_cast<unsigned>(std::popcount(reinterpret_cast<const sockaddr_in*>(mask)->sin_addr.s_addr));
  }
  for (const uint8_t byte : reinterpret_cast<const sockaddr_in6*>(mask)->sin6_addr.s6_addr) {
    bits += static_cast<unsigned>(std::popcount(byte));
  }
  return bits;
}

std::string joined(const std::vector<InterfaceAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : ", ") + address.text;
  return text;
}

Finding judge(const Interface& one, bool others_do) {
  const auto finding = [&](Level level, const std::string& what, std::string remedy = {}) {
    return Finding{level, "interface", std::format("{}: {}", one.name, what), std::move(remedy)};
  };
  if (!one.connected) return finding(Level::note, "is not connected (no cable, or no Wi-Fi)");
  if (one.addresses.empty()) {
    return finding(
        others_do ? Level::note : Level::problem, "has no address, so nodes on it cannot be reached",
        std::format("let it get one from the router (for example: sudo dhclient {0}), or set one", one.name));
  }
  const std::string addresses = joined(one.addresses);
  if (!one.multicast) {
    // Tunnels seldom do.
    return finding(one.tunnel && others_do ? Level::note : Level::problem,
                   std::format("{}; it does not carry multicast, so nodes on it do not find each other", addresses),
                   one.tunnel
                       ? "name a node there: exogpu serve --join HOST"
                       : std::format("sudo ip link set {} multicast on; or name a node there: exogpu serve --join "
                                     "HOST",
                                     one.name));
  }
  return finding(Level::ok, std::format("{}; carries multicast", addresses));
}

}  // namespace

bool Interface::has(bool ipv6) const {
  return std::ranges::any_of(addresses, [&](const auto& address) { return address.text.contains(':') == ipv6; });
}

Result<std::vector<Interface>> read_interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return fail(ErrorCode::internal, "the network interfaces cannot be read: {}",
                std::generic_category().message(errno));
  }
  std::map<std::string, Interface> found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    Interface& one = found[at->ifa_name];
    one.name = at->ifa_name;
    one.up = (at->ifa_flags & IFF_UP) != 0;
    one.connected = (at->ifa_flags & IFF_RUNNING) != 0;
    one.loopback = (at->ifa_flags & IFF_LOOPBACK) != 0;
    one.multicast = (at->ifa_flags & IFF_MULTICAST) != 0;
    one.tunnel = (at->ifa_flags & IFF_POINTOPOINT) != 0;
    const int family = at->ifa_addr == nullptr ? AF_UNSPEC : at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char text[NI_MAXHOST] = {};
    if (getnameinfo(at->ifa_addr, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    one.addresses.push_back({.text = text, .prefix_bits = prefix_of(at->ifa_netmask)});
  }
  freeifaddrs(list);
  return found | std::views::values | std::ranges::to<std::vector>();
}

std::vector<Finding> judge_interfaces(std::span<const Interface> interfaces) {
  std::vector<Finding> findings;
  const bool usable = std::ranges::any_of(interfaces, &Interface::usable);
  for (const Interface& one : interfaces) {
    if (one.up && !one.loopback) findings.push_back(judge(one, usable));
  }
  if (!usable && std::ranges::none_of(findings, [](const auto& it) { return it.level == Level::problem; })) {
    std::string down;
    for (const Interface& one : interfaces) {
      if (!one.up) down += std::format("{}{}", down.empty() ? "" : ", ", one.name);
    }
    findings.push_back({Level::problem, "interface", "this device is in no network",
                        down.empty() ? "plug a cable in, or choose a Wi-Fi network"
                                     : std::format("turn an interface on; off are: {}", down)});
  }
  return findings;
}

bool in_own_network(std::span<const Interface> interfaces, std::string_view address) {
  const auto target = bits_of(address);
  if (!target) return false;
  for (const Interface& one : interfaces) {
    if (!one.up) continue;
    for (const InterfaceAddress& own : one.addresses) {
      const auto bits = bits_of(own.text);
      if (bits && same_network(*target, *bits, own.prefix_bits)) return true;
    }
  }
  return false;
}

std::string own_addresses_text(std::span<const Interface> interfaces) {
  std::string text;
  for (const Interface& one : interfaces) {
    if (!one.up || one.loopback || one.addresses.empty()) continue;
    text += (text.empty() ? "" : ", ") + joined(one.addresses);
  }
  return text.empty() ? "none" : text;
}

}  // namespace exogpu::node
