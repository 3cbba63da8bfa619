#include "node/self_facts.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <fstream>

#include "wire/cluster.h"

namespace exogpu::node {
namespace {

std::string word_in(const std::filesystem::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

// A battery that is neither charged nor full feeds the machine; one of a mouse or a headset does not count.
bool on_battery(const std::filesystem::path& supplies) {
  std::error_code error;
  for (const auto& supply : std::filesystem::directory_iterator(supplies, error)) {
    if (word_in(supply.path() / "type") == "Battery" && word_in(supply.path() / "scope") != "Device" &&
        word_in(supply.path() / "status") == "Discharging") {
      return true;
    }
  }
  return false;
}

// Of the interfaces that are up, but for those without hardware.
bool on_a_wire(const std::filesystem::path& interfaces) {
  std::error_code error;
  bool wireless = false;
  for (const auto& interface : std::filesystem::directory_iterator(interfaces, error)) {
    if (word_in(interface.path() / "operstate") != "up" || !std::filesystem::exists(interface.path() / "device", error))
      continue;
    if (!std::filesystem::exists(interface.path() / "wireless", error)) return true;
    wireless = true;
  }
  return !wireless;
}

}  // namespace

wire::Fitness fitness_of(std::chrono::seconds up, const std::filesystem::path& sys) {
  using std::chrono::hours, std::chrono::minutes;
  return {.mains = !on_battery(sys / "power_supply"),
          .wired = on_a_wire(sys / "net"),
          .steadiness = up < minutes(10) ? 0U
                        : up < hours(1)  ? 1U
                        : up < hours(24) ? 2U
                                         : 3U};
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  std::vector<std::string> loopback;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {"127.0.0.1"};
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char text[NI_MAXHOST] = {};
    if (getnameinfo(at->ifa_addr, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    ((at->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : addresses).emplace_back(text);
  }
  freeifaddrs(list);
  std::ranges::stable_partition(addresses, [](const std::string& a) { return !a.contains(':'); });
  addresses.insert(addresses.end(), loopback.begin(), loopback.end());
  if (addresses.size() > wire::kAddressesMax) addresses.resize(wire::kAddressesMax);
  return addresses;
}

}  // namespace exogpu::node
