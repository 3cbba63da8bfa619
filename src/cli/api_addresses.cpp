#include "cli/api_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <format>
#include <memory>

namespace exogpu::cli {
namespace {

std::string api_url(std::string_view scheme, const std::string& host, uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return std::format("{}://{}{}{}:{}/v1", scheme, is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
}

std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(), text.size());
  } else {
    const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_LINKLOCAL(&ipv6)) inet_ntop(AF_INET6, &ipv6, text.data(), text.size());
  }
  return text.data();
}

}  // namespace

std::vector<std::string> own_addresses(bool ipv6) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, &freeifaddrs);
  std::vector<std::string> addresses;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* each = first; each != nullptr && (family == AF_INET || ipv6); each = each->ifa_next) {
      const bool usable = (each->ifa_flags & IFF_UP) != 0 && (each->ifa_flags & IFF_LOOPBACK) == 0;
      if (!usable || each->ifa_addr == nullptr || each->ifa_addr->sa_family != family) continue;
      if (std::string text = text_of(each->ifa_addr); !text.empty()) addresses.push_back(std::move(text));
    }
  }
  return addresses;
}

std::string api_addresses(const std::string& listens_at, uint16_t port, std::span<const std::string> own,
                          std::string_view scheme) {
  if (listens_at != "::" && listens_at != "0.0.0.0") return api_url(scheme, listens_at, port);
  const std::string here = api_url(scheme, "localhost", port);
  return own.empty() ? here : std::format("{}, from other machines {}", here, api_url(scheme, own.front(), port));
}

}  // namespace exogpu::cli
